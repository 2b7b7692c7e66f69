//! Learning what the site of a connection is called and where people find it, if the connection is from before that was
//! kept.
//!
//! The version of the row stays, as there is nothing that a snapshot of this version may not say without it: whoever
//! caches one that was read before only makes the next call look again. A site that was chosen meanwhile has another
//! version, and its row is not touched.

use stores::postgres::{PostgresError, within_budget};
use tokio_postgres::types::{ToSql, Type};

use super::super::cache::Snapshot;
use super::super::key::ConnectionKey;
use super::super::row::Connection;
use super::{Session, Tokens};
use crate::error::Result;
use crate::provider::NamedSite;

impl Tokens {
    /// What the site of a session is called and where it is: as the row says, or else as `ask` does. Then the row and
    /// the cache have it as well. If the provider tells no address, the cache remembers that as long as it remembers
    /// anything of the connection, so that not every call asks.
    ///
    /// # Errors
    /// 503 when the database is away, or what `ask` fails at; the next call learns it then.
    pub(crate) async fn learn_site(
        &self,
        key: &ConnectionKey,
        session: &Session,
        ask: impl Future<Output = Result<NamedSite>>,
    ) -> Result<NamedSite> {
        let row = self.find(key).await?;
        if row.id != session.connection_id || row.site_id != session.site_id {
            // Another one was chosen meanwhile; this call is still made to the former.
            return Ok(NamedSite::default());
        }
        if row.site.url.is_some() {
            self.connections.publish(key, &Snapshot::from(&row)).await;
            return Ok(row.site);
        }
        let site = ask.await?;
        if site.url.is_none() || self.name_site(key, &row, &site).await {
            let snapshot = Snapshot { site: Some(site.clone()), ..Snapshot::from(&row) };
            self.connections.publish(key, &snapshot).await;
        }
        Ok(site)
    }

    /// Writes what was learned of a row's site, unless the row has another one by now, or has learned it. Tells whether
    /// it is written.
    async fn name_site(&self, key: &ConnectionKey, row: &Connection, site: &NamedSite) -> bool {
        let update = key.provider().facts().sites.name;
        let parameters: [(&(dyn ToSql + Sync), Type); 4] = [
            (&row.id, Type::UUID),
            (&row.site_id, Type::TEXT),
            (&site.name, Type::TEXT),
            (&site.url, Type::TEXT),
        ];
        let written = async {
            let client = self.connections.rows().postgres().connection().await?;
            let written = within_budget(client.execute_typed(update, &parameters)).await?;
            client.release();
            Ok::<_, PostgresError>(written)
        };
        written.await.map_or_else(
            |error| {
                tracing::warn!(cause = %error, "site name and URL not stored");
                false
            },
            |rows| rows > 0,
        )
    }
}
