//! Where the outside reaches this deployment.

use base::config::{FromSettings, Settings, SettingsError};
use lambda_http::RequestExt;
use lambda_http::request::RequestContext;
use runtime::Request;
use url::Url;

use crate::error::{Error, Result};
use crate::provider::ProviderId;

/// The addresses that a browser is sent to. Settings: `JUNCTURE_FRONTEND_URL` (base of the finalize page) and
/// `DEFAULT_JIRA_REDIRECT_URI`; without them, the domain under which API Gateway was called.
///
/// That default is what makes a first deployment possible: a template cannot tell its functions the address of
/// the API that it makes out of them. The domain is API Gateway's own word, not a header of the request.
pub struct PublicAddress {
    frontend: Option<Url>,
    redirect_uri: Option<Url>,
}

impl FromSettings for PublicAddress {
    fn from_settings(settings: &Settings) -> std::result::Result<Self, SettingsError> {
        Ok(Self {
            frontend: settings.optional_service_url("JUNCTURE_FRONTEND_URL")?,
            redirect_uri: settings.optional_service_url("DEFAULT_JIRA_REDIRECT_URI")?,
        })
    }
}

impl PublicAddress {
    /// The redirect URI of the Jira app, to the letter as it is registered there.
    ///
    /// # Errors
    /// 500 when it is neither set nor known from the request.
    pub fn redirect_uri(&self, request: &Request) -> Result<String> {
        match &self.redirect_uri {
            Some(uri) => Ok(uri.as_str().to_owned()),
            None => Ok(format!("{}/api/frontend/oauth/authorization-callback/jira", origin(request)?)),
        }
    }

    /// The address of the page on which a site is chosen.
    ///
    /// # Errors
    /// As [`Self::redirect_uri`].
    pub fn finalize_page(&self, request: &Request, provider: ProviderId, code: &str) -> Result<String> {
        let base = self.page_base(request)?;
        Ok(format!("{}/finalize-connection/{}/{code}", base.trim_end_matches('/'), provider.as_str()))
    }

    fn page_base(&self, request: &Request) -> Result<String> {
        self.frontend.as_ref().map_or_else(|| origin(request), |url| Ok(url.as_str().to_owned()))
    }

    /// Whether the browser that sent this request comes back from the provider to the host that it called, with
    /// the cookies that it has of it (they do not tell ports apart).
    pub fn returns_here(&self, request: &Request) -> bool {
        self.redirect_uri.as_ref().is_none_or(|uri| uri.host_str() == domain(request))
    }

    /// Whether the page on which a site is chosen lies where the provider sends people back to: it is Juncture's
    /// own then, and a browser brings to it the cookies that it was given there. A product's own page lies
    /// elsewhere.
    ///
    /// # Errors
    /// As [`Self::redirect_uri`].
    pub fn page_is_ours(&self, request: &Request) -> Result<bool> {
        let origin = |address: String| Url::parse(&address).map(|url| url.origin()).map_err(Error::internal);
        Ok(origin(self.page_base(request)?)? == origin(self.redirect_uri(request)?)?)
    }

    /// Whether browsers reach the callback over TLS, without which some keep no `Secure` cookie, not even of
    /// `localhost`.
    pub fn is_secure(&self) -> bool {
        self.redirect_uri.as_ref().is_none_or(|uri| uri.scheme() == "https")
    }
}

/// The domain under which API Gateway was called.
fn domain(request: &Request) -> Option<&str> {
    match request.request_context_ref() {
        Some(RequestContext::ApiGatewayV2(gateway)) => {
            gateway.domain_name.as_deref().filter(|domain| !domain.is_empty())
        }
        _ => None,
    }
}

fn origin(request: &Request) -> Result<String> {
    domain(request).map(|domain| format!("https://{domain}")).ok_or_else(|| {
        Error::internal(
            "the request names no domain: set JUNCTURE_FRONTEND_URL and DEFAULT_JIRA_REDIRECT_URI",
        )
    })
}

#[cfg(test)]
mod tests {
    use lambda_http::aws_lambda_events::apigw::ApiGatewayV2httpRequestContext;

    use super::*;

    fn request(domain: Option<&str>) -> Request {
        let mut context = ApiGatewayV2httpRequestContext::default();
        context.domain_name = domain.map(str::to_owned);
        Request::default().with_request_context(RequestContext::ApiGatewayV2(context))
    }

    fn address(pairs: &[(&str, &str)]) -> PublicAddress {
        let pairs = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        PublicAddress::from_settings(&Settings::from_pairs(pairs)).unwrap()
    }

    #[test]
    fn the_gateways_domain_stands_in_for_what_is_not_set() {
        let request = request(Some("abc.execute-api.eu-central-1.amazonaws.com"));
        assert_eq!(
            address(&[]).redirect_uri(&request).unwrap(),
            "https://abc.execute-api.eu-central-1.amazonaws.com/api/frontend/oauth/authorization-callback/jira"
        );
        assert_eq!(
            address(&[("JUNCTURE_FRONTEND_URL", "https://connect.example.com/app/")])
                .finalize_page(&request, ProviderId::Jira, "cc_1")
                .unwrap(),
            "https://connect.example.com/app/finalize-connection/jira/cc_1"
        );
    }

    #[test]
    fn what_carries_a_code_is_never_in_clear_text() {
        for name in ["JUNCTURE_FRONTEND_URL", "DEFAULT_JIRA_REDIRECT_URI"] {
            let read = |url: &str| {
                let pairs = [(name.to_owned(), url.to_owned())];
                PublicAddress::from_settings(&Settings::from_pairs(pairs)).is_ok()
            };
            assert!(read("https://app.example.com") && read("http://localhost:8000"), "{name}");
            assert!(!read("http://app.example.com"), "{name}");
        }
    }

    #[test]
    fn a_page_is_ours_where_the_provider_sends_people_back_to() {
        let request = request(Some("connect.example.com"));
        let callback = ("DEFAULT_JIRA_REDIRECT_URI", "https://connect.example.com/cb");
        for (settings, is_ours) in [
            (vec![], true),
            (vec![callback], true),
            (vec![callback, ("JUNCTURE_FRONTEND_URL", "https://connect.example.com/jira/")], true),
            (vec![callback, ("JUNCTURE_FRONTEND_URL", "https://app.example.com")], false),
            (vec![callback, ("JUNCTURE_FRONTEND_URL", "https://connect.example.com:3000")], false),
            (vec![("JUNCTURE_FRONTEND_URL", "https://app.example.com")], false),
        ] {
            assert_eq!(address(&settings).page_is_ours(&request).unwrap(), is_ours, "{settings:?}");
        }
    }

    #[test]
    fn a_browser_returns_to_the_host_that_it_called_or_not() {
        let request = request(Some("localhost"));
        assert!(address(&[]).returns_here(&request));
        let local = address(&[("DEFAULT_JIRA_REDIRECT_URI", "http://localhost:8000/cb")]);
        assert!(local.returns_here(&request) && !local.is_secure());
        let elsewhere = address(&[("DEFAULT_JIRA_REDIRECT_URI", "https://api.example.com/cb")]);
        assert!(!elsewhere.returns_here(&request) && elsewhere.is_secure());
    }

    #[test]
    fn without_either_nothing_is_guessed() {
        assert!(address(&[]).redirect_uri(&request(None)).is_err());
    }
}
