//! Where faults and gates apply.

use serde::Deserialize;

/// A group of endpoints.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// The consent page.
    Authorize,
    /// The token endpoint.
    Token,
    /// The list of sites.
    Resources,
    /// The user profile.
    Profile,
    /// Jira's API behind the gateway.
    Jira,
}

impl Class {
    pub(crate) fn of(path: &str) -> Self {
        match path {
            "/authorize" => Self::Authorize,
            "/oauth/token" => Self::Token,
            "/me" => Self::Profile,
            _ if path.starts_with("/ex/") => Self::Jira,
            _ => Self::Resources,
        }
    }
}

/// A point in the processing of a request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum When {
    /// Received, not processed.
    #[default]
    Before,
    /// Processed, no response sent.
    After,
}
