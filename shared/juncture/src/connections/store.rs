//! Access to connections: their rows in Postgres and their data in Redis.

use std::sync::Arc;

use base::crypto::Sealer;
use stores::upstash::Upstash;

use super::cache::{self, Snapshot};
use super::key::ConnectionKey;
use super::row::Connection;
use super::rows::ConnectionRows;
use crate::error::{Error, Result};

/// Reads and writes connections. Every change to a row goes through this type or [`super::Tokens`], which keep the
/// cache consistent: before a row gets another consent, site or project, or is removed, its entry is invalidated
/// ([`cache::barrier`], [`cache::write_tombstone`]), and after a write the new row is cached under its version.
#[derive(Clone)]
pub struct Connections {
    pub(super) rows: ConnectionRows,
    pub(super) redis: Arc<Upstash>,
    pub(super) sealer: Sealer,
}

impl Connections {
    pub(crate) fn new(rows: ConnectionRows, redis: Arc<Upstash>, sealer: Sealer) -> Self {
        Self { rows, redis, sealer }
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

    /// The sealer of tokens.
    pub(crate) fn sealer(&self) -> &Sealer {
        &self.sealer
    }

    /// The snapshot of a connection's row.
    pub(super) fn snapshot(&self, key: &ConnectionKey, row: &Connection) -> Snapshot {
        Snapshot::of(row, key, &self.sealer)
    }

    /// Caches a snapshot, best effort: without the entry, the next call is only slower.
    pub(super) async fn publish(&self, key: &ConnectionKey, snapshot: &Snapshot) {
        let written = async {
            let command = cache::write(key, snapshot, &self.sealer).map_err(Error::internal)?;
            self.redis.run(command).await.map_err(Error::from)
        };
        if let Err(error) = written.await {
            tracing::warn!(cause = error.cause_chain(), "connection not cached");
        }
    }
}
