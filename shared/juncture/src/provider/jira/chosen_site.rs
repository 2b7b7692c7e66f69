//! What is stored of a consent to Jira beside the generic rows.

use base::crypto::sha256_hex;
use futures_util::future::BoxFuture;
use tokio_postgres::Transaction;
use tokio_postgres::types::{ToSql, Type};
use uuid::Uuid;

use super::{Account, NamedSite, Site};
use crate::provider::ExtendTransaction;

/// What is stored of the account that consented: it tells whether another one comes, for this connection alone.
pub(crate) fn account_digest(account: &Account, connection: &Uuid) -> String {
    sha256_hex(format!("{connection}:{}", account.id).as_bytes())
}

/// The site that a person chose: the row in `jira_connection`.
pub struct ChosenSite(pub Site);

impl ExtendTransaction for ChosenSite {
    /// A selected project stays selected only if the site stays the same: project ids mean nothing elsewhere.
    fn extend<'a>(
        &'a self,
        transaction: &'a Transaction<'_>,
        connection_id: &'a Uuid,
    ) -> BoxFuture<'a, Result<(), tokio_postgres::Error>> {
        const UPSERT: &str = r#"
            insert into "juncture-core".jira_connection as known
                (connection_id, jira_site_id, jira_site_name, jira_site_url, jira_site_named)
            values ($1, $2, $3, $4, $2)
            on conflict (connection_id) do update set
                jira_site_id = excluded.jira_site_id,
                jira_site_name = excluded.jira_site_name,
                jira_site_url = excluded.jira_site_url,
                jira_site_named = excluded.jira_site_named,
                selected_jira_project_id =
                    case when known.jira_site_id = excluded.jira_site_id then known.selected_jira_project_id end,
                last_updated = now()"#;
        Box::pin(async move {
            let Site { id, name, url, .. } = &self.0;
            let (site, named) = (id.as_str(), NamedSite::new(name.as_deref(), url.as_deref()));
            let row: [(&(dyn ToSql + Sync), Type); 4] = [
                (connection_id, Type::UUID),
                (&site, Type::TEXT),
                (&named.name, Type::TEXT),
                (&named.url, Type::TEXT),
            ];
            transaction.execute_typed(UPSERT, &row).await?;
            Ok(())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_is_told_from_others_by_its_id_alone_and_per_connection() {
        let account = |text: &str| serde_json::from_str::<Account>(text).unwrap();
        let ada = account(r#"{"account_id":"1:a","name":"Ada","email":"ada@example.com","picture":"x"}"#);
        let renamed = account(r#"{"account_id":"1:a","email":null}"#);
        let other = account(r#"{"account_id":"1:b","name":"Ada","email":"ada@example.com"}"#);
        let (one, two) = (Uuid::from_u128(1), Uuid::from_u128(2));
        assert_eq!(account_digest(&ada, &one), account_digest(&renamed, &one));
        assert_ne!(account_digest(&ada, &one), account_digest(&other, &one));
        assert_ne!(account_digest(&ada, &one), account_digest(&ada, &two));
    }
}
