//! Jira Cloud as a provider: what Atlassian's client gives is put into the words that all providers share.

mod chosen_site;

pub use atlassian::SiteId;
pub use atlassian::oauth::{
    Account, AccountError, Accounts, AtlassianProbe, CONSENT_LIFETIME, DEFAULT_SCOPES, JiraConsent,
    JiraTokenEndpoint, NamedSite, Site, Sites,
};
pub use chosen_site::ChosenSite;
pub(crate) use chosen_site::account_digest;
