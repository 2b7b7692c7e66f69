//! Jira Cloud as a provider: converts the types of the client crate `atlassian` to those that all providers share.

mod discovery;
mod site_table;

pub use atlassian::oauth::{
    AtlassianProbe, DEFAULT_SCOPES, JiraConsent, JiraTokenEndpoint, requested_scopes,
};
pub use discovery::JiraDiscovery;

use atlassian::oauth::CONSENT_LIFETIME;

use super::discovery::SiteId;
use super::info::ProviderInfo;
use crate::error::Result;

/// The static properties of Jira Cloud.
pub(crate) static INFO: ProviderInfo = ProviderInfo {
    name: "Jira",
    vendor: "Atlassian",
    redirect_uri_setting: "DEFAULT_JIRA_REDIRECT_URI",
    // Undocumented. If Atlassian adds a domain, pictures from it are not shown.
    image_domains: &[".atl-paas.net", ".atlassian.com", ".atlassian.net"],
    consent_lifetime: CONSENT_LIFETIME,
    // <https://developer.atlassian.com/cloud/jira/platform/oauth-2-3lo-apps/>
    idle_days: 90,
    sites: site_table::SITE_TABLE,
};

/// Parses a cloud id, or returns 400 if it is not valid.
pub(super) fn site_id(text: &str) -> Result<SiteId> {
    Ok(atlassian::SiteId::parse(text)?.into())
}
