//! Looks up the name and URL of a connection's site, for connections made before these were stored.
//!
//! Storing them does not change the row's version, because a snapshot without them is still correct: if a concurrent
//! caller caches one, the next call just looks them up again. If another site was chosen concurrently, the row is not
//! updated.

use stores::postgres::{PostgresError, within_budget};
use tokio_postgres::types::{ToSql, Type};

use super::super::cache::Snapshot;
use super::super::key::ConnectionKey;
use super::super::row::Connection;
use super::{Session, Tokens};
use crate::error::Result;
use crate::provider::NamedSite;

impl Tokens {
    /// Returns the name and URL of a session's site, from the row or else from the provider (`ask`), and then stores
    /// them in the row and the cache. If the provider knows no URL, the cache entry records that, so that not every
    /// call asks.
    ///
    /// After an error of the database or of `ask`, the next call tries again.
    pub(crate) async fn look_up_site(
        &self,
        key: &ConnectionKey,
        session: &Session,
        ask: impl Future<Output = Result<NamedSite>>,
    ) -> Result<NamedSite> {
        let row = self.find(key).await?;
        if row.id != session.connection_id || row.site_id != session.site_id {
            // Another site was chosen concurrently, and this call still uses the old one.
            return Ok(NamedSite::default());
        }
        if row.site.url.is_some() {
            self.connections.publish(key, &self.connections.snapshot(key, &row)).await;
            return Ok(row.site);
        }
        let site = ask.await?;
        if site.url.is_none() || self.store_site(key, &row, &site).await {
            let snapshot = Snapshot { site: Some(site.clone()), ..self.connections.snapshot(key, &row) };
            self.connections.publish(key, &snapshot).await;
        }
        Ok(site)
    }

    /// Stores the name and URL of a row's site, unless the row has another site by now or already has a URL. Returns
    /// whether they were stored.
    async fn store_site(&self, key: &ConnectionKey, row: &Connection, site: &NamedSite) -> bool {
        let update = key.provider().info().sites.set_name;
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
