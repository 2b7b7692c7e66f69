//! `GET /finalize-connection/{provider}/{connection_code}`: the page for choosing a site. Its form posts to the same
//! URL, and its CSS and JavaScript are served next to it.

use std::process::ExitCode;
use std::sync::Arc;

use base::config::{FromSettings, Settings, SettingsError};
use http::{Method, StatusCode};
use juncture::error::Result;
use juncture::oauth::{Browser, Choice, ConnectionCode, Finalizer, FlowLeg, ReturnUrl};
use juncture::page::document;
use juncture::page::{
    ASSET_HEADERS, Finalize, Message, PageError, Product, SCRIPT, SCRIPT_PATH, STYLE, STYLE_PATH, Site,
};
use juncture::parts::Parts;
use juncture::provider::ProviderId;
use juncture::rate_limit::PublicRateLimits;
use runtime::{Request, Response, form, page, path_parameter, serve_pages};
use serde::Deserialize;

struct App {
    finalizer: Finalizer,
    product: Option<Product>,
    limits: PublicRateLimits,
}

impl FromSettings for App {
    fn from_settings(settings: &Settings) -> Result<Self, SettingsError> {
        let parts = Parts::of(settings);
        Ok(Self { finalizer: parts.finalizer()?, product: parts.product()?, limits: parts.rate_limits()? })
    }
}

fn main() -> ExitCode {
    serve_pages(handle, explain)
}

/// The fields of the page's form.
#[derive(Deserialize)]
struct Form {
    site_id: Option<String>,
    replace_account: Option<String>,
}

async fn handle(app: Arc<App>, request: Request) -> Result<Response, PageError> {
    match request.uri().path() {
        STYLE_PATH => return Ok(asset("text/css; charset=utf-8", STYLE)),
        SCRIPT_PATH => return Ok(asset("text/javascript; charset=utf-8", SCRIPT)),
        _ => {}
    }
    let provider = ProviderId::parse(&path_parameter(&request, "provider"))?;
    show_or_connect(&app, request, provider).await.map_err(|error| PageError::of(provider, error))
}

/// Shows the sites, or connects the chosen one.
async fn show_or_connect(app: &App, request: Request, provider: ProviderId) -> Result<Response> {
    let App { finalizer, product, limits } = app;
    let code = ConnectionCode::parse(&path_parameter(&request, "connection_code"))?;
    limits.admit(&request, Some(code.limited())).await?;
    let visitor = Browser::known(&request, FlowLeg::ToConnection);
    let visitor = visitor.as_ref();
    if request.method() != Method::POST {
        return choice(app, provider, &code, visitor, StatusCode::OK, None, None).await;
    }
    let Form { site_id, replace_account } = form(&request)?;
    let Some(site_id) = site_id.as_deref() else {
        return choice(
            app,
            provider,
            &code,
            visitor,
            StatusCode::BAD_REQUEST,
            None,
            Some("Choose a site first."),
        )
        .await;
    };
    let may_replace = replace_account.as_deref() == Some("true");
    match connect(finalizer, provider, &code, visitor, site_id, may_replace).await {
        Ok(return_url) => {
            let product = landing(return_url.as_ref(), product.as_ref());
            let message = Message::connected(provider, product.as_ref());
            Ok(document(message.status(), product.as_ref(), message.html()))
        }
        // The code is still valid, so the person can choose or try again.
        Err(error) if error.status() != StatusCode::GONE => {
            let status = error.status();
            let sentence = match status {
                StatusCode::BAD_REQUEST => "That site cannot be connected. Choose another one.",
                StatusCode::CONFLICT => {
                    "Another account is connected. Confirm first that yours may replace it."
                }
                _ => "That did not work. Try again in a moment.",
            };
            choice(app, provider, &code, visitor, status, Some(site_id), Some(sentence)).await.or(Err(error))
        }
        Err(error) => Err(error),
    }
}

async fn connect(
    finalizer: &Finalizer,
    provider: ProviderId,
    code: &ConnectionCode,
    visitor: Option<&Browser>,
    site_id: &str,
    may_replace: bool,
) -> Result<Option<ReturnUrl>> {
    finalizer.connect(provider, code, visitor, provider.site_id(site_id)?, may_replace).await
}

/// Where the person is sent: the flow's own return URL, or the one in the settings.
fn landing(return_url: Option<&ReturnUrl>, product: Option<&Product>) -> Option<Product> {
    return_url.map_or_else(|| product.cloned(), |url| Product::with_return_url(url.as_url(), product))
}

/// Renders the page.
async fn choice(
    app: &App,
    provider: ProviderId,
    code: &ConnectionCode,
    visitor: Option<&Browser>,
    status: StatusCode,
    chosen: Option<&str>,
    error: Option<&str>,
) -> Result<Response> {
    let App { finalizer, product, .. } = app;
    let Choice { sites: available, account, refusal, replaces_account, return_url, display_name } =
        finalizer.choice(provider, code, visitor).await?;
    if let Some(refusal) = refusal {
        return Err(refusal);
    }
    let product = landing(return_url.as_ref(), product.as_ref());
    if available.is_empty() {
        let message = Message::no_site(provider, product.as_ref());
        return Ok(document(message.status(), product.as_ref(), message.html()));
    }
    let sites: Vec<Site<'_>> = available
        .iter()
        .map(|site| Site {
            id: site.id.as_str(),
            // A site without a name is shown by its URL.
            name: site.name.as_deref().or(site.url.as_deref()).unwrap_or(site.id.as_str()),
            url: site.url.as_deref().unwrap_or_default(),
            avatar_url: site.avatar_url.as_deref(),
        })
        .collect();
    let finalize = Finalize {
        provider,
        sites: &sites,
        connection_code: code.as_str(),
        product: product.as_ref(),
        display_name: display_name.as_ref(),
        replaced_by: account.as_ref().filter(|_| replaces_account),
        chosen,
        error,
    };
    Ok(document(status, product.as_ref(), finalize.html()))
}

fn asset(content_type: &'static str, body: &'static str) -> Response {
    page(StatusCode::OK, &[&[("content-type", content_type)], ASSET_HEADERS].concat(), body)
}

fn explain(app: Option<&App>, error: &PageError, request_id: &str) -> Response {
    let product = app.and_then(|app| app.product.as_ref());
    let message = Message::about(error, product).with_reference(request_id);
    document(message.status(), product, message.html())
}
