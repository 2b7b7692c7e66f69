//! Where the outside reaches this deployment.

use lambda_http::RequestExt;
use lambda_http::request::RequestContext;
use url::Url;

use super::Request;
use crate::config::{FromSettings, Settings, SettingsError};
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
        let base = match &self.frontend {
            Some(url) => url.as_str().trim_end_matches('/').to_owned(),
            None => origin(request)?,
        };
        Ok(format!("{base}/finalize-connection/{}/{code}", provider.as_str()))
    }
}

fn origin(request: &Request) -> Result<String> {
    match request.request_context_ref() {
        Some(RequestContext::ApiGatewayV2(gateway)) => {
            let domain = gateway.domain_name.as_deref().filter(|domain| !domain.is_empty());
            domain.map(|domain| format!("https://{domain}"))
        }
        _ => None,
    }
    .ok_or_else(|| {
        Error::internal(
            "the request names no domain: set JUNCTURE_FRONTEND_URL and DEFAULT_JIRA_REDIRECT_URI",
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use lambda_http::aws_lambda_events::apigw::ApiGatewayV2httpRequestContext;

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
    fn without_either_nothing_is_guessed() {
        assert!(address(&[]).redirect_uri(&request(None)).is_err());
    }
}
