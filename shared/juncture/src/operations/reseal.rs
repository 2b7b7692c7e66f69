//! Re-seals every stored token with the first key and in the configured format, so that an older key can be removed, and
//! clear text of the TypeScript Juncture is gone.
//!
//! This is safe to interrupt, to repeat and to run while callers refresh: a row is only replaced if it is unchanged
//! since it was read, a locked row is left for the next pass, and values that are already sealed like this are not
//! touched. A refresh whose row was re-sealed in the meantime continues, see `tokens::refresh`.
//!
//! Other values in Redis are left alone. A cached access token that cannot be decrypted counts as missing. Stored
//! responses of idempotent requests and pending consents expire within [`Reseal::REDIS_SETTLES`] after they were
//! sealed.

use std::time::Duration;

use base::crypto::Sealed;
use stores::postgres::{failed, within_budget};
use stores::upstash::Command;
use tokio_postgres::Row;
use tokio_postgres::types::{ToSql, Type};
use uuid::Uuid;

use crate::connections::{ConnectionKey, Connections, ExternalId, TokenColumn, reseal_stash, stash_key};
use crate::error::Result;
use crate::idempotency;
use crate::provider::ProviderId;

/// Rows per statement.
const BATCH: i64 = 100;

/// Re-seals stored tokens.
pub struct Reseal {
    connections: Connections,
}

/// The result of one batch, or the sum of several.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Resealed {
    /// Connections that were read.
    pub seen: usize,
    /// Rows that were re-sealed.
    pub rows: usize,
    /// Stashes in Redis that were re-sealed.
    pub stashes: usize,
    /// Rows that were skipped because of concurrent writes; another pass is needed.
    pub contested: usize,
    /// Connections whose refresh token none of the keys can decrypt.
    pub unreadable: Vec<Uuid>,
}

impl Resealed {
    /// Adds the result of another batch.
    pub fn add(&mut self, other: Self) {
        self.seen += other.seen;
        self.rows += other.rows;
        self.stashes += other.stashes;
        self.contested += other.contested;
        self.unreadable.extend(other.unreadable);
    }
}

struct StoredRow {
    id: Uuid,
    refresh_token: Sealed,
    access_token: Option<Sealed>,
    /// `None` if the row comes from another system and has an external id that Juncture does not accept.
    key: Option<ConnectionKey>,
}

impl StoredRow {
    fn read(row: &Row) -> Result<Self> {
        let read = || {
            let access_token: Option<String> = row.try_get(2)?;
            let key = || Some((ProviderId::parse(row.get(3)).ok()?, ExternalId::parse(row.get(4)).ok()?));
            Ok(Self {
                id: row.try_get(0)?,
                refresh_token: Sealed::stored(row.try_get(1)?),
                access_token: access_token.map(Sealed::stored),
                key: key().map(|(provider, external_id)| ConnectionKey::new(provider, external_id)),
            })
        };
        read().map_err(|error: tokio_postgres::Error| failed(&error).into())
    }
}

impl Reseal {
    pub(crate) fn new(connections: Connections) -> Self {
        Self { connections }
    }

    /// How long Redis may hold values sealed with an older key that are not re-sealed: a day, the lifetime of an
    /// idempotency record.
    pub const REDIS_SETTLES: Duration = idempotency::LIFETIME;

    /// Counts the connections.
    pub async fn count(&self) -> Result<i64> {
        const COUNT: &str = r#"select count(*) from "juncture-core".connection"#;
        let client = self.connections.rows().postgres().connection().await?;
        let rows = within_budget(client.query_typed(COUNT, &[])).await?;
        client.release();
        Ok(rows.first().map_or(0, |row| row.get(0)))
    }

    /// Re-seals the next batch of connections, in the order of their ids, and returns the last id; `None` at the end.
    /// After an error, finished rows stay re-sealed.
    pub async fn batch(&self, after: Option<Uuid>) -> Result<(Resealed, Option<Uuid>)> {
        let rows = self.rows(after.unwrap_or(Uuid::nil())).await?;
        let mut done = Resealed { seen: rows.len(), ..Resealed::default() };
        let mut replaced = Replaced::default();
        for row in &rows {
            let Some(key) = &row.key else {
                done.unreadable.push(row.id);
                continue;
            };
            let reseal = |stored: &Sealed, column| {
                self.connections.sealer().reseal(stored, &key.token_binding(&row.id, column))
            };
            let Ok(refresh_token) = reseal(&row.refresh_token, TokenColumn::Refresh) else {
                done.unreadable.push(row.id);
                continue;
            };
            let access_token = row.access_token.as_ref().map(|stored| reseal(stored, TokenColumn::Access));
            if refresh_token.is_none() && matches!(access_token, None | Some(Ok(None))) {
                continue;
            }
            replaced.ids.push(row.id);
            replaced.refresh_tokens.push(refresh_token.unwrap_or_else(|| row.refresh_token.clone()).into());
            replaced.access_tokens.push(match access_token {
                Some(Ok(Some(sealed))) => Some(sealed.into()),
                Some(Ok(None)) => row.access_token.clone().map(String::from),
                // An access token that cannot be decrypted is dropped, and refreshed when needed.
                Some(Err(_)) | None => None,
            });
            replaced.old_refresh_tokens.push(row.refresh_token.as_str());
            replaced.old_access_tokens.push(row.access_token.as_ref().map(Sealed::as_str));
        }
        done.rows = self.replace(&replaced).await?;
        done.contested = replaced.ids.len() - done.rows;
        done.stashes = self.stashes(&rows).await?;
        Ok((done, rows.last().map(|row| row.id)))
    }

