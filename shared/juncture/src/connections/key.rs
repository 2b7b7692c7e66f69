//! The key of a connection.

use base::crypto::Binding;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::error::{Error, Result};
use crate::provider::ProviderId;

/// Maximum length of an external id, in characters. Ids in use (a UUID, an email address, a path of ids) are far
/// shorter.
const MAX_CHARACTERS: usize = 512;

/// The product's own id of whatever is connected: a user, a project, an organisation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ExternalId(String);

impl ExternalId {
    /// Parses an external id, or returns 400 if it is empty, too long or contains control characters.
    pub fn parse(text: &str) -> Result<Self> {
        if text.is_empty() {
            return Err(Error::bad_request("Missing external_id"));
        }
        if text.chars().count() > MAX_CHARACTERS {
            return Err(Error::bad_request(format!(
                "external_id is longer than {MAX_CHARACTERS} characters"
            )));
        }
        if text.chars().any(char::is_control) {
            return Err(Error::bad_request("external_id contains control characters"));
        }
        Ok(Self(text.to_owned()))
    }

    /// The id exactly as the product sent it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The project of all connections in core mode, as it appears in what sealed values are bound to.
const CORE: &str = "core";

/// A column of a connection's row that holds a sealed token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenColumn {
    /// `refresh_token`
    Refresh,
    /// `access_token`
    Access,
}

/// Identifies one connection. Queries, caches and locks take this type, never loose strings.
///
/// A key comes from a caller's request ([`crate::callers`]), or from a value that was sealed or stored for a caller
/// earlier. In cloud mode it will also contain the caller's project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectionKey {
    provider: ProviderId,
    external_id: ExternalId,
}

impl ConnectionKey {
    pub(crate) fn new(provider: ProviderId, external_id: ExternalId) -> Self {
        Self { provider, external_id }
    }

    /// The provider of the connection.
    pub fn provider(&self) -> ProviderId {
        self.provider
    }

    /// The product's id of the connection.
    pub fn external_id(&self) -> &ExternalId {
        &self.external_id
    }

    /// What a token in a connection's row is bound to, in the first format to the connection's id only.
    pub fn token_binding(&self, id: &Uuid, column: TokenColumn) -> Binding {
        let id = id.to_string();
        let column = match column {
            TokenColumn::Refresh => "refresh_token",
            TokenColumn::Access => "access_token",
        };
        let v2 = [CORE, self.provider.as_str(), self.external_id.as_str(), &id, column];
        Binding::new(id.as_str(), &v2)
    }

    /// What a cached connection is bound to, as of one version of its row.
    pub(super) fn entry_binding(&self, version: i64) -> Binding {
        let version = version.to_string();
        let v2 = [CORE, self.provider.as_str(), self.external_id.as_str(), "cached", &version];
        // The first format does not seal entries.
        Binding::new("", &v2)
    }

    /// What a cursor of a list that a connection returns is bound to.
    pub(crate) fn cursor_binding(&self, call: &str, query: &str) -> Binding {
        let v1 = serde_json::json!(["cursor", call, self.storage_name(), query]).to_string();
        let v2 = [CORE, self.provider.as_str(), self.external_id.as_str(), "cursor", call, query];
        Binding::new(v1, &v2)
    }

    /// The key as it appears in Redis keys and lock names.
    pub(crate) fn storage_name(&self) -> String {
        format!("{}:{}", self.provider.as_str(), self.external_id.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_sane_text_is_an_external_id() {
        for fine in ["project123", "7", "org/1:user@example.com", "プロジェクト", " "] {
            assert_eq!(ExternalId::parse(fine).unwrap().as_str(), fine);
        }
        for bad in ["", "a\0b", "a\nb", &"x".repeat(513)] {
            assert!(ExternalId::parse(bad).is_err(), "{bad:?}");
        }
    }
}
