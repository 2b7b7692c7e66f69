//! The providers there are.

use std::fmt;
use std::sync::LazyLock;

use strum::VariantArray;

use super::facts::Facts;
use super::jira;
use super::reach::SiteId;
use crate::error::{Error, Result};

/// The provider of a connection, as the database's enum `provider` names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, VariantArray)]
pub enum ProviderId {
    /// Jira Cloud.
    Jira,
}

impl ProviderId {
    /// The provider that pages name when their address names none.
    pub const DEFAULT: Self = Self::Jira;

    /// Reads a provider's name, all lower case.
    ///
    /// # Errors
    /// 400 for any other name.
    pub fn parse(name: &str) -> Result<Self> {
        Self::VARIANTS
            .iter()
            .copied()
            .find(|provider| provider.as_str() == name)
            .ok_or_else(|| Error::bad_request("Unknown provider: 'jira' is the only one, in lower case"))
    }

    /// The name in routes, rows and keys.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Jira => "jira",
        }
    }

    /// What is known of it without a request.
    pub fn facts(self) -> &'static Facts {
        match self {
            Self::Jira => &jira::FACTS,
        }
    }

    /// Parses the field `site_id` of a request.
    ///
    /// # Errors
    /// 400 when the text is not a valid id.
    pub fn site_id(self, text: &str) -> Result<SiteId> {
        match self {
            Self::Jira => jira::site_id(text),
        }
    }
}

/// Its name for people: `Jira`.
impl fmt::Display for ProviderId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.facts().name)
    }
}

/// A SQL relation of the chosen sites of all connections, to join with `connection`: `connection_id`, `site_id`,
/// `site_name`, `site_url` and `project_id`.
pub(crate) static CHOSEN_SITES: LazyLock<String> = LazyLock::new(|| {
    let sites: Vec<&str> =
        ProviderId::VARIANTS.iter().map(|provider| provider.facts().sites.chosen).collect();
    format!("({})", sites.join(" union all "))
});
