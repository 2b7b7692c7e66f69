//! Ensures, where cookies allow it, that the browser that starts a flow also finishes it. Otherwise an attacker could
//! start a flow, send its consent page to somebody else, and get access to that person's site.
//!
//! A flow has two legs, each with its own cookie. The first is set by a request from the product's page, and browsers
//! keep it only if that page and this API are same-site. The second is set when the person returns from the provider;
//! that is a page they visit, so nearly every browser keeps it. With a single cookie, a browser that keeps only the
//! second would look like a different one when its next flow returns.

use base::crypto::{is_code, random_code, secrets_are_equal, sha256_hex};
use http::HeaderMap;
use runtime::{Request, cookie};
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

const PREFIX: &str = "br";

/// The time limit of both legs together, plus some slack.
const LIFETIME_SECONDS: u32 = 30 * 60;

/// A part of a flow that has to stay in one browser.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FlowLeg {
    /// From the start until the return from the provider.
    ToReturn,
    /// From the return until the connection is created.
    ToConnection,
}

impl FlowLeg {
    /// The `__Host-` prefix makes browsers accept the cookie only from this exact host over a secure connection, so a
    /// sibling domain cannot plant one
    /// (<https://developer.mozilla.org/en-US/docs/Web/HTTP/Reference/Headers/Set-Cookie#cookie_prefixes>).
    fn cookie_name(self) -> &'static str {
        match self {
            Self::ToReturn => "__Host-juncture-begun",
            Self::ToConnection => "__Host-juncture-returned",
        }
    }
}

/// A browser on one leg of a flow.
pub struct Browser {
    code: String,
    leg: FlowLeg,
    has_kept_it: bool,
}

impl Browser {
    /// Returns the request's browser if it sent our cookie.
    pub fn known(request: &Request, leg: FlowLeg) -> Option<Self> {
        let code = cookie(request, leg.cookie_name()).filter(|code| is_code(code, PREFIX))?;
        Some(Self { code: code.to_owned(), leg, has_kept_it: true })
    }

    /// Returns the request's browser, with a new cookie value if it sent none. An existing value is kept, because flows
    /// in two tabs belong to the same browser.
    pub fn named(request: &Request, leg: FlowLeg) -> Result<Self> {
        if let Some(known) = Self::known(request, leg) {
            return Ok(known);
        }
        let code = random_code(PREFIX).map_err(Error::internal)?;
        Ok(Self { code, leg, has_kept_it: false })
    }

    /// Whether the browser sent our cookie, so it keeps cookies.
    pub fn has_kept_it(&self) -> bool {
        self.has_kept_it
    }

    /// The `Set-Cookie` header for this browser. `SameSite=Lax`, so the cookie is sent when the provider redirects the
    /// person back.
    pub fn set_cookie(&self) -> String {
        let (name, code) = (self.leg.cookie_name(), &self.code);
        format!("{name}={code}; Path=/; Max-Age={LIFETIME_SECONDS}; Secure; HttpOnly; SameSite=Lax")
    }

    /// The browser that got this cookie value on its return from the provider.
    pub(super) fn returned(code: String) -> Self {
        Self { code, leg: FlowLeg::ToConnection, has_kept_it: true }
    }

    /// The cookie value. Whoever has it can impersonate the browser.
    pub(super) fn secret(&self) -> &str {
        &self.code
    }

    pub(super) fn digest(&self) -> String {
        sha256_hex(self.code.as_bytes())
    }
}

/// Ties a leg to a browser. Holds only a digest, so reading it does not allow impersonating the browser.
#[derive(Serialize, Deserialize)]
pub struct Binding {
    browser: String,
    /// Whether a browser without the cookie is rejected.
    is_strict: bool,
}

impl Binding {
    /// Binds to this browser. If `is_strict`, a browser without the cookie is rejected; otherwise only one with a
    /// different cookie is.
    pub fn to(browser: &Browser, is_strict: bool) -> Self {
        Self { browser: browser.digest(), is_strict }
    }

