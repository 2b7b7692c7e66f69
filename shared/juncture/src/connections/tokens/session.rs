//! What a request does with a connection.

use base::crypto::for_the_sealer;
use base::oauth::GrantedScopes;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use uuid::Uuid;

use super::super::allowed_projects::AllowedProjects;
use crate::provider::NamedSite;

/// A valid access token for the provider's API. Its serialized form is part of a sealed cache entry and appears nowhere
/// else.
#[derive(Clone, Serialize, Deserialize)]
pub struct AccessToken {
    /// The token.
    #[serde(serialize_with = "for_the_sealer")]
    pub value: SecretString,
    /// When it expires.
    #[serde(with = "time::serde::timestamp")]
    pub expires_at: OffsetDateTime,
}

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
