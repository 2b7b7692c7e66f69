//! What a request does with a connection.

use base::oauth::GrantedScopes;
use uuid::Uuid;

use super::super::access_token::AccessToken;
use super::super::allowed_projects::AllowedProjects;
use crate::provider::NamedSite;

/// A connection that is ready for calls to the provider.
pub struct Session {
    /// The connection's id.
    pub connection_id: Uuid,
    /// A token that is valid for at least another minute.
    pub access_token: AccessToken,
    /// The chosen site.
    pub site_id: Option<String>,
    /// The name and URL of that site. `None` if the provider has to be asked; without a URL if it was asked and did not
    /// know it.
    pub site: Option<NamedSite>,
    /// The selected project on that site.
    pub project_id: Option<String>,
    /// The scopes that were granted, if they are known.
    pub granted_scopes: Option<GrantedScopes>,
    /// The projects that the connection is limited to; `None` if it is not limited.
    pub allowed_projects: Option<AllowedProjects>,
}
