//! Removes a connection with everything that is stored for it.

use stores::postgres::{bounded, failed, within_budget};
use stores::upstash::Command;
use tokio_postgres::GenericClient;
use tokio_postgres::types::Type;
use uuid::Uuid;

use super::key::ConnectionKey;
use super::row::lock;
use super::store::Connections;
use super::tokens::stash_key;
use super::{cache, expiring_keys, recent_issues, removal_time};
use crate::error::{Error, Result};

impl Connections {
    /// Removes a connection: its rows in one transaction, and its data in Redis before that transaction commits. If
    /// either store fails, a retry therefore removes everything.
    ///
    /// An in-flight refresh finds no row for its tokens, and the tombstone keeps a delayed writer from caching the
    /// connection again. Connect tokens, states and connection codes issued before can no longer create a connection
    /// (see [`removal_time`]), even if there was none to remove.
    ///
    /// # Errors
    /// 404 if there is no connection, 503 if a store is unavailable: a retry is safe.
    pub async fn remove(&self, key: &ConnectionKey) -> Result<()> {
        let mut client = self.rows.postgres().live_connection().await?;
        let transaction = within_budget(client.transaction()).await?;
        bounded(&transaction, lock(&transaction, key)).await?;
        let removed = delete(&transaction, key).await?;
        self.redis.run(removal_time::record(key)).await?;
        expiring_keys::remove(&self.redis, &expiring_keys::owner_for_key(key)).await?;
        let Some((id, version)) = removed else {
            drop(transaction);
            client.release();
            return Err(Error::connection_not_found());
        };
        self.forget(key, &id, version).await?;
        within_budget(transaction.commit()).await?;
        client.release();
        tracing::info!(connection_id = %id, "connection removed");
        Ok(())
    }

    async fn forget(&self, key: &ConnectionKey, id: &Uuid, version: i64) -> Result<()> {
        let gone = [
            cache::write_tombstone(key, version),
            Command::delete(&stash_key(key)),
            Command::delete(&recent_issues::redis_key(key)),
        ];
        self.redis.pipeline(gone).await?;
        expiring_keys::remove(&self.redis, &expiring_keys::owner_for_connection(id)).await?;
        Ok(())
    }
}

/// Deletes a connection's rows; those of the map and the provider are deleted by cascade. Returns its id and a version
/// above any that it had.
async fn delete(client: &(impl GenericClient + Sync), key: &ConnectionKey) -> Result<Option<(Uuid, i64)>> {
    const DELETE: &str = r#"
        delete from "juncture-core".connection c
        using "juncture-core".connection_external_map m
        where m.external_id = $1 and m.provider = $2::"juncture-core".provider
            and c.connection_id = m.connection_id
        returning c.connection_id, nextval('"juncture-core".connection_version')"#;
    let (external_id, provider) = (key.external_id().as_str(), key.provider().as_str());
    let parameters: [(&(dyn tokio_postgres::types::ToSql + Sync), Type); 2] =
        [(&external_id, Type::TEXT), (&provider, Type::TEXT)];
    let row = within_budget(client.query_typed_opt(DELETE, &parameters)).await?;
    row.map(|row| Ok((row.try_get(0)?, row.try_get(1)?)))
        .transpose()
        .map_err(|error: tokio_postgres::Error| failed(&error).into())
}
