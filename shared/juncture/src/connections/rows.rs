//! The rows of connections, for whoever only reads them.

use stores::postgres::{self, Postgres};

use super::key::ConnectionKey;
use super::row::{Connection, find};
use crate::error::{Error, ErrorCode, Result};

/// Reads connections from Postgres, without a look into the cache.
#[derive(Clone)]
pub struct ConnectionRows {
    postgres: Postgres,
}

impl ConnectionRows {
    pub(crate) fn new(postgres: Postgres) -> Self {
        Self { postgres }
    }

    /// Finds a connection.
    ///
    /// # Errors
    /// 503 when the database cannot be reached.
    pub async fn find(&self, key: &ConnectionKey) -> Result<Option<Connection>> {
        self.read(async |client| {
            let found = find(&*client, key).await?;
            client.release();
            Ok(found)
        })
        .await
    }

    /// Reads something. A read that breaks off is asked once more, over a new connection: the old one may have died since
    /// its last use without anybody noticing.
    pub(crate) async fn read<T, F>(&self, read: impl Fn(postgres::Connection) -> F) -> Result<T>
    where
        F: Future<Output = Result<T>>,
    {
        match read(self.postgres.connection().await?).await {
            Err(error) if is_transient(&error) => read(self.postgres.connection().await?).await,
            outcome => outcome,
        }
    }

    /// The database, for a statement of another kind.
    pub(crate) fn postgres(&self) -> &Postgres {
        &self.postgres
    }
}

/// Whether the same may succeed over another connection.
pub(super) fn is_transient(error: &Error) -> bool {
    error.code() == ErrorCode::StorageUnavailable
}
