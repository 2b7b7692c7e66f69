//! `POST /oauth/token`: exchanges codes and refresh tokens.
//! See <https://developer.atlassian.com/cloud/jira/platform/oauth-2-3lo-apps/#2--exchange-authorization-code-for-access-token>.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::header::CACHE_CONTROL;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use serde_json::{Value, json};

use crate::shared::{AppState, Shared};
use crate::world::settings::Refusal;
use crate::world::tokens::Issued;

pub(crate) fn router() -> Router<Arc<Shared>> {
    Router::new().route("/oauth/token", post(exchange))
}

/// Parses the parameters of a token request from a JSON object. Forms, which Atlassian also accepts, are not supported.
pub(crate) fn parameters(headers: &HeaderMap, body: &[u8]) -> Option<BTreeMap<String, String>> {
    let content_type = headers.get("content-type")?.to_str().ok()?;
    if !content_type.starts_with("application/json") {
        return None;
    }
    let object: BTreeMap<String, Value> = serde_json::from_slice(body).ok()?;
    let text = |(name, value)| match value {
        Value::String(text) => Some((name, text)),
        _ => None,
    };
    object.into_iter().map(text).collect()
}

async fn exchange(State(shared): AppState, headers: HeaderMap, body: Bytes) -> Response {
    match parameters(&headers, &body) {
        Some(parameters) => grant(&shared, &parameters).map_or_else(Response::from, answer),
        None => TokenError::invalid_request("The body must be a JSON object of strings.").into(),
    }
}

fn grant(shared: &Shared, parameters: &BTreeMap<String, String>) -> Result<Issued, TokenError> {
    let required = |name: &str| {
        let value = parameters.get(name).map(String::as_str).filter(|value| !value.is_empty());
        value.ok_or_else(|| TokenError::invalid_request(&format!("Missing required parameter: {name}")))
    };
    let grant_type = required("grant_type")?;
    let client = (required("client_id")?, required("client_secret")?);
    if client != (shared.options.client_id.as_str(), shared.options.client_secret.as_str()) {
        return Err(TokenError::new(StatusCode::UNAUTHORIZED, "access_denied", "Unauthorized"));
    }
    match grant_type {
        "authorization_code" => {
            let (code, redirect_uri) = (required("code")?, required("redirect_uri")?);
            let issued = shared.change(|world| world.redeem_code(code, redirect_uri));
            issued.map_err(|text| TokenError::new(StatusCode::FORBIDDEN, "invalid_grant", text))
        }
        "refresh_token" => {
            let refresh_token = required("refresh_token")?;
            let issued = shared.change(|world| world.refresh(refresh_token));
            issued.ok_or_else(|| {
                let world = shared.world();
                let account = world.tokens.account_of(refresh_token);
                TokenError::refused(world.settings(account).refusal)
            })
        }
        _ => {
            Err(TokenError::new(StatusCode::BAD_REQUEST, "unsupported_grant_type", "Unsupported grant type"))
        }
    }
}

fn answer(issued: Issued) -> Response {
    let scopes: Vec<_> = issued.scopes.into_iter().collect();
    let mut body = json!({
        "access_token": issued.access_token,
        "expires_in": issued.expires_in,
        "scope": scopes.join(" "),
        "token_type": "Bearer",
    });
    if let Some(refresh_token) = issued.refresh_token {
        body["refresh_token"] = refresh_token.into();
    }
    ([(CACHE_CONTROL, "no-store")], Json(body)).into_response()
}

struct TokenError {
    status: StatusCode,
    error: &'static str,
    description: String,
}

impl TokenError {
    fn new(status: StatusCode, error: &'static str, description: &str) -> Self {
        Self { status, error, description: description.to_owned() }
    }

    fn invalid_request(description: &str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid_request", description)
    }

    fn refused(refusal: Refusal) -> Self {
        let (error, description) = match refusal {
            Refusal::InvalidGrant => ("invalid_grant", "Unknown or invalid refresh token."),
            Refusal::UnauthorizedClient => ("unauthorized_client", "refresh_token is invalid"),
        };
        Self::new(StatusCode::FORBIDDEN, error, description)
    }
}

impl From<TokenError> for Response {
    fn from(error: TokenError) -> Self {
        let body = json!({ "error": error.error, "error_description": error.description });
        (error.status, Json(body)).into_response()
    }
}
