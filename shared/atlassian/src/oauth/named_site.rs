//! What people know a site by.

use base::display::shown;
use serde::{Deserialize, Serialize};
use url::Url;

/// The longest name that is kept, in characters.
const LONGEST_NAME: usize = 200;

/// The longest address that is kept, in bytes. A host has 253 at most.
const LONGEST_URL: usize = 500;

/// The name and the address of a site, as far as they are known.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct NamedSite {
    /// What its administrators call it, on one line.
    pub name: Option<String>,
    /// `https://<name>.atlassian.net`, without a slash at its end.
    pub url: Option<String>,
}

impl NamedSite {
    /// Keeps of a name and an address what can be shown: an address must be one that [`site_url`] takes.
    pub fn new(name: Option<&str>, url: Option<&str>) -> Self {
        let name = name.map(|name| shown(name, LONGEST_NAME)).filter(|name| !name.is_empty());
        let url = url.and_then(site_url).map(|url| url.as_str().trim_end_matches('/').to_owned());
        Self { name, url }
    }
}

/// Reads the address of a site: https, with a host and without credentials. What may follow the path is left out.
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
    fn only_an_address_that_people_may_be_led_to_is_one() {
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
