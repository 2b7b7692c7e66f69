//! `GET /api/frontend/oauth/authorization-callback/{provider}`: where the provider redirects a person after consent.
//!
//! Every outcome is a page for that person: the choice of a site, or a message.

use std::process::ExitCode;
use std::sync::Arc;

use base::config::{FromSettings, Settings, SettingsError};
use juncture::error::{Error, Result};
use juncture::oauth::{
    Arrival, Binding, Browser, ConnectionCode, FirstArrival, FlowLeg, OAuthStates, PendingConsents, Returned,
};
use juncture::page::document;
use juncture::page::{Message, PageError, Product};
use juncture::parts::Parts;
use juncture::provider::{Consent, ProviderId, Providers, TokenEndpoint};
use juncture::public_urls::PublicUrls;
use juncture::rate_limit::{PublicRateLimits, RateLimitSubject};
use runtime::{
    Request, RequestError, Response, is_prefetch, path_parameter, query, redirect, serve_pages, with_cookie,
};
use serde::Deserialize;

struct App {
    limits: PublicRateLimits,
    states: OAuthStates,
    pending: PendingConsents,
    token_endpoints: Providers<Box<dyn TokenEndpoint>>,
    consents: Providers<Box<dyn Consent>>,
    urls: PublicUrls,
    product: Option<Product>,
}

impl FromSettings for App {
    fn from_settings(settings: &Settings) -> Result<Self, SettingsError> {
        let parts = Parts::of(settings);
        Ok(Self {
            limits: parts.rate_limits()?,
            states: parts.oauth_states()?,
            pending: parts.pending_consents()?,
            token_endpoints: parts.read()?,
            consents: parts.read()?,
            urls: parts.read()?,
            product: parts.product()?,
        })
    }
}

fn main() -> ExitCode {
    serve_pages(handle, explain)
}

/// The parameters of the provider's redirect: `code`, or `error` instead
/// (<https://www.rfc-editor.org/rfc/rfc6749#section-4.1.2>).
#[derive(Deserialize)]
struct Query {
    state: String,
    code: Option<String>,
    error: Option<String>,
}

async fn handle(app: Arc<App>, request: Request) -> Result<Response, PageError> {
    // Before the rate limits and the state, which a prefetch must not affect.
    if is_prefetch(request.headers()) {
        return Err(Error::prefetch().into());
    }
    let provider = ProviderId::parse(&path_parameter(&request, "provider"))?;
    handle_return(&app, request, provider).await.map_err(|error| PageError::of(provider, error))
}

/// Handles the redirect from the provider: on to the finalize page, or the page for a person who declined.
async fn handle_return(app: &App, request: Request, provider: ProviderId) -> Result<Response> {
    let Query { state, code, error: refusal } = query(&request)?;
    // A request without a code or an error cannot come from the provider, so it must not use the state up.
    let code = match refusal {
        Some(_) => String::new(),
        None => code.ok_or_else(|| RequestError::missing("code"))?,
    };
    let (state, code) = (state.as_str(), code.as_str());
    app.limits.admit(&request, Some(RateLimitSubject { name: "state", value: state })).await?;
    // The state is used up before any request to the provider, even if the person declined or this is a different
    // browser.
    let began = Browser::known(&request, FlowLeg::ToReturn);
    if let Some(error) = refusal {
        let intent = app.states.consume(provider, state, began.as_ref()).await?;
        let known = app.product.as_ref();
        let own = intent.return_url.as_ref().and_then(|url| Product::with_return_url(url.as_url(), known));
        return Ok(refused(provider, own.as_ref().or(known), &error));
    }
    let browser = Browser::named(&request, FlowLeg::ToConnection)?;
    let returned = match app.states.arrive(provider, state, code, began.as_ref(), &browser).await? {
        Arrival::Again(returned) => returned,
        Arrival::First(arrival) => match exchange(app, &request, provider, &arrival, code, &browser).await {
            Ok(code) => Returned { code, browser },
            Err(error) => {
                app.states.forget(&arrival).await;
                return Err(error);
            }
        },
    };
    let page = app.urls.finalize_page(&request, provider, returned.code.as_str())?;
    with_cookie(redirect(&page), &returned.browser.set_cookie())
}

/// Exchanges the authorization code and stores the tokens until a site is chosen.
async fn exchange(
    app: &App,
    request: &Request,
    provider: ProviderId,
    arrival: &FirstArrival,
    code: &str,
    browser: &Browser,
) -> Result<ConnectionCode> {
    let redirect_uri = app.urls.redirect_uri(request, provider)?;
    let grant =
        app.token_endpoints.of(provider).exchange_code(&redirect_uri, code).await.map_err(Error::from)?;
    app.consents.of(provider).check(&grant)?;
    let has_begun_here = Browser::known(request, FlowLeg::ToReturn).is_some();
    let keeps_cookies = app.urls.is_secure(provider) || has_begun_here || browser.has_kept_it();
    let binding =
        app.urls.serves_finalize_page(request, provider)?.then(|| Binding::to(browser, keeps_cookies));
    let note = |code: &ConnectionCode| app.states.answer(arrival, code, browser);
    app.pending.hold(&arrival.intent, grant, binding, note).await
}

/// The response to an `error` from the provider: the person declined, or our authorization request is wrong.
fn refused(provider: ProviderId, product: Option<&Product>, error: &str) -> Response {
    let message = if error == "access_denied" {
        Message::consent_declined(provider, product)
    } else {
        let error: String = error.chars().take(100).collect();
        tracing::warn!(error, "the provider refused to ask for consent");
        Message::exchange_failed(provider, product)
    };
    document(message.status(), product, message.html())
}

fn explain(app: Option<&App>, error: &PageError, request_id: &str) -> Response {
    let product = app.and_then(|app| app.product.as_ref());
    let message = Message::about(error, product).with_reference(request_id);
    document(message.status(), product, message.html())
}
