//! Jira Cloud as a provider: Atlassian's OAuth 2.0 (3LO), and the sites that a consent reaches.
//!
//! <https://developer.atlassian.com/cloud/jira/platform/oauth-2-3lo-apps/>

mod account;
mod consent;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
mod named_site;
mod reach;
mod sites;
mod token;

pub use account::{Account, Accounts};
pub use consent::{DEFAULT_SCOPES, JiraConsent};
pub(crate) use named_site::named_site;
pub use named_site::{NamedSite, site_url};
pub use reach::Reach;
pub(crate) use sites::granted_scopes;
pub use sites::{ChosenSite, Site, SiteId, Sites};
pub use token::{CONSENT_LIFETIME, JiraTokenEndpoint};

const DEFAULT_AUTH_URL: &str = "https://auth.atlassian.com";
const DEFAULT_API_URL: &str = "https://api.atlassian.com";
