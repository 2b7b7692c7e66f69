//! What a backend chooses for a connection: its selected project, and the projects that it is limited to.

use stores::postgres::{bounded, within_budget};
use tokio_postgres::types::{ToSql, Type};

use super::allowed_projects::AllowedProjects;
use super::cache;
use super::key::ConnectionKey;
use super::row::{Connection, find_for_update};
use super::rows::is_transient;
use super::store::Connections;
use crate::error::{Error, ErrorCode, Result};

/// A choice for a connection.
enum Choice<'a> {
    Project(&'a str),
    Allowed(Option<&'a AllowedProjects>),
}

impl Choice<'_> {
    fn check(&self, connection: &Connection) -> Result<()> {
        match (self, &connection.allowed_projects) {
            (Self::Project(project), Some(allowed)) if !allowed.allows_selecting(project) => {
                Err(Error::new(ErrorCode::ProjectNotAllowed, "The connection is limited to other projects"))
            }
            _ => Ok(()),
        }
    }

    fn apply(&self, connection: Connection) -> Connection {
        match self {
            Self::Project(project) => Connection { project_id: Some((*project).to_owned()), ..connection },
            Self::Allowed(allowed) => Connection { allowed_projects: allowed.cloned(), ..connection },
        }
    }
}

impl Connections {
    /// Selects a project. Because the cache entry is invalidated before the write, every instance sees the selection
    /// from then on.
    ///
    /// # Errors
    /// 404 if there is no connection, `project_not_allowed` if it is limited to other projects, 503 if the database or
    /// Redis is unavailable: the project may have been selected anyway.
    pub async fn select_project(&self, key: &ConnectionKey, project: &str) -> Result<()> {
        self.choose(key, &Choice::Project(project)).await
    }

    /// Limits a connection to some projects, or removes its limits. Every instance sees it from then on.
    ///
    /// # Errors
    /// As for [`Self::select_project`].
    pub async fn allow_projects(&self, key: &ConnectionKey, allowed: Option<&AllowedProjects>) -> Result<()> {
        self.choose(key, &Choice::Allowed(allowed)).await
    }

    async fn choose(&self, key: &ConnectionKey, choice: &Choice<'_>) -> Result<()> {
        let chosen = match self.try_to_choose(key, choice).await {
            // A choice is idempotent.
            Err(error) if is_transient(&error) => self.try_to_choose(key, choice).await,
            outcome => outcome,
        };
        self.publish(key, &self.snapshot(key, &chosen?)).await;
        Ok(())
    }

    async fn try_to_choose(&self, key: &ConnectionKey, choice: &Choice<'_>) -> Result<Connection> {
        let sites = &key.provider().info().sites;
        let stored = match choice {
            Choice::Project(_) => None,
            Choice::Allowed(allowed) => allowed.map(AllowedProjects::to_stored),
        };
        let (statement, value): (_, (&(dyn ToSql + Sync), Type)) = match choice {
            Choice::Project(project) => (sites.select_project, (project, Type::TEXT)),
            Choice::Allowed(_) => (sites.allow_projects, (&stored, Type::TEXT_ARRAY)),
        };
        let update = format!(
            r#"
            with chosen as ({statement})
            update "juncture-core".connection c
            set last_updated = now(), version = nextval('"juncture-core".connection_version')
            from chosen
            where c.connection_id = chosen.connection_id
            returning c.version"#
        );
        let mut client = self.rows.postgres().connection().await?;
        let transaction = within_budget(client.transaction()).await?;
        let before = bounded(&transaction, find_for_update(&transaction, key)).await?;
        let before = before.ok_or_else(Error::connection_not_found);
        let before = before.and_then(|before| choice.check(&before).map(|()| before));
        let before = match before {
            Ok(before) => before,
            Err(error) => {
                drop(transaction);
                client.release();
                return Err(error);
            }
        };
        self.redis.run(cache::barrier(key, before.version)).await?;
        let parameters = [(&before.id as &(dyn ToSql + Sync), Type::UUID), value];
        let row = within_budget(transaction.query_typed_opt(&update, &parameters)).await?;
        within_budget(transaction.commit()).await?;
        client.release();
        let version = row.map(|row| row.get(0)).ok_or_else(Error::connection_not_found)?;
        Ok(choice.apply(Connection { version, ..before }))
    }
}