    async fn rows(&self, after: Uuid) -> Result<Vec<StoredRow>> {
        const SELECT: &str = r#"
            select distinct on (c.connection_id)
                c.connection_id, c.refresh_token, c.access_token, m.provider::text, m.external_id
            from "juncture-core".connection c
            join "juncture-core".connection_external_map m using (connection_id)
            where c.connection_id > $1
            order by c.connection_id
            limit $2"#;
        let client = self.connections.rows().postgres().connection().await?;
        let parameters: [(&(dyn ToSql + Sync), Type); 2] = [(&after, Type::UUID), (&BATCH, Type::INT8)];
        let rows = within_budget(client.query_typed(SELECT, &parameters)).await?;
        client.release();
        rows.iter().map(StoredRow::read).collect()
    }

    /// Writes all rows that are unchanged and not locked, and returns how many.
    async fn replace(&self, replaced: &Replaced<'_>) -> Result<usize> {
        const UPDATE: &str = r#"
            with replaced as (
                select * from unnest($1, $2, $3, $4, $5)
                    as r (connection_id, refresh_token, access_token, old_refresh_token, old_access_token)
            ), free as (
                select c.connection_id
                from "juncture-core".connection c join replaced r using (connection_id)
                where c.refresh_token = r.old_refresh_token
                    and c.access_token is not distinct from r.old_access_token
                for update of c skip locked
            )
            update "juncture-core".connection c set
                refresh_token = r.refresh_token,
                access_token = r.access_token,
                access_token_expires_at =
                    case when r.access_token is null then null else c.access_token_expires_at end,
                version = nextval('"juncture-core".connection_version')
            from replaced r join free using (connection_id)
            where c.connection_id = r.connection_id"#;
        if replaced.ids.is_empty() {
            return Ok(0);
        }
        let parameters: [(&(dyn ToSql + Sync), Type); 5] = [
            (&replaced.ids, Type::UUID_ARRAY),
            (&replaced.refresh_tokens, Type::TEXT_ARRAY),
            (&replaced.access_tokens, Type::TEXT_ARRAY),
            (&replaced.old_refresh_tokens, Type::TEXT_ARRAY),
            (&replaced.old_access_tokens, Type::TEXT_ARRAY),
        ];
        let client = self.connections.rows().postgres().connection().await?;
        let written = within_budget(client.execute_typed(UPDATE, &parameters)).await?;
        client.release();
        Ok(usize::try_from(written).unwrap_or(usize::MAX))
    }

    /// Re-seals stashes: tokens that could not be committed stay in Redis for a week.
    async fn stashes(&self, rows: &[StoredRow]) -> Result<usize> {
        const REPLACE: &str = "\
            if redis.call('GET', KEYS[1]) == ARGV[1] then \
                redis.call('SET', KEYS[1], ARGV[2], 'KEEPTTL') return 1 end \
            return 0";
        let keys: Vec<_> = rows.iter().filter_map(|row| Some((row.key.as_ref()?, &row.id))).collect();
        if keys.is_empty() {
            return Ok(0);
        }
        let names: Vec<String> = keys.iter().map(|(key, _)| stash_key(key)).collect();
        let found = self.connections.redis().run(Command::get_all(&names)).await?;
        let mut sealed = 0;
        let values = found.as_array().into_iter().flatten();
        for (((key, id), name), value) in keys.iter().zip(&names).zip(values) {
            let Some(known) = value.as_str() else { continue };
            let anew = reseal_stash(known, key, id, self.connections.sealer());
            let Some(anew) = anew else { continue };
            let written = self.connections.redis().run(Command::eval(REPLACE, name, &[known, &anew])).await?;
            sealed += usize::from(written.as_i64() == Some(1));
        }
        Ok(sealed)
    }
}

/// The columns of the rows to write, and their expected old values.
#[derive(Default)]
struct Replaced<'a> {
    ids: Vec<Uuid>,
    refresh_tokens: Vec<String>,
    access_tokens: Vec<Option<String>>,
    old_refresh_tokens: Vec<&'a str>,
    old_access_tokens: Vec<Option<&'a str>>,
}
