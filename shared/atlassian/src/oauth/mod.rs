//! Atlassian's OAuth 2.0 (3LO): consent, tokens, and the sites that a token can access.
//!
//! <https://developer.atlassian.com/cloud/jira/platform/oauth-2-3lo-apps/>

mod account;
mod consent;
mod probe;
mod scope_groups;
mod sites;
mod token;

pub use account::{Account, AccountError, Accounts};
pub use consent::{DEFAULT_SCOPES, JiraConsent, READ_ME, requested_scopes};
pub use probe::{AtlassianProbe, ProbeError};
pub use scope_groups::{SCOPE_GROUPS, ScopeGroup, groups_of};
pub use sites::{Resources, Site, Sites, SitesError, jira_sites};
pub use token::{CONSENT_LIFETIME, JiraTokenEndpoint, grant, refusal};
