//! The selected project of a connection.

use stores::postgres::{bounded, within_budget};
use tokio_postgres::types::{ToSql, Type};

use super::cache::{self, Snapshot};
use super::key::ConnectionKey;
use super::row::{Connection, find_for_update};
use super::rows::is_transient;
use super::store::Connections;
use crate::error::{Error, Result};

impl Connections {
    /// Selects a project. Because the cache entry is invalidated before the write, every instance sees the selection
    /// from then on.
    ///
    /// # Errors
    /// 404 if there is no connection, 503 if the database or Redis is unavailable: the project may have been selected
    /// anyway.
    pub async fn select_project(&self, key: &ConnectionKey, project: &str) -> Result<()> {
        let selected = match self.try_to_select(key, project).await {
            // Selecting a project is idempotent.
            Err(error) if is_transient(&error) => self.try_to_select(key, project).await,
            outcome => outcome,
        };
        self.publish(key, &Snapshot::from(&selected?)).await;
        Ok(())
    }

    async fn try_to_select(&self, key: &ConnectionKey, project: &str) -> Result<Connection> {
        let select_project = key.provider().info().sites.select_project;
        let update = format!(
            r#"
            with selected as ({select_project})
            update "juncture-core".connection c
            set last_updated = now(), version = nextval('"juncture-core".connection_version')
            from selected
            where c.connection_id = selected.connection_id
            returning c.version"#
        );
        let mut client = self.rows.postgres().connection().await?;
        let transaction = within_budget(client.transaction()).await?;
        let before = bounded(&transaction, find_for_update(&transaction, key)).await?;
        let Some(before) = before else {
            drop(transaction);
            client.release();
            return Err(Error::connection_not_found());
        };
        self.redis.run(cache::barrier(key, before.version)).await?;
        let parameters: [(&(dyn ToSql + Sync), Type); 2] = [(&before.id, Type::UUID), (&project, Type::TEXT)];
        let row = within_budget(transaction.query_typed_opt(&update, &parameters)).await?;
        within_budget(transaction.commit()).await?;
        client.release();
        let version = row.map(|row| row.get(0)).ok_or_else(Error::connection_not_found)?;
        Ok(Connection { version, project_id: Some(project.to_owned()), ..before })
    }
}