    /// Whether this browser sent the cookie.
    pub(super) fn is_brought_by(&self, visitor: Option<&Browser>) -> bool {
        visitor.is_some_and(|visitor| secrets_are_equal(&self.browser, &visitor.digest()))
    }

    /// Accepts only the bound browser; any other gets 403.
    pub(super) fn check(&self, visitor: Option<&Browser>) -> Result<()> {
        let is_the_one = match visitor {
            Some(visitor) => secrets_are_equal(&self.browser, &visitor.digest()),
            None => !self.is_strict,
        };
        if is_the_one { Ok(()) } else { Err(Error::other_browser()) }
    }
}

/// Whether the request came from a page with this API's own origin, according to the browser, so that it keeps the
/// response's cookies. Scripts cannot set this header (<https://www.w3.org/TR/fetch-metadata/#sec-fetch-site-header>).
pub fn is_same_origin(headers: &HeaderMap) -> bool {
    headers.get(SEC_FETCH_SITE).is_some_and(|site| site == "same-origin")
}

/// Whether the request came from a page of another site, so that the browser does not keep the response's `SameSite`
/// cookies.
pub fn is_cross_site(headers: &HeaderMap) -> bool {
    headers.get(SEC_FETCH_SITE).is_some_and(|site| site == "cross-site")
}

const SEC_FETCH_SITE: &str = "sec-fetch-site";

#[cfg(test)]
mod tests {
    use super::*;

    fn request(cookies: &str) -> Request {
        http::Request::builder().header("cookie", cookies).body(Default::default()).unwrap()
    }

    /// The part of a `Set-Cookie` header that the browser sends back.
    fn kept(browser: &Browser) -> String {
        browser.set_cookie().split(';').next().unwrap().to_owned()
    }

    #[test]
    fn a_returned_cookie_identifies_the_browser() {
        let first = Browser::named(&Request::default(), FlowLeg::ToReturn).unwrap();
        assert!(!first.has_kept_it());
        let again = Browser::named(&request(&kept(&first)), FlowLeg::ToReturn).unwrap();
        assert!(again.has_kept_it());
        assert_eq!(again.set_cookie(), first.set_cookie());
        assert!(Browser::known(&request(&kept(&first)), FlowLeg::ToConnection).is_none());
    }

    #[test]
    fn an_invalid_cookie_is_replaced() {
        for odd in ["", "br_short", "st_0123456789012345678901234567890123456789012", "x; y"] {
            let request = request(&format!("__Host-juncture-begun={odd}"));
            assert!(Browser::known(&request, FlowLeg::ToReturn).is_none(), "{odd}");
            assert!(!Browser::named(&request, FlowLeg::ToReturn).unwrap().has_kept_it());
        }
    }

    #[test]
    fn only_a_host_cookie_over_a_secure_connection_is_set() {
        let cookie = Browser::named(&Request::default(), FlowLeg::ToReturn).unwrap().set_cookie();
        assert!(cookie.starts_with("__Host-"), "{cookie}");
        for attribute in ["Path=/", "Secure", "HttpOnly", "SameSite=Lax", "Max-Age=1800"] {
            assert!(cookie.split("; ").any(|part| part == attribute), "{cookie}");
        }
        assert!(!cookie.contains("Domain"), "{cookie}");
    }

    #[test]
    fn other_browsers_are_rejected_and_missing_cookies_if_strict() {
        let browser = |request: &Request| Browser::named(request, FlowLeg::ToReturn).unwrap();
        let (one, other) = (browser(&Request::default()), browser(&Request::default()));
        for is_strict in [false, true] {
            let binding = Binding::to(&one, is_strict);
            assert!(binding.check(Some(&browser(&request(&kept(&one))))).is_ok());
            assert!(binding.check(Some(&other)).is_err());
            assert_eq!(binding.check(None).is_err(), is_strict);
        }
    }
}
