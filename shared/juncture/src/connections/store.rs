//! What is done with the rows of connections in the schema `juncture-core`.

use std::time::Duration;

use http::StatusCode;
use stores::postgres::{self, Postgres, PostgresError, within_budget};
use stores::upstash::Upstash;
use time::OffsetDateTime;
use tokio_postgres::GenericClient;
use tokio_postgres::types::{ToSql, Type};
use uuid::Uuid;

use super::cache;
use super::key::ConnectionKey;
use super::removal_time;
use super::row::{Connection, find, find_for_update, lock};
use crate::error::{Error, Result};
use crate::provider::jira::Account;
use crate::provider::{ExtendTransaction, GrantedScopes};

/// How long a provider must go on refusing a refresh token, if it does not say clearly that it is dead, before the
/// connection is invalid: what it says of one connection it may be saying of all, because an app is suspended, say.
const PATIENCE: Duration = Duration::from_secs(5 * 60);

/// Whose consent is saved.
pub(crate) struct ConsentedBy {
    /// The account, if it is known.
    pub(crate) account: Option<Account>,
    /// Whether it may take the place of another.
    pub(crate) may_replace: bool,
    /// When the flow began that led to it.
    pub(crate) begun_at: OffsetDateTime,
}

/// Sealed tokens, ready to be stored.
pub(crate) struct SealedTokens {
    pub(crate) refresh_token: String,
    pub(crate) access_token: String,
    pub(crate) access_token_expires_at: OffsetDateTime,
    /// What the consent allows, if the provider told.
    pub(crate) granted_scopes: Option<GrantedScopes>,
}

impl SealedTokens {
    /// The scopes as they are stored.
    fn scopes(&self) -> Option<&str> {
        self.granted_scopes.as_ref().map(GrantedScopes::as_str)
    }
}

/// The store. Setting: `DATABASE_URL`.
#[derive(Clone)]
pub struct Store {
    postgres: Postgres,
}

impl Store {
    pub(crate) fn new(postgres: Postgres) -> Self {
        Self { postgres }
    }

    /// Finds a connection. A read that breaks off is asked once more, over a new connection: the old one may have
    /// died since its last use without anybody noticing.
    ///
    /// # Errors
    /// 503 when the database cannot be reached.
    pub async fn find(&self, key: &ConnectionKey) -> Result<Option<Connection>> {
        let client = self.connection().await?;
        match find(&**client, key).await {
            Err(error) if is_transient(&error) => {
                postgres::discard(client);
                find(&**self.connection().await?, key).await
            }
            outcome => outcome,
        }
    }

    /// A connection to the database, for a transaction.
    pub(crate) async fn connection(&self) -> Result<postgres::Connection, PostgresError> {
        self.postgres.connection().await
    }

    /// As [`Self::connection`], and asks whether it lives: a dead one shows here, where nothing is lost yet.
    pub(crate) async fn live_connection(&self) -> Result<postgres::Connection, PostgresError> {
        let client = self.connection().await?;
        if within_budget(client.batch_execute("")).await.is_ok() {
            return Ok(client);
        }
        postgres::discard(client);
        self.connection().await
    }

