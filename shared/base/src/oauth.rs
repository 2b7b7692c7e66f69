//! The OAuth 2.0 interface between the product and a provider's client, in the terms of
//! <https://www.rfc-editor.org/rfc/rfc6749>, and the name and URL of a site. Independent of any provider.

use std::time::Duration;

use futures_util::future::BoxFuture;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use url::Url;

use crate::display::shown;

/// Maximum length of a site's name, in characters; longer ones are truncated.
const MAX_NAME_CHARS: usize = 200;

/// Maximum length of a site's URL, in bytes; longer ones are rejected. A host name has at most 253.
const MAX_URL_BYTES: usize = 500;

/// What a provider issues for a consent or a refresh.
pub struct Grant {
    /// Authorises API calls until `expires_at`.
    pub access_token: SecretString,
    /// When the access token expires.
    pub expires_at: OffsetDateTime,
    /// Obtains the next access token; absent if the provider keeps the old refresh token valid.
    pub refresh_token: Option<SecretString>,
    /// The granted scopes, if the provider's response states them in a readable form.
    pub scopes: Option<GrantedScopes>,
}

/// The scopes that a provider says it granted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct GrantedScopes(String);

impl GrantedScopes {
    /// Parses the `scope` of a token response (<https://www.rfc-editor.org/rfc/rfc6749#section-3.3>), separated by
    /// spaces or commas. Returns `None` if it names no scope.
    pub fn parse(text: &str) -> Option<Self> {
        let mut scopes: Vec<&str> =
            text.split(|c: char| c == ',' || c.is_whitespace()).filter(|scope| !scope.is_empty()).collect();
        scopes.sort_unstable();
        scopes.dedup();
        (!scopes.is_empty()).then(|| Self(scopes.join(" ")))
    }

    /// Whether a scope was granted.
    pub fn contains(&self, scope: &str) -> bool {
        self.iter().any(|granted| granted == scope)
    }

    /// Iterates over the scopes in alphabetical order.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.split(' ')
    }

    /// Returns the scopes separated by spaces, as they are stored.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The scopes that a deployment requests of a provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestedScopes(String);

impl RequestedScopes {
    /// Takes scopes that are separated by spaces.
    pub fn new(scopes: String) -> Self {
        Self(scopes)
    }

    /// Returns those that are not among the granted ones.
    pub fn missing_in(&self, granted: &GrantedScopes) -> Vec<String> {
        self.0
            .split(' ')
            .filter(|scope| !scope.is_empty() && !granted.contains(scope))
            .map(str::to_owned)
            .collect()
    }
}

/// The consent step of a provider.
pub trait Consent: Send + Sync {
    /// Returns the URL to send the person to. The provider redirects back to `redirect_uri` with `state`.
    fn authorize_url(&self, redirect_uri: &str, state: &str) -> String;

    /// Checks that a grant covers what Juncture requires: the person can edit the URL of the consent page, so it may
    /// contain less than was requested. A grant without a refresh token must fail here: it cannot be stored.
    fn check(&self, grant: &Grant) -> Result<(), ConsentLacks>;
}

/// A provider's token endpoint.
pub trait TokenEndpoint: Send + Sync {
    /// Exchanges an authorization code for the first tokens. `redirect_uri` must be the one the consent was requested
    /// with.
    fn exchange_code<'a>(
        &'a self,
        redirect_uri: &'a str,
        code: &'a str,
    ) -> BoxFuture<'a, Result<Grant, TokenError>>;

    /// Exchanges a refresh token for new tokens.
    fn refresh<'a>(&'a self, refresh_token: &'a SecretString) -> BoxFuture<'a, Result<Grant, TokenError>>;
}

