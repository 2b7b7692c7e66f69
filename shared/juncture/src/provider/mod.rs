//! What a provider must answer, and the providers. A new one is a module beside [`jira`];
//! `docs/adding-a-provider.md` has the steps.

pub mod jira;

use std::time::Duration;

pub use base::oauth::{Consent, ConsentLacks, Grant, GrantedScopes, TokenEndpoint, TokenError};
use futures_util::future::BoxFuture;
use tokio_postgres::Transaction;
use uuid::Uuid;

use crate::error::{Error, ErrorCode, Result};

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

/// What a provider writes beside the generic rows when a connection is saved, in the same transaction.
pub trait ExtendTransaction: Send + Sync {
    /// Writes the provider's own row for the connection.
    fn extend<'a>(
        &'a self,
        transaction: &'a Transaction<'_>,
        connection_id: &'a Uuid,
    ) -> BoxFuture<'a, Result<(), tokio_postgres::Error>>;
}

impl From<TokenError> for Error {
    fn from(error: TokenError) -> Self {
        match error {
            TokenError::Rejected(_) => Self::needs_reauthorization().because(error),
            TokenError::Misconfigured(_) => Self::new(
                ErrorCode::ProviderMisconfigured,
                "The provider does not accept the client id and secret that Juncture is configured with. \
                 The connection itself is not affected.",
            )
            .because(error),
            TokenError::Limited { retry_after } => Self::new(
                ErrorCode::ProviderLimited,
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

impl From<ConsentLacks> for Error {
    fn from(lacks: ConsentLacks) -> Self {
        match lacks {
            ConsentLacks::RefreshToken => Self::no_offline_access(),
            ConsentLacks::Account => Self::account_unknown(),
        }
    }
}
