//! Saves a consent as a connection.

use stores::postgres::{bounded, within_budget};
use time::OffsetDateTime;
use tokio_postgres::types::{ToSql, Type};
use uuid::Uuid;

use super::cache;
use super::key::ConnectionKey;
use super::removal_time;
use super::rotation::SealedTokens;
use super::row::{Connection, find, find_for_update, lock};
use super::store::Connections;
use crate::error::{Error, Result};
use crate::provider::{Account, Site};

/// The consent behind a connection that is saved.
pub(crate) struct ConsentedBy {
    /// The account that consented, if known.
    pub(crate) account: Option<Account>,
    /// Whether it may replace another account.
    pub(crate) may_replace: bool,
    /// When the flow began.
    pub(crate) begun_at: OffsetDateTime,
    /// When the consent expires; refreshing does not extend it.
    pub(crate) expires_at: OffsetDateTime,
}

impl Connections {
    /// Saves a connection to a site: the generic rows and the provider's own row, in one transaction. If the key
    /// already has a connection, it keeps its id, gets the new tokens and becomes valid again.
    ///
    /// `seal` seals the tokens for the connection's id, which is only known inside the transaction. The cache entry is
    /// invalidated before anything is written, and the new connection is cached after the commit.
    ///
    /// # Errors
    /// 409 if the consent is from another account and may not replace it, 410 if the connection was removed after the
    /// flow began. In both cases nothing is written. After any other error the commit may have succeeded; saving the
    /// same consent again is safe.
    pub(crate) async fn save(
        &self,
        key: &ConnectionKey,
        consent: &ConsentedBy,
        seal: impl FnOnce(&Uuid) -> Result<SealedTokens>,
        site: &Site,
    ) -> Result<()> {
        let connection = self.write(key, consent, seal, site).await?;
        self.publish(key, &self.snapshot(key, &connection)).await;
        Ok(())
    }

    async fn write(
        &self,
        key: &ConnectionKey,
        consent: &ConsentedBy,
        seal: impl FnOnce(&Uuid) -> Result<SealedTokens>,
        site: &Site,
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

        let mut client = self.rows.postgres().live_connection().await?;
        let transaction = within_budget(client.transaction()).await?;
        // Concurrent finalizations of the same connection key wait here, and then find the connection.
        bounded(&transaction, lock(&transaction, key)).await?;
        let existing = find_for_update(&transaction, key).await?;
        // Postgres stores microseconds.
        let expires_at = consent.expires_at.truncate_to_microsecond();
        // This consent is already saved: an earlier commit succeeded but was not confirmed. The tokens may have been
        // refreshed since, so they stay.
        if let Some(existing) = existing.as_ref().filter(|existing| existing.expires_at == expires_at) {
            let existing = existing.clone();
            drop(transaction);
            client.release();
            return Ok(existing);
        }
        removal_time::check(&self.redis, key, consent.begun_at).await?;
        let account = consent.account.as_ref();
        if !consent.may_replace
            && existing.as_ref().is_some_and(|existing| existing.belongs_to_another(account))
        {
            return Err(Error::other_account(key.provider().info().vendor));
        }
        let id = existing.as_ref().map_or_else(Uuid::new_v4, |existing| existing.id);
        let is_replaced = existing.is_some();
        let tokens = seal(&id)?;
        if let Some(existing) = existing {
            self.redis.run(cache::barrier(key, existing.version)).await?;
        }
        let account_digest = account.map(|account| account.digest(&id));
        let scopes = tokens.scopes();
        let (refresh_token, access_token) = (tokens.refresh_token.as_str(), tokens.access_token.as_str());
        let row: [(&(dyn ToSql + Sync), Type); 7] = [
            (&id, Type::UUID),
            (&refresh_token, Type::TEXT),
            (&expires_at, Type::TIMESTAMPTZ),
            (&access_token, Type::TEXT),
            (&tokens.access_token_expires_at, Type::TIMESTAMPTZ),
            (&account_digest, Type::TEXT),
            (&scopes, Type::TEXT),
        ];
        within_budget(transaction.execute_typed(UPSERT, &row)).await?;
        let (external_id, provider) = (key.external_id().as_str(), key.provider().as_str());
        let map: [(&(dyn ToSql + Sync), Type); 3] =
            [(&external_id, Type::TEXT), (&provider, Type::TEXT), (&id, Type::UUID)];
        within_budget(transaction.execute_typed(MAP, &map)).await?;
        let (site_id, named) = (site.id.as_str(), site.named());
        let chosen: [(&(dyn ToSql + Sync), Type); 4] =
            [(&id, Type::UUID), (&site_id, Type::TEXT), (&named.name, Type::TEXT), (&named.url, Type::TEXT)];
        within_budget(transaction.execute_typed(key.provider().info().sites.save, &chosen)).await?;
        let saved = find(&transaction, key).await?;
        within_budget(transaction.commit()).await?;
        client.release();
        let what = if is_replaced { "a connection was replaced" } else { "a connection was made" };
        tracing::info!(connection_id = %id, "{what}");
        saved.ok_or_else(|| Error::internal("the connection that was just written is not there"))
    }
}
