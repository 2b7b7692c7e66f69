//! Where a person lands at the end of one flow, out of a list that the deployment allows.

use serde::{Deserialize, Serialize};
use url::Url;

use crate::config::{FromSettings, Settings, SettingsError};
use crate::error::{Error, Result};
use crate::tls::is_safe_for_credentials;

/// An address that [`ReturnUrls`] has allowed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ReturnUrl(Url);

impl ReturnUrl {
    /// The address.
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

/// The addresses that a flow may lead to. Setting: `ALLOWED_RETURN_URLS`, separated by commas; everything below one
/// of them is allowed, on the same origin. Without it, none is.
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

/// A web address that a browser may be sent to: no credentials in it, and `https` but for this very machine.
fn read(text: &str) -> Option<Url> {
    let url = Url::parse(text).ok()?;
    let is_bare = url.username().is_empty() && url.password().is_none() && url.host_str().is_some();
    (is_bare && is_safe_for_credentials(&url)).then_some(url)
}

impl ReturnUrls {
    /// Reads an address that a flow shall end at.
    ///
    /// # Errors
    /// 400 when it is none, or none that is allowed.
    pub fn parse(&self, text: &str) -> Result<ReturnUrl> {
        let allowed = |url: &Url| self.0.iter().any(|base| is_below(base, url));
        read(text).filter(allowed).map(ReturnUrl).ok_or_else(|| {
            Error::bad_request("return_url is not below an address in the setting ALLOWED_RETURN_URLS")
        })
    }
}

/// Whether an address has the base's origin, and its path or one below it.
fn is_below(base: &Url, url: &Url) -> bool {
    let rest = url.path().strip_prefix(base.path().trim_end_matches('/'));
    base.origin() == url.origin() && rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
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
    fn nothing_is_allowed_unless_it_is_said() {
        assert!(urls("").unwrap().parse("https://example.com/").is_err());
        for bad in ["example.com", "ftp://example.com", "https://u:p@example.com", "https://example.com/?a=b"]
        {
            assert!(urls(bad).is_err(), "{bad}");
        }
    }
}
