//! What a provider must answer, and the providers. A new one is a module beside [`jira`];
//! `docs/adding-a-provider.md` has the steps.

pub mod jira;

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use tokio_postgres::Transaction;
use uuid::Uuid;

use crate::error::{Error, Result};

/// A future that can be held behind a trait object.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// The provider of a connection, as the database's enum `provider` names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProviderId {
    /// Jira Cloud.
    Jira,
}

impl ProviderId {
    /// Reads a provider's name, all lower case.
    ///
    /// # Errors
    /// 400 for any other name.
    pub fn parse(name: &str) -> Result<Self> {
        match name {
            "jira" => Ok(Self::Jira),
            _ => Err(Error::bad_request("Unknown provider: 'jira' is the only one, in lower case")),
        }
    }

    /// The name in routes, rows and keys.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Jira => "jira",
        }
    }
}

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
    /// 403 when it does not.
    fn check(&self, grant: &Grant) -> Result<()>;
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

/// What a provider writes beside the generic rows when a connection is saved, in the same transaction.
pub trait ExtendTransaction: Send + Sync {
    /// Writes the provider's own row for the connection.
    fn extend<'a>(
        &'a self,
        transaction: &'a Transaction<'_>,
        connection_id: &'a Uuid,
    ) -> BoxFuture<'a, Result<(), tokio_postgres::Error>>;
}

/// Why a provider gave no tokens. The kinds differ in what must follow from them.
#[derive(Debug)]
pub enum TokenError {
    /// The refresh token or code is not valid, or not any more: the person has to consent again.
    Rejected(String),
    /// The provider refuses the refresh token in words that may as well mean itself or this deployment's app: only if it
    /// still does so after a while is the person asked to consent again.
    Doubted(String),
    /// The provider does not accept this deployment's own credentials: nobody's consent is in question.
    Misconfigured(String),
    /// The provider asks to be left alone for a while.
    Limited {
        /// For how long, if it said so.
        retry_after: Option<Duration>,
    },
    /// The provider failed, or answered something else than its documentation says.
    Failed(String),
    /// The provider did not answer in time.
    TimedOut,
}

impl std::fmt::Display for TokenError {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Rejected(error) => write!(formatter, "the provider rejected the token: {error}"),
            Self::Doubted(error) => write!(formatter, "the provider refused the token for now: {error}"),
            Self::Misconfigured(error) => {
                write!(formatter, "the provider refused our own credentials: {error}")
            }
            Self::Limited { .. } => formatter.write_str("the provider limits the rate of token requests"),
            Self::Failed(cause) => write!(formatter, "the token endpoint failed: {cause}"),
            Self::TimedOut => formatter.write_str("the token endpoint did not answer in time"),
        }
    }
}

impl std::error::Error for TokenError {}

impl From<TokenError> for Error {
    fn from(error: TokenError) -> Self {
        match error {
            TokenError::Rejected(_) => Self::needs_reauthorization().because(error),
            TokenError::Misconfigured(_) => Self::new(
                ::http::StatusCode::INTERNAL_SERVER_ERROR,
                "provider_misconfigured",
                "The provider does not accept the client id and secret that Juncture is configured with. \
                 The connection itself is not affected.",
            )
            .because(error),
            TokenError::Limited { retry_after } => Self::new(
                ::http::StatusCode::TOO_MANY_REQUESTS,
                "provider_limited",
                "The provider limits the rate of token requests. Try again later.",
            )
            .retry_after(retry_after.unwrap_or(Duration::from_secs(5)))
            .because(error),
            TokenError::Failed(_) | TokenError::Doubted(_) => Self::provider_failed(
                "The provider's token service is failing. The connection is not affected; try again shortly.",
                error,
            ),
            TokenError::TimedOut => Self::timed_out(
                "The provider's token service did not answer in time. The connection is not affected; try again.",
            )
            .because(error),
        }
    }
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
