use url::{Position, Url};

use crate::config::{FromSettings, Settings, SettingsError};

/// The customer's product that the connection is for: where a person came from and returns to.
///
/// Known only when `DEFAULT_JIRA_SITE_REDIRECT_URI` is set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Product {
    name: String,
    url: Url,
}

impl Product {
    /// The product at this address, named after its host (and port, if it is not the scheme's own).
    /// `None` unless the address is `http` or `https`: nothing else may become a link.
    pub fn at(url: &Url) -> Option<Self> {
        let host = web_host(url)?;
        Some(Self { name: host.strip_prefix("www.").unwrap_or(host).to_owned(), url: url.clone() })
    }

    /// What the person knows it by, such as `app.example.com`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Where the person returns to.
    pub fn url(&self) -> &Url {
        &self.url
    }
}

impl FromSettings for Option<Product> {
    fn from_settings(settings: &Settings) -> Result<Self, SettingsError> {
        let url = settings.optional_url("DEFAULT_JIRA_SITE_REDIRECT_URI")?;
        Ok(url.as_ref().and_then(Product::at))
    }
}

/// Host and port of a web address.
pub(super) fn web_host(url: &Url) -> Option<&str> {
    matches!(url.scheme(), "http" | "https").then(|| &url[Position::BeforeHost..Position::AfterPort])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn product(url: &str) -> Option<Product> {
        Product::at(&Url::parse(url).unwrap())
    }

    #[test]
    fn is_named_after_its_host() {
        for (url, name) in [
            ("https://app.example.com/settings?tab=jira", "app.example.com"),
            ("https://user:secret@www.example.com:443/", "example.com"),
            ("http://localhost:3000/done", "localhost:3000"),
        ] {
            assert_eq!(product(url).unwrap().name(), name);
        }
    }

    #[test]
    fn is_on_the_web_or_not_at_all() {
        for url in ["javascript:alert(1)", "data:text/html,hello", "file:///etc/passwd", "ftp://example.com/"]
        {
            assert_eq!(product(url), None, "{url}");
        }
    }
}
