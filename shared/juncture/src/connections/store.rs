//! The owner of connections: their rows in Postgres, and what Redis holds of them.

use std::sync::Arc;

use stores::upstash::Upstash;

use super::cache::{self, Snapshot};
use super::key::ConnectionKey;
use super::row::Connection;
use super::rows::ConnectionRows;
use crate::error::Result;

/// Writes connections. Whatever changes a row goes through here or through [`super::Tokens`], which keep the cache true:
/// what is cached is taken away before the row is written ([`cache::barrier`], [`cache::write_tombstone`]), and what the
/// row holds is cached afterwards, by its version.
#[derive(Clone)]
pub struct Connections {
    pub(super) rows: ConnectionRows,
    pub(super) redis: Arc<Upstash>,
}

impl Connections {
    pub(crate) fn new(rows: ConnectionRows, redis: Arc<Upstash>) -> Self {
        Self { rows, redis }
    }

    /// Finds a connection.
    ///
    /// # Errors
    /// As [`ConnectionRows::find`].
    pub async fn find(&self, key: &ConnectionKey) -> Result<Option<Connection>> {
        self.rows.find(key).await
    }

    /// The rows, for whoever reads many.
    pub(crate) fn rows(&self) -> &ConnectionRows {
        &self.rows
    }

    /// Redis, for what else it holds of connections.
    pub(crate) fn redis(&self) -> &Upstash {
        &self.redis
    }

    /// Caches a snapshot; a cache that is away is only slow.
    pub(super) async fn publish(&self, key: &ConnectionKey, snapshot: &Snapshot) {
        if let Err(error) = self.redis.run(cache::write(key, snapshot)).await {
            tracing::warn!(cause = %error, "connection not cached");
        }
    }
}
