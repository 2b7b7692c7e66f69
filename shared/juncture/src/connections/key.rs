//! The key of a connection.

use serde::{Deserialize, Serialize};

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