    /// Writes a finalized connection: the generic rows and the provider's own, in one transaction. A connection
    /// that exists under this key keeps its id; its token is replaced and it is valid again.
    ///
    /// `seal` seals the tokens for the id that the connection turns out to have. What `redis` has cached of the
    /// connection is taken away before anything is written.
    ///
    /// # Errors
    /// 409 when the consent is of another account than the one before and may not replace it, 410 when the connection was
    /// removed after the flow had begun, 503 when the
    /// database or Redis cannot be reached, or what `seal` says. Nothing is written then.
    pub(crate) async fn save(
        &self,
        redis: &Upstash,
        key: &ConnectionKey,
        lifetime: (OffsetDateTime, Duration),
        consenter: &ConsentedBy,
        seal: impl FnOnce(&Uuid) -> Result<SealedTokens>,
        extension: &dyn ExtendTransaction,
    ) -> Result<Connection> {
        const UPSERT: &str = r#"
            insert into "juncture-core".connection
                (connection_id, refresh_token, expires_at, access_token, access_token_expires_at, account_digest,
                 granted_scopes)
            values ($1, $2, $3, $4, $5, $6, $7)
            on conflict (connection_id) do update set
                refresh_token = excluded.refresh_token,
                expires_at = excluded.expires_at,
                access_token = excluded.access_token,
                access_token_expires_at = excluded.access_token_expires_at,
                account_digest = excluded.account_digest,
                granted_scopes = excluded.granted_scopes,
                invalid_refresh_token = false,
                doubted_at = null,
                last_updated = now(),
                refreshed_at = now(),
                version = nextval('"juncture-core".connection_version')"#;
        const MAP: &str = r#"
            insert into "juncture-core".connection_external_map (external_id, provider, connection_id)
            values ($1, $2::"juncture-core".provider, $3)
            on conflict (external_id, provider) do nothing"#;

        let mut client = self.live_connection().await?;
        let transaction = within_budget(client.transaction()).await?;
        // One finalization of a connection key at a time: the others wait here and then find its connection.
        postgres::bounded(&transaction, lock(&*transaction, key)).await?;
        let existing = find_for_update(&*transaction, key).await?;
        let (consented_at, lasts) = lifetime;
        // As Postgres keeps it, to the microsecond.
        let expires_at = (consented_at + lasts).truncate_to_microsecond();
        // This very consent is there already: its commit was not heard of, and its token may have been refreshed
        // since.
        if let Some(existing) = existing.as_ref().filter(|existing| existing.expires_at == expires_at) {
            return Ok(existing.clone());
        }
        removal_time::check(redis, key, consenter.begun_at).await?;
        let account = consenter.account.as_ref();
        if !consenter.may_replace && existing.as_ref().is_some_and(|existing| existing.is_of_another(account))
        {
            return Err(Error::other_account());
        }
        let id = existing.as_ref().map_or_else(Uuid::new_v4, |existing| existing.id);
        let is_replaced = existing.is_some();
        let tokens = seal(&id)?;
        if let Some(existing) = existing {
            redis.run(cache::barrier(key, existing.version)).await?;
        }
        let account_digest = account.map(|account| account.digest(&id));
        let scopes = tokens.scopes();
        let row: [(&(dyn ToSql + Sync), Type); 7] = [
            (&id, Type::UUID),
            (&tokens.refresh_token, Type::TEXT),
            (&expires_at, Type::TIMESTAMPTZ),
            (&tokens.access_token, Type::TEXT),
            (&tokens.access_token_expires_at, Type::TIMESTAMPTZ),
            (&account_digest, Type::TEXT),
            (&scopes, Type::TEXT),
        ];
        within_budget(transaction.execute_typed(UPSERT, &row)).await?;
        let (external_id, provider) = (key.external_id.as_str(), key.provider.as_str());
        let map: [(&(dyn ToSql + Sync), Type); 3] =
            [(&external_id, Type::TEXT), (&provider, Type::TEXT), (&id, Type::UUID)];
        within_budget(transaction.execute_typed(MAP, &map)).await?;
        within_budget(extension.extend(&transaction, &id)).await?;
        let saved = find(&*transaction, key).await?;
        within_budget(transaction.commit()).await?;
        let what = if is_replaced { "a connection was replaced" } else { "a connection was made" };
        tracing::info!(connection_id = %id, "{what}");
        saved.ok_or_else(|| Error::internal("the connection that was just written is not there"))
    }

    /// Selects a Jira project and gives the connection as it is then; `None` if the key has none.
    /// What `redis` has cached of the connection is taken away before anything is written.
    ///
    /// # Errors
    /// 503 when the database or Redis cannot be reached; the project may be selected all the same.
    pub(crate) async fn select_project(
        &self,
        redis: &Upstash,
        key: &ConnectionKey,
        project: &str,
    ) -> Result<Option<Connection>> {
        match self.try_to_select(redis, key, project).await {
            // Selecting the same project twice is selecting it.
            Err(error) if is_transient(&error) => self.try_to_select(redis, key, project).await,
            outcome => outcome,
        }
    }

    async fn try_to_select(
        &self,
        redis: &Upstash,
        key: &ConnectionKey,
        project: &str,
    ) -> Result<Option<Connection>> {
        const UPDATE: &str = r#"
            with selected as (
                update "juncture-core".jira_connection
                set selected_jira_project_id = $2, last_updated = now()
                where connection_id = $1
                returning connection_id
            )
            update "juncture-core".connection c
            set last_updated = now(), version = nextval('"juncture-core".connection_version')
            from selected
            where c.connection_id = selected.connection_id
            returning c.version"#;
        let mut client = self.connection().await?;
        let outcome = async {
            let transaction = within_budget(client.transaction()).await?;
            let found = postgres::bounded(&transaction, find_for_update(&*transaction, key)).await?;
            let Some(before) = found else { return Ok(None) };
            redis.run(cache::barrier(key, before.version)).await?;
            let parameters: [(&(dyn ToSql + Sync), Type); 2] =
                [(&before.id, Type::UUID), (&project, Type::TEXT)];
            let row = within_budget(transaction.query_typed_opt(UPDATE, &parameters)).await?;
            within_budget(transaction.commit()).await?;
            let jira_project_id = Some(project.to_owned());
            Ok(row.map(|row| Connection { version: row.get(0), jira_project_id, ..before }))
        }
        .await;
        if outcome.is_err() {
            postgres::discard(client);
        }
        outcome
    }

