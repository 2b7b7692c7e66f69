//! What a refresh writes of a row: new tokens, or that there are none.
//!
//! Each of these replaces exactly the refresh token that was exchanged. Nothing is cached here: whoever refreshes caches
//! the row as it is then.

use std::time::Duration;

use base::crypto::Sealed;
use stores::postgres::within_budget;
use time::OffsetDateTime;
use tokio_postgres::GenericClient;
use tokio_postgres::types::{ToSql, Type};
use uuid::Uuid;

use super::store::Connections;
use crate::error::Result;
use crate::provider::GrantedScopes;

/// How long a provider must go on refusing a refresh token, if it does not say clearly that it is dead, before the
/// connection is invalid: what it says of one connection it may be saying of all, because an app is suspended, say.
const PATIENCE: Duration = Duration::from_secs(5 * 60);

/// Sealed tokens, ready to be stored.
pub(crate) struct SealedTokens {
    pub(crate) refresh_token: Sealed,
    pub(crate) access_token: Sealed,
    pub(crate) access_token_expires_at: OffsetDateTime,
    /// What the consent allows, if the provider told.
    pub(crate) granted_scopes: Option<GrantedScopes>,
}

impl SealedTokens {
    /// The scopes as they are stored.
    pub(super) fn scopes(&self) -> Option<&str> {
        self.granted_scopes.as_ref().map(GrantedScopes::as_str)
    }
}

impl Connections {
    /// Stores the tokens of a refresh if the row still holds the refresh token that was exchanged, and tells the
    /// new version; `None` if somebody else has written the row since.
    ///
    /// # Errors
    /// 503 when the database cannot be reached.
    pub(super) async fn rotate(
        &self,
        id: &Uuid,
        exchanged: &Sealed,
        tokens: &SealedTokens,
    ) -> Result<Option<i64>> {
        let client = self.rows.postgres().connection().await?;
        let version = rotate(&*client, id, exchanged, tokens).await?;
        client.release();
        Ok(version)
    }

    /// Notes that the provider refused a refresh token without saying clearly that it is dead, if the row still holds
    /// it: whether it did so before, long enough ago and without a success since; `None` if somebody else has written
    /// the row since.
    ///
    /// # Errors
    /// 503 when the database cannot be reached.
    pub(super) async fn doubt(&self, id: &Uuid, refused: &Sealed) -> Result<Option<bool>> {
        let client = self.rows.postgres().connection().await?;
        let is_old = doubt(&*client, id, refused).await?;
        client.release();
        Ok(is_old)
    }

    /// Marks a connection invalid if the row still holds the refresh token that the provider rejected, and tells
    /// the new version; `None` if somebody else has written the row since.
    ///
    /// # Errors
    /// 503 when the database cannot be reached.
    pub(super) async fn invalidate(&self, id: &Uuid, rejected: &Sealed) -> Result<Option<i64>> {
        let client = self.rows.postgres().connection().await?;
        let version = invalidate(&*client, id, rejected).await?;
        client.release();
        Ok(version)
    }
}

/// As [`Connections::rotate`], in a given transaction.
pub(crate) async fn rotate(
    client: &(impl GenericClient + Sync),
    id: &Uuid,
    exchanged: &Sealed,
    tokens: &SealedTokens,
) -> Result<Option<i64>> {
    const UPDATE: &str = r#"
        update "juncture-core".connection set
            refresh_token = $3,
            access_token = $4,
            access_token_expires_at = $5,
            granted_scopes = coalesce($6, granted_scopes),
            invalid_refresh_token = false,
            doubted_at = null,
            last_updated = now(),
            refreshed_at = now(),
            version = nextval('"juncture-core".connection_version')
        where connection_id = $1 and refresh_token = $2
        returning version"#;
    let (exchanged, scopes) = (exchanged.as_str(), tokens.scopes());
    let (refresh_token, access_token) = (tokens.refresh_token.as_str(), tokens.access_token.as_str());
    let parameters: [(&(dyn ToSql + Sync), Type); 6] = [
        (id, Type::UUID),
        (&exchanged, Type::TEXT),
        (&refresh_token, Type::TEXT),
        (&access_token, Type::TEXT),
        (&tokens.access_token_expires_at, Type::TIMESTAMPTZ),
        (&scopes, Type::TEXT),
    ];
    let row = within_budget(client.query_typed_opt(UPDATE, &parameters)).await?;
    Ok(row.map(|row| row.get(0)))
}

/// As [`Connections::doubt`], in a given transaction.
///
/// The row remembers it, where a success takes it away and every function sees it. Nothing of it is cached, so the
/// version stays.
pub(crate) async fn doubt(
    client: &(impl GenericClient + Sync),
    id: &Uuid,
    refused: &Sealed,
) -> Result<Option<bool>> {
    // A version that does not know the column has moved refreshed_at when it refreshed.
    const UPDATE: &str = r#"
        update "juncture-core".connection set
            doubted_at = case when doubted_at >= refreshed_at then doubted_at else now() end
        where connection_id = $1 and refresh_token = $2
        returning doubted_at <= now() - make_interval(secs => $3)"#;
    let (refused, patience) = (refused.as_str(), PATIENCE.as_secs_f64());
    let parameters: [(&(dyn ToSql + Sync), Type); 3] =
        [(id, Type::UUID), (&refused, Type::TEXT), (&patience, Type::FLOAT8)];
    let row = within_budget(client.query_typed_opt(UPDATE, &parameters)).await?;
    Ok(row.map(|row| row.get(0)))
}

/// As [`Connections::invalidate`], in a given transaction.
pub(crate) async fn invalidate(
    client: &(impl GenericClient + Sync),
    id: &Uuid,
    rejected: &Sealed,
) -> Result<Option<i64>> {
    const UPDATE: &str = r#"
        update "juncture-core".connection set
            invalid_refresh_token = true,
            access_token = null,
            access_token_expires_at = null,
            last_updated = now(),
            version = nextval('"juncture-core".connection_version')
        where connection_id = $1 and refresh_token = $2
        returning version"#;
    let rejected = rejected.as_str();
    let row =
        within_budget(client.query_typed_opt(UPDATE, &[(id, Type::UUID), (&rejected, Type::TEXT)])).await?;
    Ok(row.map(|row| row.get(0)))
}
