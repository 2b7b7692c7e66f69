//! What a refresh writes to the row: new tokens, or that the provider refused the refresh token.
//!
//! Each write applies only if the row still holds the refresh token that was sent to the provider. Nothing is cached
//! here: the caller caches the row afterwards.

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

/// How long a provider must keep refusing a refresh token, without clearly saying that it is dead, before the
/// connection becomes invalid. Such a refusal may affect every connection, for example if the app is suspended.
const REFUSAL_GRACE: Duration = Duration::from_secs(5 * 60);

/// Sealed tokens, ready to be stored.
pub(crate) struct SealedTokens {
    pub(crate) refresh_token: Sealed,
    pub(crate) access_token: Sealed,
    pub(crate) access_token_expires_at: OffsetDateTime,
    /// The granted scopes, if the provider stated them.
    pub(crate) granted_scopes: Option<GrantedScopes>,
}

impl SealedTokens {
    /// The scopes as stored.
    pub(super) fn scopes(&self) -> Option<&str> {
        self.granted_scopes.as_ref().map(GrantedScopes::as_str)
    }
}

impl Connections {
    /// Stores the tokens of a refresh if the row still holds the refresh token that was exchanged. Returns the new
    /// version; `None` if the row holds another token or is gone.
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

    /// Records that the provider refused a refresh token without clearly saying that it is dead, if the row still holds
    /// that token. Returns whether the refusals have lasted long enough, with no success in between, to invalidate the
    /// connection; `None` if the row holds another token or is gone.
    pub(super) async fn record_refusal(&self, id: &Uuid, refused: &Sealed) -> Result<Option<bool>> {
        let client = self.rows.postgres().connection().await?;
        let is_old = record_refusal(&*client, id, refused).await?;
        client.release();
        Ok(is_old)
    }

    /// Marks a connection invalid if the row still holds the refresh token that the provider rejected. Returns the new
    /// version; `None` if the row holds another token or is gone.
    pub(super) async fn invalidate(&self, id: &Uuid, rejected: &Sealed) -> Result<Option<i64>> {
        let client = self.rows.postgres().connection().await?;
        let version = invalidate(&*client, id, rejected).await?;
        client.release();
        Ok(version)
    }
}

/// Like [`Connections::rotate`], over a given client or transaction.
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

/// Like [`Connections::record_refusal`], over a given client or transaction.
///
/// The time of the first refusal is in the row, where every function sees it and a success clears it. It is not cached,
/// so the version stays the same.
pub(crate) async fn record_refusal(
    client: &(impl GenericClient + Sync),
    id: &Uuid,
    refused: &Sealed,
) -> Result<Option<bool>> {
    // Older versions do not know doubted_at and only update refreshed_at on success.
    const UPDATE: &str = r#"
        update "juncture-core".connection set
            doubted_at = case when doubted_at >= refreshed_at then doubted_at else now() end
        where connection_id = $1 and refresh_token = $2
        returning doubted_at <= now() - make_interval(secs => $3)"#;
    let (refused, grace) = (refused.as_str(), REFUSAL_GRACE.as_secs_f64());
    let parameters: [(&(dyn ToSql + Sync), Type); 3] =
        [(id, Type::UUID), (&refused, Type::TEXT), (&grace, Type::FLOAT8)];
    let row = within_budget(client.query_typed_opt(UPDATE, &parameters)).await?;
    Ok(row.map(|row| row.get(0)))
}

/// Like [`Connections::invalidate`], over a given client or transaction.
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
