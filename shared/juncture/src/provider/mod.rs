//! The interface that every provider implements, and the providers. A new provider is a module beside [`jira`] and a
//! variant of [`ProviderId`]; `docs/adding-a-provider.md` has the steps.

mod discovery;
mod id;
mod info;
pub mod jira;
mod providers;

use std::time::Duration;

pub(crate) use base::oauth::site_url;
pub use base::oauth::{
    Consent, ConsentLacks, Grant, GrantedScopes, NamedSite, RequestedScopes, TokenEndpoint, TokenError,
};
pub use discovery::{Account, AccountError, Discovered, Discovery, DiscoveryError, Site, SiteId};
pub(crate) use id::CHOSEN_SITES;
pub use id::ProviderId;
pub use info::{ProviderInfo, SiteTable};
pub use providers::Providers;

use crate::error::{Error, ErrorCode};

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
            ConsentLacks::RefreshToken(scope) => Self::no_offline_access(scope),
            ConsentLacks::Account(scope) => Self::account_unknown(scope),
        }
    }
}
