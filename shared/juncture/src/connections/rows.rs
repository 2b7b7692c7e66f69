//! Read access to the rows of connections.

use stores::postgres::{self, Postgres};

use super::key::ConnectionKey;
use super::row::{Connection, find};
use crate::error::{Error, ErrorCode, Result};

/// Reads connections from Postgres, bypassing the cache.
#[derive(Clone)]
pub struct ConnectionRows {
    postgres: Postgres,
}

impl ConnectionRows {
    pub(crate) fn new(postgres: Postgres) -> Self {
        Self { postgres }
    }

    /// Finds the connection with this key.
    pub async fn find(&self, key: &ConnectionKey) -> Result<Option<Connection>> {
        self.read(async |client| {
            let found = find(&*client, key).await?;
            client.release();
            Ok(found)
        })
        .await
    }

    /// Runs a read, and retries it once over a new database connection if the database was unavailable: the old
    /// connection may have died unnoticed since its last use.
    pub(crate) async fn read<T, F>(&self, read: impl Fn(postgres::Connection) -> F) -> Result<T>
    where
        F: Future<Output = Result<T>>,
    {
        match read(self.postgres.connection().await?).await {
            Err(error) if is_transient(&error) => read(self.postgres.connection().await?).await,
            outcome => outcome,
        }
    }

    /// The database, for other statements.
    pub(crate) fn postgres(&self) -> &Postgres {
        &self.postgres
    }
}

/// Whether a retry over another database connection may succeed.
pub(super) fn is_transient(error: &Error) -> bool {
    error.code() == ErrorCode::StorageUnavailable
}
