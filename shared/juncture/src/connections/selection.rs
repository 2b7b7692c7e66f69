//! The selected Jira project of a connection.

use std::sync::Arc;

use stores::upstash::Upstash;

use super::cache;
use super::key::ConnectionKey;
use super::store::Store;
use crate::error::{Error, Result};

/// Selects projects. Settings: those of [`Store`] and [`Upstash`].
pub struct Selection {
    store: Store,
    redis: Arc<Upstash>,
}

impl Selection {
    pub(crate) fn new(store: Store, redis: Arc<Upstash>) -> Self {
        Self { store, redis }
    }

    /// Selects a project; every instance sees it from then on.
    ///
    /// # Errors
    /// 404 for an unknown connection, 503 when the database or Redis is away.
    pub async fn select(&self, key: &ConnectionKey, project: &str) -> Result<()> {
        let selected = self.store.select_project(&self.redis, key, project).await?;
        let connection = selected.ok_or_else(Error::connection_not_found)?;
        let written = self.redis.run(cache::write(key, &(&connection).into())).await;
        if let Err(error) = written {
            tracing::warn!(cause = %error, "a selected project could not be cached");
        }
        Ok(())
    }
}
