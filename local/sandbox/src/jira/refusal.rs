//! Refused requests, and whether that is the app's mistake.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use crate::gateway::ApiError;

/// A response extension that marks a request no correct app would send.
#[derive(Clone)]
pub(super) struct Misuse(pub(super) String);

/// A refused request.
#[derive(Clone, Debug)]
pub(super) struct Refusal {
    pub(super) status: StatusCode,
    pub(super) body: Value,
    /// What is wrong with the app, if it is the app's mistake; recorded as a violation.
    pub(super) misuse: Option<String>,
}

impl Refusal {
    /// Refused because of what the user asked for or may not do.
    pub(super) fn plain(status: StatusCode, text: &str) -> Self {
        let body = json!({ "errorMessages": [text], "errors": {} });
        Self { status, body, misuse: None }
    }

    /// Refused because of a mistake in the app.
    pub(super) fn violation(status: StatusCode, text: &str, misuse: &str) -> Self {
        Self { misuse: Some(misuse.to_owned()), ..Self::plain(status, text) }
    }

    /// A violation with status 400.
    pub(super) fn misuse(problem: &str) -> Self {
        Self::violation(StatusCode::BAD_REQUEST, problem, problem)
    }
}

impl From<ApiError> for Refusal {
    fn from((status, Json(body)): ApiError) -> Self {
        Self { status, body, misuse: None }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let mut response = (self.status, Json(self.body)).into_response();
        if let Some(problem) = self.misuse {
            response.extensions_mut().insert(Misuse(problem));
        }
        response
    }
}
