//! The browser that begins a flow is the one that finishes it, wherever cookies allow to check that: whoever may
//! begin a flow could otherwise send its consent page to somebody else, and have their Jira.
//!
//! A flow has two stretches, each with a cookie of its own. The first cookie is set by a call of the product's
//! page, which a browser keeps only where that page and this API belong to one site. The second is set when the
//! person comes back from the provider, by a page that they visit, which nearly every browser keeps. Were they
//! one, a browser that keeps only the second would look like another one when its next flow returns.

use base::crypto::{is_code, random_code, secrets_are_equal, sha256_hex};
use http::HeaderMap;
use runtime::{Request, cookie};
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

const PREFIX: &str = "br";

/// As long as both stretches may take together, and a little more.
const LIFETIME_SECONDS: u32 = 30 * 60;

/// A part of a flow that has to be gone in one browser.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FlowLeg {
    /// From the beginning to the return from the provider.
    ToReturn,
    /// From there to the connection.
    ToConnection,
}

impl FlowLeg {
    /// `__Host-`: browsers take such a cookie from this very host only, over a secure connection, so that no
    /// neighbouring domain can plant one
    /// (<https://developer.mozilla.org/en-US/docs/Web/HTTP/Reference/Headers/Set-Cookie#cookie_prefixes>).
    fn cookie_name(self) -> &'static str {
        match self {
            Self::ToReturn => "__Host-juncture-begun",
            Self::ToConnection => "__Host-juncture-returned",
        }
    }
}

/// A browser on a stretch of a flow.
pub struct Browser {
    code: String,
    stretch: FlowLeg,
    has_kept_it: bool,
}

impl Browser {
    /// The browser of a request, if it has kept our cookie.
    pub fn known(request: &Request, stretch: FlowLeg) -> Option<Self> {
        let code = cookie(request, stretch.cookie_name()).filter(|code| is_code(code, PREFIX))?;
        Some(Self { code: code.to_owned(), stretch, has_kept_it: true })
    }

    /// The browser of a request, which is given a name if it has none. One that it has stays: flows in two tabs
    /// are flows of one browser.
    ///
    /// # Errors
    /// 500 when there is no randomness.
    pub fn named(request: &Request, stretch: FlowLeg) -> Result<Self> {
        if let Some(known) = Self::known(request, stretch) {
            return Ok(known);
        }
        let code = random_code(PREFIX).map_err(Error::internal)?;
        Ok(Self { code, stretch, has_kept_it: false })
    }

    /// Whether it has shown that it keeps our cookie.
    pub fn has_kept_it(&self) -> bool {
        self.has_kept_it
    }

    /// The `Set-Cookie` that names it. `SameSite=Lax`: it comes along when the provider sends the person back.
    pub fn set_cookie(&self) -> String {
        let (name, code) = (self.stretch.cookie_name(), &self.code);
        format!("{name}={code}; Path=/; Max-Age={LIFETIME_SECONDS}; Secure; HttpOnly; SameSite=Lax")
    }

    /// The browser that was given this name when it returned.
    pub(super) fn returned(code: String) -> Self {
        Self { code, stretch: FlowLeg::ToConnection, has_kept_it: true }
    }

    /// Its name, which whoever has it can pose as.
    pub(super) fn secret(&self) -> &str {
        &self.code
    }

    pub(super) fn digest(&self) -> String {
        sha256_hex(self.code.as_bytes())
    }
}

/// What ties a stretch to a browser. It holds a digest: whoever reads it cannot pose as the browser.
#[derive(Serialize, Deserialize)]
pub struct Binding {
    browser: String,
    /// Whether a browser that brings no cookie is another one.
    is_strict: bool,
}

impl Binding {
    /// To this browser. `is_strict` when it must have kept the cookie, so that one without is another; otherwise
    /// one without may be this one, and only one with another cookie is not.
    pub fn to(browser: &Browser, is_strict: bool) -> Self {
        Self { browser: browser.digest(), is_strict }
    }

    /// Whether this browser has brought the cookie.
    pub(super) fn is_brought_by(&self, visitor: Option<&Browser>) -> bool {
        visitor.is_some_and(|visitor| secrets_are_equal(&self.browser, &visitor.digest()))
    }

    /// Lets the browser go on that this is bound to.
    ///
    /// # Errors
    /// 403 for another one.
    pub(super) fn check(&self, visitor: Option<&Browser>) -> Result<()> {
        let is_the_one = match visitor {
            Some(visitor) => secrets_are_equal(&self.browser, &visitor.digest()),
            None => !self.is_strict,
        };
        if is_the_one { Ok(()) } else { Err(Error::other_browser()) }
    }
}

/// Whether the page that sent this request lies at the very address that it called, by the word of the browser:
/// it keeps the cookies of the answer. Scripts cannot set this header
/// (<https://www.w3.org/TR/fetch-metadata/#sec-fetch-site-header>).
pub fn is_same_origin(headers: &HeaderMap) -> bool {
    headers.get(SEC_FETCH_SITE).is_some_and(|site| site == "same-origin")
}

/// Whether that page belongs to another site, so that the browser keeps no `SameSite` cookie of the answer.
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

    /// What a browser sends back of a `Set-Cookie`.
    fn kept(browser: &Browser) -> String {
        browser.set_cookie().split(';').next().unwrap().to_owned()
    }

    #[test]
    fn a_cookie_comes_back_and_names_the_same_browser() {
        let first = Browser::named(&Request::default(), FlowLeg::ToReturn).unwrap();
        assert!(!first.has_kept_it());
        let again = Browser::named(&request(&kept(&first)), FlowLeg::ToReturn).unwrap();
        assert!(again.has_kept_it());
        assert_eq!(again.set_cookie(), first.set_cookie());
        assert!(Browser::known(&request(&kept(&first)), FlowLeg::ToConnection).is_none());
    }

    #[test]
    fn a_cookie_that_is_none_of_ours_is_replaced() {
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
    fn another_browser_is_refused_and_one_without_a_cookie_if_it_must_have_one() {
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
