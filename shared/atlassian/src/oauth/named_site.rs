//! A site's name and URL.

use base::display::shown;
use serde::{Deserialize, Serialize};
use url::Url;

/// Maximum length of a name, in characters; longer ones are truncated.
const LONGEST_NAME: usize = 200;

/// Maximum length of a URL, in bytes; longer ones are rejected. A host name has at most 253.
const LONGEST_URL: usize = 500;

/// The name and URL of a site, if known.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct NamedSite {
    /// The name given by the site's administrators, on one line.
    pub name: Option<String>,
    /// `https://<name>.atlassian.net`, without a trailing slash.
    pub url: Option<String>,
}

impl NamedSite {
    /// Makes a name and a URL safe to show. A URL that [`site_url`] rejects is dropped.
    pub fn new(name: Option<&str>, url: Option<&str>) -> Self {
        let name = name.map(|name| shown(name, LONGEST_NAME)).filter(|name| !name.is_empty());
        let url = url.and_then(site_url).map(|url| url.as_str().trim_end_matches('/').to_owned());
        Self { name, url }
    }
}

/// Parses a site's URL, which must be `https` and have a host but no credentials. Removes the query and fragment.
pub fn site_url(text: &str) -> Option<Url> {
    let mut url = Url::parse(text).ok().filter(|_| text.len() <= LONGEST_URL)?;
    let has_credentials = !url.username().is_empty() || url.password().is_some();
    if url.scheme() != "https" || url.host_str().is_none_or(str::is_empty) || has_credentials {
        return None;
    }
    url.set_query(None);
    url.set_fragment(None);
    Some(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_safe_site_urls_are_kept() {
        let kept = |url: &str| NamedSite::new(None, Some(url)).url;
        for (given, expected) in [
            ("https://harbour.atlassian.net", "https://harbour.atlassian.net"),
            ("https://harbour.atlassian.net/", "https://harbour.atlassian.net"),
            ("HTTPS://Harbour.Atlassian.net?a=b#c", "https://harbour.atlassian.net"),
            ("https://jira.example.com:8443/jira/", "https://jira.example.com:8443/jira"),
        ] {
            assert_eq!(kept(given).as_deref(), Some(expected));
        }
        let long = format!("https://example.com/{}", "x".repeat(LONGEST_URL));
        for bad in [
            "",
            "harbour.atlassian.net",
            "//harbour.atlassian.net",
            "http://harbour.atlassian.net",
            "https://",
            "https://ada:secret@harbour.atlassian.net",
            "https://ada@harbour.atlassian.net",
            "javascript:alert(1)//harbour.atlassian.net",
            "ftp://harbour.atlassian.net",
            &long,
        ] {
            assert_eq!(kept(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_name_is_one_line_that_postgres_can_hold() {
        let kept = |name: &str| NamedSite::new(Some(name), None).name;
        assert_eq!(kept(" Harbour\u{0}\n& Sons ").as_deref(), Some("Harbour & Sons"));
        assert_eq!(kept(&"x".repeat(1000)).map(|name| name.chars().count()), Some(LONGEST_NAME));
        assert_eq!((kept(""), kept("\u{200b}")), (None, None));
    }
}
