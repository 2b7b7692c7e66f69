//! Access to connections: their rows in Postgres and their data in Redis.

use std::sync::Arc;

use stores::upstash::Upstash;

use super::cache::{self, Snapshot};
use super::key::ConnectionKey;
use super::row::Connection;
use super::rows::ConnectionRows;
use crate::error::Result;

/// Reads and writes connections. Every change to a row goes through this type or [`super::Tokens`], which keep the
/// cache consistent: before a row gets another consent, site or project, or is removed, its entry is invalidated
/// ([`cache::barrier`], [`cache::write_tombstone`]), and after a write the new row is cached under its version.
#[derive(Clone)]
pub struct Connections {
    pub(super) rows: ConnectionRows,
    pub(super) redis: Arc<Upstash>,
}

impl Connections {
    pub(crate) fn new(rows: ConnectionRows, redis: Arc<Upstash>) -> Self {
        Self { rows, redis }
    }

    /// Finds the connection with this key.
    pub async fn find(&self, key: &ConnectionKey) -> Result<Option<Connection>> {
        self.rows.find(key).await
    }

    /// Read access to the rows.
    pub(crate) fn rows(&self) -> &ConnectionRows {
        &self.rows
    }

    /// Redis, for the other data it holds for connections.
    pub(crate) fn redis(&self) -> &Upstash {
        &self.redis
    }

    /// Caches a snapshot, best effort: without the entry, the next call is only slower.
    pub(super) async fn publish(&self, key: &ConnectionKey, snapshot: &Snapshot) {
        if let Err(error) = self.redis.run(cache::write(key, snapshot)).await {
            tracing::warn!(cause = %error, "connection not cached");
        }
    }
}
