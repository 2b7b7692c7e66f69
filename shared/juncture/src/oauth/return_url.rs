//! Where a person is sent at the end of a flow, limited to URLs the deployment allows.

use base::config::{FromSettings, Settings, SettingsError};
use base::tls::is_safe_for_credentials;
use percent_encoding::{percent_decode, percent_decode_str};
use serde::{Deserialize, Serialize};
use url::Url;

use crate::error::{Error, Result};

/// A URL that [`ReturnUrls`] allows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ReturnUrl(Url);

impl ReturnUrl {
    /// The URL.
    pub fn as_url(&self) -> &Url {
        &self.0
    }
}

impl TryFrom<String> for ReturnUrl {
    type Error = url::ParseError;

    fn try_from(text: String) -> std::result::Result<Self, Self::Error> {
        Url::parse(&text).map(Self)
    }
}

impl From<ReturnUrl> for String {
    fn from(url: ReturnUrl) -> Self {
        url.0.into()
    }
}

/// The allowed return URLs. Setting: `ALLOWED_RETURN_URLS`, comma-separated; each also allows every path below it on
/// the same origin. If it is not set, none is allowed.
pub struct ReturnUrls(Vec<Url>);

impl FromSettings for ReturnUrls {
    fn from_settings(settings: &Settings) -> Result<Self, SettingsError> {
        let name = "ALLOWED_RETURN_URLS";
        let invalid = || SettingsError::Invalid {
            name,
            reason: "must be addresses such as https://app.example.com/settings, separated by commas"
                .to_owned(),
        };
        let list = settings.optional(name).unwrap_or_default();
        let entries = list.split(',').map(str::trim).filter(|entry| !entry.is_empty());
        let urls = entries.map(|entry| read(entry).filter(|url| url.query().is_none()).ok_or_else(invalid));
        urls.collect::<Result<_, _>>().map(Self)
    }
}

/// Parses a URL that a browser may be sent to: without credentials, and `https` unless the host is local.
fn read(text: &str) -> Option<Url> {
    let url = Url::parse(text).ok()?;
    let is_bare = url.username().is_empty() && url.password().is_none() && url.host_str().is_some();
    (is_bare && is_safe_for_credentials(&url)).then_some(url)
}

impl ReturnUrls {
    /// Parses a flow's return URL, or returns 400 if it is invalid or not allowed.
    pub fn parse(&self, text: &str) -> Result<ReturnUrl> {
        let allowed = |url: &Url| self.0.iter().any(|base| is_below(base, url));
        read(text).filter(allowed).map(ReturnUrl).ok_or_else(|| {
            Error::bad_request("return_url is not below an address in the setting ALLOWED_RETURN_URLS")
        })
    }
}

/// Whether a URL has the base's origin, and its path or one below it, regardless of percent-encoding: `%2e` is a dot
/// (<https://www.rfc-editor.org/rfc/rfc3986#section-6.2.2.2>).
fn is_below(base: &Url, url: &Url) -> bool {
    let (mut base_path, path) = (segments(base), segments(url));
    // A trailing slash makes no difference.
    base_path.pop_if(|last| last.is_empty());
    base.origin() == url.origin() && path.starts_with(&base_path) && !path.iter().any(|it| climbs(it))
}

/// The decoded segments of a path. Parsing the URL has already resolved `.` and `..` segments.
fn segments(url: &Url) -> Vec<Vec<u8>> {
    url.path().split('/').skip(1).map(|segment| percent_decode_str(segment).collect()).collect()
}

/// Whether a segment contains a `..` for a server that decodes the path before splitting it, or decodes it twice.
fn climbs(segment: &[u8]) -> bool {
    let again: Vec<u8> = percent_decode(segment).collect();
    segment.split(|byte| matches!(byte, b'/' | b'\\')).any(|part| part == b"..")
        || (again != segment && climbs(&again))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn urls(list: &str) -> Result<ReturnUrls, SettingsError> {
        let pairs = [("ALLOWED_RETURN_URLS".to_owned(), list.to_owned())];
        ReturnUrls::from_settings(&Settings::from_pairs(pairs))
    }

    #[test]
    fn what_lies_below_an_allowed_address_is_allowed() {
        let urls =
            urls("https://app.example.com/settings, https://example.org, http://localhost:3000/").unwrap();
        for fine in [
            "https://app.example.com/settings",
            "https://app.example.com/settings/jira?tab=1#top",
            "https://example.org/anything",
            "http://localhost:3000",
        ] {
            assert!(urls.parse(fine).is_ok(), "{fine}");
        }
        for bad in [
            "https://app.example.com/settingsx",
            "https://app.example.com/settings/../admin",
            "https://app.example.com/settings/%2e%2e/admin",
            "https://app.example.com",
            "http://app.example.com/settings",
            "https://app.example.com:444/settings",
            "https://app.example.com.evil.example/settings",
            "https://app.example.com@evil.example/settings",
            "https://user:secret@app.example.com/settings",
            "https:app.example.com.evil.example",
            "//app.example.com/settings",
            "/settings",
            "javascript:alert(1)//https://app.example.com/settings",
            "https://localhost:3000/",
            "",
        ] {
            assert!(urls.parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn an_address_is_compared_as_it_is_meant_however_it_is_encoded() {
        let urls = urls("https://app.example.com/v1.2/settings/, https://example.org/a%2eb").unwrap();
        for fine in [
            "https://app.example.com/v1.2/settings",
            "https://app.example.com/v1%2e2/settings/jira",
            "https://app.example.com/v1%2E2/settings",
            "https://app.example.com/%76%31.2/%73ettings/",
            "https://app.example.com/x/%2e%2e/v1.2/settings",
            "https://app.example.com/v1.2/./settings/a%2Fb/c..d/%2e.x",
            "https://app.example.com/v1.2/settings?next=/../admin",
            "https://example.org/a.b/c",
            "https://example.org/a%2Eb",
        ] {
            assert!(urls.parse(fine).is_ok(), "{fine}");
        }
        for bad in [
            "https://app.example.com/v1.2/settings/%2e%2e/admin",
            "https://app.example.com/v1%2e2/settings/.%2E/admin",
            "https://app.example.com/v1%2e2/%2e%2e/v2/settings",
            "https://app.example.com/v1.2/settings/..%2fadmin",
            "https://app.example.com/v1.2/settings/%2e%2e%2fadmin",
            "https://app.example.com/v1.2/settings/x%2f%2e%2e%2f..%2fadmin",
            "https://app.example.com/v1.2/settings/%2e%2e%5cadmin",
            "https://app.example.com/v1.2/settings/%252e%252e/admin",
            "https://app.example.com/v1.2/settings/%25252e%25252e%25252fadmin",
            "https://app.example.com/v1.2%2fsettings",
            "https://app.example.com/v1%252e2/settings",
            "https://example.org/a%2e",
        ] {
            assert!(urls.parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn nothing_is_allowed_by_default() {
        assert!(urls("").unwrap().parse("https://example.com/").is_err());
        for bad in ["example.com", "ftp://example.com", "https://u:p@example.com", "https://example.com/?a=b"]
        {
            assert!(urls(bad).is_err(), "{bad}");
        }
    }
}
