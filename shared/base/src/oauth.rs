//! What the product and a provider's client say to each other about OAuth 2.0, in the words of
//! <https://www.rfc-editor.org/rfc/rfc6749>. It names no provider.

use std::time::Duration;

use futures_util::future::BoxFuture;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

/// What a provider gives for a consent or a refresh.
pub struct Grant {
    /// Opens the provider's API until `expires_at`.
    pub access_token: SecretString,
    /// When the access token ends.
    pub expires_at: OffsetDateTime,
    /// Gives the next access token; absent when the provider keeps the old one valid.
    pub refresh_token: Option<SecretString>,
    /// What the consent allows, if the provider tells in a way that can be read.
    pub scopes: Option<GrantedScopes>,
}

/// The scopes that a provider says it has granted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct GrantedScopes(String);

impl GrantedScopes {
    /// Reads the `scope` of a token answer (<https://www.rfc-editor.org/rfc/rfc6749#section-3.3>); `None` where it names
    /// nothing.
    pub fn parse(text: &str) -> Option<Self> {
        let mut scopes: Vec<&str> =
            text.split(|c: char| c == ',' || c.is_whitespace()).filter(|scope| !scope.is_empty()).collect();
        scopes.sort_unstable();
        scopes.dedup();
        (!scopes.is_empty()).then(|| Self(scopes.join(" ")))
    }

    /// Whether a scope is among them.
    pub fn contains(&self, scope: &str) -> bool {
        self.iter().any(|granted| granted == scope)
    }

    /// Each of them, in the order of their names.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.split(' ')
    }

    /// All of them with a space in between, as they are stored.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Where a person is asked for consent.
pub trait Consent: Send + Sync {
    /// The address to send the person to; they come back to `redirect_uri`, with `state`.
    fn authorize_url(&self, redirect_uri: &str, state: &str) -> String;

    /// Whether a consent allows what Juncture cannot do without. The person may have changed the address of the consent
    /// page on the way.
    ///
    /// # Errors
    /// What it lacks.
    fn check(&self, grant: &Grant) -> Result<(), ConsentLacks>;
}

/// The server that hands out tokens.
pub trait TokenEndpoint: Send + Sync {
    /// Exchanges the code of a consent for the first tokens; `redirect_uri` is the one of the consent.
    fn exchange_code<'a>(
        &'a self,
        redirect_uri: &'a str,
        code: &'a str,
    ) -> BoxFuture<'a, Result<Grant, TokenError>>;

    /// Exchanges a refresh token for new tokens.
    fn refresh<'a>(&'a self, refresh_token: &'a SecretString) -> BoxFuture<'a, Result<Grant, TokenError>>;
}

/// What a consent does not allow and Juncture cannot do without.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ConsentLacks {
    /// There is no refresh token.
    #[error("the consent gives no refresh token")]
    RefreshToken,
    /// It does not tell whose it is, although it was asked to.
    #[error("the consent does not allow to ask whose it is")]
    Account,
}

/// Why a provider gave no tokens. The kinds differ in what must follow from them.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// The refresh token or code is not valid, or not any more: the person has to consent again.
    #[error("the provider rejected the token: {0}")]
    Rejected(String),
    /// The provider refuses the refresh token in words that may as well mean itself or this deployment's app: only if it
    /// still does so after a while is the person asked to consent again.
    #[error("the provider refused the token for now: {0}")]
    Doubted(String),
    /// The provider does not accept this deployment's own credentials: nobody's consent is in question.
    #[error("the provider refused our own credentials: {0}")]
    Misconfigured(String),
    /// The provider asks to be left alone for a while.
    #[error("the provider limits the rate of token requests")]
    Limited {
        /// For how long, if it said so.
        retry_after: Option<Duration>,
    },
    /// The provider failed, or answered something else than its documentation says.
    #[error("the token endpoint failed: {0}")]
    Failed(String),
    /// The provider did not answer in time.
    #[error("the token endpoint did not answer in time")]
    TimedOut,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn granted_scopes_are_read_as_names() {
        let scopes = GrantedScopes::parse(" read:me  offline_access,read:jira-work read:me ").unwrap();
        assert_eq!(scopes.as_str(), "offline_access read:jira-work read:me");
        assert!(scopes.contains("read:me") && !scopes.contains("read:jira") && !scopes.contains(""));
        for nothing in ["", " ", ","] {
            assert_eq!(GrantedScopes::parse(nothing), None);
        }
    }
}