/// What Juncture requires and a grant does not cover, with the scope that is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ConsentLacks {
    /// There is no refresh token.
    #[error("the consent gives no refresh token")]
    RefreshToken(&'static str),
    /// The scope for reading the account is missing, although it was requested.
    #[error("the consent does not allow to ask whose it is")]
    Account(&'static str),
}

/// Why a provider issued no tokens. The variants differ in what has to be done about it.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// The refresh token or code is invalid, or no longer valid: the person has to consent again.
    #[error("the provider rejected the token: {0}")]
    Rejected(String),
    /// The provider refused the refresh token with an error that can concern either the token or this deployment's
    /// app. The person is asked to consent again only if the error persists.
    #[error("the provider refused the token for now: {0}")]
    Doubted(String),
    /// The provider rejected this deployment's own client credentials; the consent is not affected.
    #[error("the provider refused our own credentials: {0}")]
    Misconfigured(String),
    /// The provider rate-limited the request.
    #[error("the provider limits the rate of token requests")]
    Limited {
        /// How long to wait, if the provider said so.
        retry_after: Option<Duration>,
    },
    /// The provider failed, or its response does not match its documentation.
    #[error("the token endpoint failed: {0}")]
    Failed(String),
    /// The request to the provider timed out.
    #[error("the token endpoint did not answer in time")]
    TimedOut,
}

/// The name and URL of a site, if known.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct NamedSite {
    /// The name given by the site's administrators, on one line.
    pub name: Option<String>,
    /// The address that people open, without a trailing slash.
    pub url: Option<String>,
}

impl NamedSite {
    /// Makes a name and a URL safe to show. A URL that [`site_url`] rejects is dropped.
    pub fn new(name: Option<&str>, url: Option<&str>) -> Self {
        let name = name.map(|name| shown(name, MAX_NAME_CHARS)).filter(|name| !name.is_empty());
        let url = url.and_then(site_url).map(|url| url.as_str().trim_end_matches('/').to_owned());
        Self { name, url }
    }
}

/// Parses a site's URL, which must be `https` and have a host but no credentials. Removes the query and fragment.
pub fn site_url(text: &str) -> Option<Url> {
    let mut url = Url::parse(text).ok().filter(|_| text.len() <= MAX_URL_BYTES)?;
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
    fn granted_scopes_are_parsed() {
        let scopes = GrantedScopes::parse(" read:me  offline_access,read:jira-work read:me ").unwrap();
        assert_eq!(scopes.as_str(), "offline_access read:jira-work read:me");
        assert!(scopes.contains("read:me") && !scopes.contains("read:jira") && !scopes.contains(""));
        for nothing in ["", " ", ","] {
            assert_eq!(GrantedScopes::parse(nothing), None);
        }
    }

    #[test]
    fn scopes_that_were_not_granted_are_missing() {
        let requested = RequestedScopes::new("read:me write:jira-work offline_access".to_owned());
        let granted = GrantedScopes::parse("read:me read:jira-work").unwrap();
        assert_eq!(requested.missing_in(&granted), ["write:jira-work", "offline_access"]);
    }

    #[test]
    fn only_safe_site_urls_are_kept() {
        let kept = |url: &str| NamedSite::new(None, Some(url)).url;
        for (given, expected) in [
            ("https://harbour.example.com", "https://harbour.example.com"),
            ("https://harbour.example.com/", "https://harbour.example.com"),
            ("HTTPS://Harbour.Example.com?a=b#c", "https://harbour.example.com"),
            ("https://sites.example.com:8443/harbour/", "https://sites.example.com:8443/harbour"),
        ] {
            assert_eq!(kept(given).as_deref(), Some(expected));
        }
        let long = format!("https://example.com/{}", "x".repeat(MAX_URL_BYTES));
        for bad in [
            "",
            "harbour.example.com",
            "//harbour.example.com",
            "http://harbour.example.com",
            "https://",
            "https://ada:secret@harbour.example.com",
            "https://ada@harbour.example.com",
            "javascript:alert(1)//harbour.example.com",
            "ftp://harbour.example.com",
            &long,
        ] {
            assert_eq!(kept(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_name_is_one_line_that_postgres_can_hold() {
        let kept = |name: &str| NamedSite::new(Some(name), None).name;
        assert_eq!(kept(" Harbour\u{0}\n& Sons ").as_deref(), Some("Harbour & Sons"));
        assert_eq!(kept(&"x".repeat(1000)).map(|name| name.chars().count()), Some(MAX_NAME_CHARS));
        assert_eq!((kept(""), kept("\u{200b}")), (None, None));
    }
}
