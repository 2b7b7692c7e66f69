//! What Atlassian's API gateway does before any endpoint: it checks the access token, and has errors of its own form.

use axum::Json;
use axum::http::header::AUTHORIZATION;
use axum::http::{HeaderMap, StatusCode};
use serde_json::{Value, json};

use crate::shared::Shared;
use crate::world::tokens::Session;

/// A refused request: status and body.
pub(crate) type ApiError = (StatusCode, Json<Value>);

/// The token in `Authorization: Bearer …`.
pub(crate) fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token)
}

/// The session that the request's token belongs to, or Atlassian's 401.
pub(crate) fn authenticate(shared: &Shared, headers: &HeaderMap) -> Result<Session, ApiError> {
    let session = bearer(headers).and_then(|token| shared.world().session(token));
    session.ok_or_else(|| error(StatusCode::UNAUTHORIZED, "Unauthorized"))
}

/// An error in the gateway's format, which differs from Jira's.
pub(crate) fn error(status: StatusCode, message: &str) -> ApiError {
    (status, Json(json!({ "code": status.as_u16(), "message": message })))
}

/// The response to a token without a required scope; refreshing it does not help.
pub(crate) fn scope_does_not_match() -> ApiError {
    error(StatusCode::UNAUTHORIZED, "Unauthorized; scope does not match")
}
