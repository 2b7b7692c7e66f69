//! What a consent gives access to: the sites, and the account that consented.

use base::crypto::sha256_hex;
use base::oauth::NamedSite;
use futures_util::future::BoxFuture;
use secrecy::SecretString;
use serde::Serialize;
use uuid::Uuid;

use super::info::ProviderInfo;
use crate::error::{Error, ErrorCode};

/// The provider's id of a site. [`ProviderId::site_id`](super::ProviderId::site_id) parses one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct SiteId(String);

impl SiteId {
    /// Wraps an id that the provider's module has already validated.
    pub(super) fn checked(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The id as the provider writes it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A site that can be connected: a Jira site, a workspace, an organisation. Listed by the provider; the texts and URLs
/// are not validated.
#[derive(Debug, Clone)]
pub struct Site {
    /// Its id.
    pub id: SiteId,
    /// Its name.
    pub name: Option<String>,
    /// The URL that people open.
    pub url: Option<String>,
    /// The URL of its picture.
    pub avatar_url: Option<String>,
}

impl Site {
    /// Its name and URL as stored.
    pub(crate) fn named(&self) -> NamedSite {
        NamedSite::new(self.name.as_deref(), self.url.as_deref())
    }
}

/// The account that consented. Only its digest is stored, and none of it is logged.
#[derive(Clone)]
pub struct Account {
    /// The provider's id of the account.
    pub id: String,
    /// Its owner's name.
    pub name: Option<String>,
    /// Its email address, which distinguishes two accounts of one person.
    pub email: Option<String>,
}

impl Account {
    /// The digest that is stored with a connection. It shows whether another account consents, and differs between
    /// connections of the same account.
    pub(crate) fn digest(&self, connection: &Uuid) -> String {
        sha256_hex(format!("{connection}:{}", self.id).as_bytes())
    }
}

/// What a consent gives access to.
pub struct Discovered {
    /// The sites without duplicates, in display order.
    pub sites: Vec<Site>,
    /// The account that consented; `None` if the settings request no scope for reading it.
    pub account: Result<Option<Account>, AccountError>,
}

/// Asks a provider what a consent gives access to.
pub trait Discovery: Send + Sync {
    /// Lists the sites and reads the account, with the access token of the consent.
    fn discover<'a>(
        &'a self,
        access_token: &'a SecretString,
    ) -> BoxFuture<'a, Result<Discovered, DiscoveryError>>;
}

/// Why the sites could not be listed.
#[derive(Debug, thiserror::Error)]
pub enum DiscoveryError {
    /// The provider rejected the access token: the consent was withdrawn.
    #[error("the provider does not accept the access token")]
    ConsentWithdrawn,
    /// The request timed out.
    #[error("the provider took too long to list the sites")]
    TimedOut,
    /// The request failed, or the response was not a list of sites.
    #[error("{0}")]
    Failed(String),
}

impl DiscoveryError {
    /// The error for the caller.
    pub(crate) fn for_caller(self, provider: &ProviderInfo) -> Error {
        let ProviderInfo { name, vendor, .. } = provider;
        match self {
            Self::ConsentWithdrawn => Error::gone(
                ErrorCode::ConsentWithdrawn,
                format!("{vendor} no longer accepts this consent. Start connecting again."),
            ),
            Self::TimedOut => {
                Error::timed_out(format!("{vendor} took too long to list the {name} sites. Try again."))
            }
            Self::Failed(cause) => Error::provider_failed(
                format!("{vendor} cannot list the {name} sites at the moment. Try again shortly."),
                cause,
            ),
        }
    }
}

/// Why the account could not be read, although the scope for it was requested.
#[derive(Debug, thiserror::Error)]
pub enum AccountError {
    /// The consent lacks this scope.
    #[error("the consent lacks {0}")]
    NotAllowed(&'static str),
    /// The request failed.
    #[error("{0}")]
    Failed(String),
}

impl AccountError {
    /// The error for the caller.
    pub(crate) fn for_caller(self, provider: &ProviderInfo) -> Error {
        match self {
            Self::NotAllowed(scope) => Error::account_unknown(scope),
            Self::Failed(cause) => Error::account_unavailable(provider.vendor, cause),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digest_depends_on_the_account_id_and_the_connection_alone() {
        let account = |id: &str, name: Option<&str>| Account {
            id: id.to_owned(),
            name: name.map(str::to_owned),
            email: Some("ada@example.com".to_owned()),
        };
        let (ada, renamed, other) =
            (account("1:a", Some("Ada")), account("1:a", None), account("1:b", Some("Ada")));
        let (one, two) = (Uuid::from_u128(1), Uuid::from_u128(2));
        assert_eq!(ada.digest(&one), renamed.digest(&one));
        assert_ne!(ada.digest(&one), other.digest(&one));
        assert_ne!(ada.digest(&one), ada.digest(&two));
    }
}
