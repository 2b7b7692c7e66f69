//! New tokens kept in Redis because they could not be committed to Postgres.

use base::crypto::{Sealed, Sealer};
use base::oauth::GrantedScopes;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use uuid::Uuid;

use super::super::key::{ConnectionKey, TokenColumn};

/// Tokens that the next refresh commits to Postgres, sealed for their connection.
#[derive(Serialize, Deserialize)]
pub(super) struct Stash {
    /// Digest of the refresh token they replace.
    pub(super) replaces: String,
    pub(super) refresh_token: Sealed,
    pub(super) access_token: Sealed,
    #[serde(with = "time::serde::timestamp")]
    pub(super) access_token_expires_at: OffsetDateTime,
    #[serde(default)]
    pub(super) granted_scopes: Option<GrantedScopes>,
}

/// Re-seals the tokens of a stash; `None` if that is not necessary or not possible.
pub(crate) fn reseal_stash(text: &str, key: &ConnectionKey, id: &Uuid, sealer: &Sealer) -> Option<String> {
    let mut stash: Stash = serde_json::from_str(text).ok()?;
    let reseal = |stored: &Sealed, column| sealer.reseal(stored, &key.token_binding(id, column)).ok();
    let refresh_token = reseal(&stash.refresh_token, TokenColumn::Refresh)?;
    let access_token = reseal(&stash.access_token, TokenColumn::Access)?;
    if refresh_token.is_none() && access_token.is_none() {
        return None;
    }
    stash.refresh_token = refresh_token.unwrap_or(stash.refresh_token);
    stash.access_token = access_token.unwrap_or(stash.access_token);
    serde_json::to_string(&stash).ok()
}

pub(crate) fn stash_key(key: &ConnectionKey) -> String {
    format!("juncture:uncommitted:{}", key.storage_name())
}
