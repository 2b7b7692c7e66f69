//! The supported providers.

use std::fmt;
use std::sync::LazyLock;

use strum::VariantArray;

use super::discovery::SiteId;
use super::info::ProviderInfo;
use super::jira;
use crate::error::{Error, Result};

/// A provider, named as in the database's enum `provider`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, VariantArray)]
pub enum ProviderId {
    /// Jira Cloud.
    Jira,
}

impl ProviderId {
    /// The provider named on pages whose URL names none.
    pub const DEFAULT: Self = Self::Jira;

    /// Parses a provider's name, which is lower case. Returns 400 for any other name.
    pub fn parse(name: &str) -> Result<Self> {
        Self::VARIANTS
            .iter()
            .copied()
            .find(|provider| provider.as_str() == name)
            .ok_or_else(|| Error::bad_request("Unknown provider: 'jira' is the only one, in lower case"))
    }

    /// The name in routes, rows and Redis keys.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Jira => "jira",
        }
    }

    /// The static properties of the provider.
    pub fn info(self) -> &'static ProviderInfo {
        match self {
            Self::Jira => &jira::INFO,
        }
    }

    /// Parses the field `site_id` of a request, or returns 400 if it is not a valid id.
    pub fn site_id(self, text: &str) -> Result<SiteId> {
        match self {
            Self::Jira => jira::site_id(text),
        }
    }
}

/// The name shown to people: `Jira`.
impl fmt::Display for ProviderId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.info().name)
    }
}

/// A SQL subquery with the chosen sites of all connections, to join with `connection`. Columns: `connection_id`,
/// `site_id`, `site_name`, `site_url`, `project_id` and `allowed_projects`.
pub(crate) static CHOSEN_SITES: LazyLock<String> = LazyLock::new(|| {
    let sites: Vec<&str> = ProviderId::VARIANTS.iter().map(|provider| provider.info().sites.chosen).collect();
    format!("({})", sites.join(" union all "))
});
