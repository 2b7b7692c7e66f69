//! The public URLs of this deployment.

use base::config::{FromSettings, Settings, SettingsError};
use lambda_http::RequestExt;
use lambda_http::request::RequestContext;
use runtime::Request;
use url::Url;

use crate::error::{Error, Result};
use crate::provider::{ProviderId, Providers};

/// The URLs that a browser is sent to. Settings: `JUNCTURE_FRONTEND_URL` (base of the finalize page) and each
/// provider's redirect URI, in the setting that its `ProviderInfo` names. The default is the domain on which API Gateway
/// was called.
///
/// A first deployment needs that default: a template cannot pass its functions the URL of the API that it creates from
/// them. The domain comes from API Gateway's request context, not from a header.
pub struct PublicUrls {
    frontend: Option<Url>,
    redirect_uris: Providers<Option<Url>>,
}

impl FromSettings for PublicUrls {
    fn from_settings(settings: &Settings) -> std::result::Result<Self, SettingsError> {
        Ok(Self {
            frontend: settings.optional_service_url("JUNCTURE_FRONTEND_URL")?,
            redirect_uris: Providers::build(|provider| {
                settings.optional_service_url(provider.info().redirect_uri_setting)
            })?,
        })
    }
}

impl PublicUrls {
    /// The redirect URI, exactly as registered with the provider's app. Returns 500 if it is neither set nor known from
    /// the request.
    pub fn redirect_uri(&self, request: &Request, provider: ProviderId) -> Result<String> {
        match self.redirect_uris.of(provider) {
            Some(uri) => Ok(uri.as_str().to_owned()),
            None => {
                let origin = origin(request, provider)?;
                Ok(format!("{origin}/api/frontend/oauth/authorization-callback/{}", provider.as_str()))
            }
        }
    }

    /// The URL of the page for choosing a site.
    pub fn finalize_page(&self, request: &Request, provider: ProviderId, code: &str) -> Result<String> {
        let base = self.page_base(request, provider)?;
        Ok(format!("{}/finalize-connection/{}/{code}", base.trim_end_matches('/'), provider.as_str()))
    }

    fn page_base(&self, request: &Request, provider: ProviderId) -> Result<String> {
        self.frontend.as_ref().map_or_else(|| origin(request, provider), |url| Ok(url.as_str().to_owned()))
    }

    /// Whether the provider redirects back to the host of this request, so that the browser returns with that host's
    /// cookies. Ports do not matter, because cookies are shared between them.
    pub fn returns_here(&self, request: &Request, provider: ProviderId) -> bool {
        self.redirect_uris.of(provider).as_ref().is_none_or(|uri| uri.host_str() == domain(request))
    }

    /// Whether the page for choosing a site has the same origin as the redirect URI. Then it is Juncture's own page,
    /// and the browser sends it the cookies set on return from the provider. A product's own page has another origin.
    pub fn serves_finalize_page(&self, request: &Request, provider: ProviderId) -> Result<bool> {
        let origin = |url: String| Url::parse(&url).map(|url| url.origin()).map_err(Error::internal);
        Ok(origin(self.page_base(request, provider)?)? == origin(self.redirect_uri(request, provider)?)?)
    }

    /// Whether browsers reach the callback over TLS. Without it some keep no `Secure` cookies, not even for
    /// `localhost`.
    pub fn is_secure(&self, provider: ProviderId) -> bool {
        self.redirect_uris.of(provider).as_ref().is_none_or(|uri| uri.scheme() == "https")
    }
}

/// The domain on which API Gateway was called.
fn domain(request: &Request) -> Option<&str> {
    match request.request_context_ref() {
        Some(RequestContext::ApiGatewayV2(gateway)) => {
            gateway.domain_name.as_deref().filter(|domain| !domain.is_empty())
        }
        _ => None,
    }
}

fn origin(request: &Request, provider: ProviderId) -> Result<String> {
    domain(request).map(|domain| format!("https://{domain}")).ok_or_else(|| {
        let setting = provider.info().redirect_uri_setting;
        Error::internal(format!("the request names no domain: set JUNCTURE_FRONTEND_URL and {setting}"))
    })
}

#[cfg(test)]
mod tests {
    use lambda_http::aws_lambda_events::apigw::ApiGatewayV2httpRequestContext;

    use super::*;

    const JIRA: ProviderId = ProviderId::Jira;

    fn request(domain: Option<&str>) -> Request {
        let mut context = ApiGatewayV2httpRequestContext::default();
        context.domain_name = domain.map(str::to_owned);
        Request::default().with_request_context(RequestContext::ApiGatewayV2(context))
    }

    fn urls(pairs: &[(&str, &str)]) -> PublicUrls {
        let pairs = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        PublicUrls::from_settings(&Settings::from_pairs(pairs)).unwrap()
    }

    #[test]
    fn the_gateways_domain_stands_in_for_what_is_not_set() {
        let request = request(Some("abc.execute-api.eu-central-1.amazonaws.com"));
        assert_eq!(
            urls(&[]).redirect_uri(&request, JIRA).unwrap(),
            "https://abc.execute-api.eu-central-1.amazonaws.com/api/frontend/oauth/authorization-callback/jira"
        );
        assert_eq!(
            urls(&[("JUNCTURE_FRONTEND_URL", "https://connect.example.com/app/")])
                .finalize_page(&request, JIRA, "cc_1")
                .unwrap(),
            "https://connect.example.com/app/finalize-connection/jira/cc_1"
        );
    }

    #[test]
    fn what_carries_a_code_is_never_in_clear_text() {
        for name in ["JUNCTURE_FRONTEND_URL", "DEFAULT_JIRA_REDIRECT_URI"] {
            let read = |url: &str| {
                let pairs = [(name.to_owned(), url.to_owned())];
                PublicUrls::from_settings(&Settings::from_pairs(pairs)).is_ok()
            };
            assert!(read("https://app.example.com") && read("http://localhost:8000"), "{name}");
            assert!(!read("http://app.example.com"), "{name}");
        }
    }

    #[test]
    fn a_page_is_ours_if_it_has_the_origin_of_the_redirect_uri() {
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
            assert_eq!(
                urls(&settings).serves_finalize_page(&request, JIRA).unwrap(),
                is_ours,
                "{settings:?}"
            );
        }
    }

    #[test]
    fn a_browser_returns_here_if_the_redirect_uri_has_the_same_host() {
        let request = request(Some("localhost"));
        assert!(urls(&[]).returns_here(&request, JIRA));
        let local = urls(&[("DEFAULT_JIRA_REDIRECT_URI", "http://localhost:8000/cb")]);
        assert!(local.returns_here(&request, JIRA) && !local.is_secure(JIRA));
        let elsewhere = urls(&[("DEFAULT_JIRA_REDIRECT_URI", "https://api.example.com/cb")]);
        assert!(!elsewhere.returns_here(&request, JIRA) && elsewhere.is_secure(JIRA));
    }

    #[test]
    fn without_a_setting_or_a_domain_no_url_is_guessed() {
        assert!(urls(&[]).redirect_uri(&request(None), JIRA).is_err());
    }
}
