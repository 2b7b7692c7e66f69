//! Access tokens, in use and as stored.

use base::crypto::{CryptoError, Sealed, Sealer, for_the_sealer};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use uuid::Uuid;

use super::key::{ConnectionKey, TokenColumn};

/// A valid access token for the provider's API. Its serialized form is part of a sealed cache entry and appears nowhere
/// else.
#[derive(Clone, Serialize, Deserialize)]
pub struct AccessToken {
    /// The token.
    #[serde(serialize_with = "for_the_sealer")]
    pub value: SecretString,
    /// When it expires.
    #[serde(with = "time::serde::timestamp")]
    pub expires_at: OffsetDateTime,
}

/// An access token as stored in Postgres and Redis.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct StoredAccessToken {
    /// The sealed token.
    pub sealed: Sealed,
    /// When it expires.
    #[serde(with = "time::serde::timestamp")]
    pub expires_at: OffsetDateTime,
}

impl StoredAccessToken {
    /// Seals an access token of a connection.
    pub(super) fn seal(
        token: &AccessToken,
        key: &ConnectionKey,
        id: &Uuid,
        sealer: &Sealer,
    ) -> Result<Self, CryptoError> {
        let binding = key.token_binding(id, TokenColumn::Access);
        let sealed = sealer.seal(token.value.expose_secret(), &binding)?;
        Ok(Self { sealed, expires_at: token.expires_at })
    }

    /// Decrypts it. Clear text is an error: the TypeScript Juncture stored no access tokens in rows.
    pub(super) fn open(
        &self,
        key: &ConnectionKey,
        id: &Uuid,
        sealer: &Sealer,
    ) -> Result<AccessToken, CryptoError> {
        let binding = key.token_binding(id, TokenColumn::Access);
        Ok(AccessToken { value: sealer.open(self.sealed.as_str(), &binding)?, expires_at: self.expires_at })
    }
}
