//! `POST /api/frontend/oauth/initiate-oauth-flow`: starts a flow and returns the URL of the consent page.

use std::process::ExitCode;
use std::sync::Arc;

use base::config::{FromSettings, Settings, SettingsError};
use http::StatusCode;
use juncture::callers::BrowserCaller;
use juncture::error::{Error, ErrorCode, Result};
use juncture::oauth::{
    Binding, Browser, ConnectTokenUse, ConnectTokens, FlowLeg, Intent, OAuthStates, is_cross_site,
    is_same_origin,
};
use juncture::parts::Parts;
use juncture::provider::{Consent, Providers};
use juncture::public_urls::PublicUrls;
use juncture::rate_limit::{PublicRateLimits, RateLimitSubject};
use runtime::{JsonBodies, Request, RequestError, Response, Route, json, path_parameter, serve, with_cookie};
use serde::{Deserialize, Serialize};

struct App {
    states: OAuthStates,
    bodies: JsonBodies,
    consents: Providers<Box<dyn Consent>>,
    urls: PublicUrls,
    entrance: Entrance,
    limits: PublicRateLimits,
}

impl FromSettings for App {
    fn from_settings(settings: &Settings) -> Result<Self, SettingsError> {
        let parts = Parts::of(settings);
        Ok(Self {
            states: parts.oauth_states()?,
            bodies: parts.read()?,
            consents: parts.read()?,
            urls: parts.read()?,
            entrance: Entrance::of(settings, &parts)?,
            limits: parts.rate_limits()?,
        })
    }
}

const ROUTE: Route = Route::of_contract("initiate-oauth-flow");

/// Identifies the connection to create: by a connect token or, where none is required, by the other two fields.
#[derive(Deserialize)]
struct Body {
    external_id: Option<String>,
    provider: Option<String>,
    connect_token: Option<String>,
}

/// Who may start a flow. Settings: those of [`ConnectTokens`]; `REQUIRE_CONNECT_TOKEN` (default `true`; with `false`,
/// anyone who can call this endpoint can connect their site to any external id); and `REQUIRE_SAME_BROWSER` (unless
/// `true`, a flow whose browser may not keep the cookie may return without one).
struct Entrance {
    tokens: ConnectTokens,
    token_is_required: bool,
    same_browser_is_required: bool,
}

impl Entrance {
    fn of(settings: &Settings, parts: &Parts<'_>) -> Result<Self, SettingsError> {
        let token_is_required = settings.flag("REQUIRE_CONNECT_TOKEN", true)?;
        let same_browser_is_required = settings.flag("REQUIRE_SAME_BROWSER", false)?;
        let tokens = parts.connect_tokens()?;
        Ok(Self { tokens, token_is_required, same_browser_is_required })
    }
}

fn main() -> ExitCode {
    serve(handle)
}

/// Where to send the browser next.
#[derive(Serialize)]
struct Begun {
    authorization_uri: String,
}

async fn handle(app: Arc<App>, request: Request) -> Result<Response> {
    let App { states, bodies, consents, urls, entrance, limits } = &*app;
    // The route `…/{slash+}` only exists for a trailing slash, not for paths below it.
    if !path_parameter(&request, "slash").trim_matches('/').is_empty() {
        return Err(Error::new(ErrorCode::RouteNotFound, "There is no endpoint at this address"));
    }
    let body = bodies.read(&request, ROUTE)?;
    let admitted = entrance.admit(&request, &body);
    // Requests with a well-formed but invalid connect token are counted too, for their IP address.
    let external_id = admitted.as_ref().ok().map(|(intent, _)| intent.connection_key.external_id().as_str());
    limits.admit(&request, external_id.map(|value| RateLimitSubject { name: "external_id", value })).await?;
    let (intent, token_use) = admitted?;
    let provider = intent.connection_key.provider();
    let redirect_uri = urls.redirect_uri(&request, provider)?;
    let browser = Browser::named(&request, FlowLeg::ToReturn)?;
    let binding = entrance.bind(&request, urls, &browser, &intent)?;
    let state = states.begin(&intent, token_use.as_ref(), binding).await?;
    let begun = Begun { authorization_uri: consents.of(provider).authorize_url(&redirect_uri, &state) };
    with_cookie(json(StatusCode::OK, &begun), &browser.set_cookie())
}

impl Entrance {
    /// Binds the flow to the browser that starts it: strictly if that browser is expected to send the cookie back, or
    /// if the deployment or the connect token requires it.
    fn bind(
        &self,
        request: &Request,
        urls: &PublicUrls,
        browser: &Browser,
        intent: &Intent,
    ) -> Result<Binding> {
        let is_required = self.same_browser_is_required || intent.same_browser;
        if is_required && is_cross_site(request.headers()) {
            let why = if self.same_browser_is_required {
                "Only the browser that begins a flow may finish it here, and it keeps no cookie of a call from \
                 another site: serve Juncture under a domain of your product's site, or set REQUIRE_SAME_BROWSER \
                 to false"
            } else {
                "Only the browser that begins this flow may finish it, as its connect_token says, and it keeps no \
                 cookie of a call from another site: serve Juncture under a domain of your product's site, or leave \
                 same_browser out of the request for the token"
            };
            return Err(Error::new(ErrorCode::CrossSite, why));
        }
        let provider = intent.connection_key.provider();
        let will_keep_it = is_same_origin(request.headers()) && urls.is_secure(provider);
        let brings_it = urls.returns_here(request, provider) && (browser.has_kept_it() || will_keep_it);
        Ok(Binding::to(browser, is_required || brings_it))
    }

    /// Returns the intent of the flow: from the connect token or, where none is required, from the body.
    fn admit(&self, request: &Request, body: &Body) -> Result<(Intent, Option<ConnectTokenUse>)> {
        let Some(token) = &body.connect_token else {
            if self.token_is_required {
                return Err(Error::new(
                    ErrorCode::ConnectTokenRequired,
                    "Missing connect_token: let your backend ask for one at /api/backend/connect-token",
                ));
            }
            let (Some(external_id), Some(provider)) = (&body.external_id, &body.provider) else {
                return Err(RequestError::missing("external_id or provider").into());
            };
            return Ok((BrowserCaller::of(request).connection_key(provider, external_id)?.into(), None));
        };
        let (intent, token_use) = self.tokens.open(token)?;
        for (name, given, said) in [
            ("external_id", &body.external_id, intent.connection_key.external_id().as_str()),
            ("provider", &body.provider, intent.connection_key.provider().as_str()),
        ] {
            if given.as_deref().is_some_and(|given| given != said) {
                return Err(Error::bad_request(format!("{name} does not match connect_token: leave it out")));
            }
        }
        Ok((intent, Some(token_use)))
    }
}