    /// Stores the tokens of a refresh if the row still holds the refresh token that was exchanged, and tells the
    /// new version; `None` if somebody else has written the row since.
    ///
    /// # Errors
    /// 503 when the database cannot be reached.
    pub(crate) async fn rotate(
        &self,
        id: &Uuid,
        exchanged: &str,
        tokens: &SealedTokens,
    ) -> Result<Option<i64>> {
        let client = self.connection().await?;
        let outcome = rotate(&**client, id, exchanged, tokens).await;
        if outcome.is_err() {
            postgres::discard(client);
        }
        outcome
    }

    /// Notes that the provider refused a refresh token without saying clearly that it is dead, if the row still holds
    /// it: whether it did so before, long enough ago and without a success since; `None` if somebody else has written
    /// the row since.
    ///
    /// # Errors
    /// 503 when the database cannot be reached.
    pub(crate) async fn doubt(&self, id: &Uuid, refused: &str) -> Result<Option<bool>> {
        doubt(&**self.connection().await?, id, refused).await
    }

    /// Marks a connection invalid if the row still holds the refresh token that the provider rejected, and tells
    /// the new version; `None` if somebody else has written the row since.
    ///
    /// # Errors
    /// 503 when the database cannot be reached.
    pub(crate) async fn invalidate(&self, id: &Uuid, rejected: &str) -> Result<Option<i64>> {
        invalidate(&**self.connection().await?, id, rejected).await
    }
}

fn is_transient(error: &Error) -> bool {
    error.status() == StatusCode::SERVICE_UNAVAILABLE
}

/// As [`Store::rotate`], in a given transaction.
pub(crate) async fn rotate(
    client: &(impl GenericClient + Sync),
    id: &Uuid,
    exchanged: &str,
    tokens: &SealedTokens,
) -> Result<Option<i64>> {
    const UPDATE: &str = r#"
        update "juncture-core".connection set
            refresh_token = $3,
            access_token = $4,
            access_token_expires_at = $5,
            granted_scopes = coalesce($6, granted_scopes),
            invalid_refresh_token = false,
            doubted_at = null,
            last_updated = now(),
            refreshed_at = now(),
            version = nextval('"juncture-core".connection_version')
        where connection_id = $1 and refresh_token = $2
        returning version"#;
    let scopes = tokens.scopes();
    let parameters: [(&(dyn ToSql + Sync), Type); 6] = [
        (id, Type::UUID),
        (&exchanged, Type::TEXT),
        (&tokens.refresh_token, Type::TEXT),
        (&tokens.access_token, Type::TEXT),
        (&tokens.access_token_expires_at, Type::TIMESTAMPTZ),
        (&scopes, Type::TEXT),
    ];
    let row = within_budget(client.query_typed_opt(UPDATE, &parameters)).await?;
    Ok(row.map(|row| row.get(0)))
}

/// As [`Store::doubt`], in a given transaction.
///
/// The row remembers it, where a success takes it away and every function sees it. Nothing of it is cached, so the
/// version stays.
pub(crate) async fn doubt(
    client: &(impl GenericClient + Sync),
    id: &Uuid,
    refused: &str,
) -> Result<Option<bool>> {
    // A version that does not know the column has moved refreshed_at when it refreshed.
    const UPDATE: &str = r#"
        update "juncture-core".connection set
            doubted_at = case when doubted_at >= refreshed_at then doubted_at else now() end
        where connection_id = $1 and refresh_token = $2
        returning doubted_at <= now() - make_interval(secs => $3)"#;
    let patience = PATIENCE.as_secs_f64();
    let parameters: [(&(dyn ToSql + Sync), Type); 3] =
        [(id, Type::UUID), (&refused, Type::TEXT), (&patience, Type::FLOAT8)];
    let row = within_budget(client.query_typed_opt(UPDATE, &parameters)).await?;
    Ok(row.map(|row| row.get(0)))
}

/// As [`Store::invalidate`], in a given transaction.
pub(crate) async fn invalidate(
    client: &(impl GenericClient + Sync),
    id: &Uuid,
    rejected: &str,
) -> Result<Option<i64>> {
    const UPDATE: &str = r#"
        update "juncture-core".connection set
            invalid_refresh_token = true,
            access_token = null,
            access_token_expires_at = null,
            last_updated = now(),
            version = nextval('"juncture-core".connection_version')
        where connection_id = $1 and refresh_token = $2
        returning version"#;
    let row =
        within_budget(client.query_typed_opt(UPDATE, &[(id, Type::UUID), (&rejected, Type::TEXT)])).await?;
    Ok(row.map(|row| row.get(0)))
}
