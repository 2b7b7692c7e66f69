//! A connection's row in the schema `juncture-core`, and the queries that read it.

use std::sync::LazyLock;

use base::crypto::{Sealed, Sealer};
use base::oauth::GrantedScopes;
use secrecy::SecretString;
use stores::postgres::{failed, within_budget};
use time::OffsetDateTime;
use tokio_postgres::types::Type;
use tokio_postgres::{GenericClient, Row};
use uuid::Uuid;

use super::access_token::StoredAccessToken;
use super::allowed_projects::AllowedProjects;
use super::key::{ConnectionKey, TokenColumn};
use crate::error::{Error, Result};
use crate::provider::{Account, CHOSEN_SITES, NamedSite};

static SELECT: LazyLock<String> = LazyLock::new(|| {
    let chosen_sites = &*CHOSEN_SITES;
    format!(
        r#"
        select c.connection_id, c.version, c.refresh_token, c.invalid_refresh_token, c.expires_at, c.access_token,
               c.access_token_expires_at, c.account_digest, c.granted_scopes, s.site_id, s.site_name, s.site_url, s.project_id,
               s.allowed_projects
        from "juncture-core".connection_external_map m
        join "juncture-core".connection c using (connection_id)
        left join {chosen_sites} s using (connection_id)
        where m.external_id = $1 and m.provider = $2::"juncture-core".provider"#
    )
});

/// A connection as stored. Tokens are sealed, or clear text if the TypeScript Juncture wrote them.
#[derive(Clone)]
pub struct Connection {
    /// The connection's id; sealed tokens are bound to it.
    pub id: Uuid,
    /// Increases with every write.
    pub version: i64,
    /// The refresh token as stored.
    pub refresh_token: Sealed,
    /// Whether the provider has rejected the refresh token.
    pub is_invalid: bool,
    /// When the consent expires; refreshing does not extend it.
    pub expires_at: OffsetDateTime,
    /// The most recent access token.
    pub access_token: Option<StoredAccessToken>,
    /// Shows whether a new consent is from the same account; `None` if the account is not known.
    pub account_digest: Option<String>,
    /// The scopes that the provider stated with the most recent tokens; `None` if it did not, or if an older version
    /// stored the tokens.
    pub granted_scopes: Option<GrantedScopes>,
    /// The chosen site.
    pub site_id: Option<String>,
    /// The name and URL of that site, if known.
    pub site: NamedSite,
    /// The selected project on that site.
    pub project_id: Option<String>,
    /// The projects that the connection is limited to; `None` if it is not limited.
    pub allowed_projects: Option<AllowedProjects>,
}

impl Connection {
    /// Whether the consent has expired.
    pub fn is_expired(&self) -> bool {
        self.expires_at <= OffsetDateTime::now_utc()
    }

    /// Decrypts the refresh token of the connection with this key. Returns 500 if it was sealed with a key that is no
    /// longer configured, or for another connection.
    pub fn refresh_token(&self, sealer: &Sealer, key: &ConnectionKey) -> Result<SecretString> {
        let binding = key.token_binding(&self.id, TokenColumn::Refresh);
        sealer.open_stored(&self.refresh_token, &binding).map_err(Error::internal)
    }

    /// Whether the connection is known to belong to a different account; `false` if either account is unknown.
    pub(crate) fn belongs_to_another(&self, account: Option<&Account>) -> bool {
        self.account_digest
            .as_ref()
            .zip(account)
            .is_some_and(|(known, account)| *known != account.digest(&self.id))
    }

    fn from_row(row: &Row) -> Result<Self, tokio_postgres::Error> {
        let access_token: Option<String> = row.try_get("access_token")?;
        let ends: Option<OffsetDateTime> = row.try_get("access_token_expires_at")?;
        Ok(Self {
            id: row.try_get("connection_id")?,
            version: row.try_get("version")?,
            refresh_token: Sealed::stored(row.try_get("refresh_token")?),
            is_invalid: row.try_get("invalid_refresh_token")?,
            expires_at: row.try_get("expires_at")?,
            access_token: access_token
                .zip(ends)
                .map(|(token, expires_at)| StoredAccessToken { sealed: Sealed::stored(token), expires_at }),
            account_digest: row.try_get("account_digest")?,
            granted_scopes: row.try_get::<_, Option<&str>>("granted_scopes")?.and_then(GrantedScopes::parse),
            site_id: row.try_get("site_id")?,
            site: NamedSite::new(row.try_get("site_name")?, row.try_get("site_url")?),
            project_id: row.try_get("project_id")?,
            allowed_projects: row
                .try_get::<_, Option<Vec<String>>>("allowed_projects")?
                .map(AllowedProjects::from_stored),
        })
    }
}

/// Takes an advisory lock that serializes the creation and removal of a key's connection until the transaction ends.
pub(super) async fn lock(client: &(impl GenericClient + Sync), key: &ConnectionKey) -> Result<()> {
    const LOCK: &str = "select pg_advisory_xact_lock(hashtextextended($1, 0))";
    within_budget(client.query_typed(LOCK, &[(&key.storage_name(), Type::TEXT)])).await?;
    Ok(())
}

/// Like [`find`], but also locks the row until the transaction ends. Every write of the connection waits for that lock.
///
/// Uses two statements: after waiting for the lock, a single one would see the new version of the locked row, but the
/// joined rows as they were before
/// (<https://www.postgresql.org/docs/current/transaction-iso.html#XACT-READ-COMMITTED>).
pub(super) async fn find_for_update(
    client: &(impl GenericClient + Sync),
    key: &ConnectionKey,
) -> Result<Option<Connection>> {
    const LOCK: &str = r#"
        select from "juncture-core".connection_external_map m
        join "juncture-core".connection c using (connection_id)
        where m.external_id = $1 and m.provider = $2::"juncture-core".provider
        for update of c"#;
    let (external_id, provider) = (key.external_id().as_str(), key.provider().as_str());
    within_budget(client.query_typed(LOCK, &[(&external_id, Type::TEXT), (&provider, Type::TEXT)])).await?;
    find(client, key).await
}

/// Finds the connection with this key.
pub(super) async fn find(
    client: &(impl GenericClient + Sync),
    key: &ConnectionKey,
) -> Result<Option<Connection>> {
    let (external_id, provider) = (key.external_id().as_str(), key.provider().as_str());
    let row = within_budget(
        client.query_typed_opt(&SELECT, &[(&external_id, Type::TEXT), (&provider, Type::TEXT)]),
    )
    .await?;
    row.map(|row| Connection::from_row(&row).map_err(|error| failed(&error).into())).transpose()
}
