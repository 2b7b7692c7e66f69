//! The paths, methods, query parameters and body members that the sandbox supports. Anything else is refused and
//! recorded as a violation: it is a mistake of the app, not of its user.

mod endpoints;

use axum::body::{Body, to_bytes};
use axum::extract::{MatchedPath, Request, State};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};
use url::form_urlencoded;

use super::refusal::{Misuse, Refusal};
use crate::shared::{AppState, Shared};
use crate::traffic::log::Violation;
use crate::{gateway, openapi};
use endpoints::{ENDPOINTS, Kind, Members};

/// The fallback route.
pub(super) const UNKNOWN: &str = "/{*unknown}";

/// The prefix of all paths.
pub(super) const PREFIX: &str = "/ex/jira/{cloud_id}";

/// The query and body of a request, validated and converted to the types of the contract.
#[derive(Clone, Default)]
pub(super) struct Input {
    query: Map<String, Value>,
    /// `null` if there is no body.
    pub(super) body: Value,
}

impl Input {
    pub(super) fn query<T: DeserializeOwned>(&self) -> Result<T, Refusal> {
        read(Value::Object(self.query.clone()))
    }

    pub(super) fn body<T: DeserializeOwned>(&self) -> Result<T, Refusal> {
        read(self.body.clone())
    }
}

fn read<T: DeserializeOwned>(value: Value) -> Result<T, Refusal> {
    serde_json::from_value(value).map_err(|error| Refusal::misuse(&error.to_string()))
}

/// Validates every request to Jira's API, and records violations.
pub(super) async fn guard(
    State(shared): AppState,
    matched: Option<MatchedPath>,
    request: Request,
    next: Next,
) -> Response {
    let (mut parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, usize::MAX).await else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    let path = matched.as_ref().and_then(|path| path.as_str().strip_prefix(PREFIX)).unwrap_or_default();
    let mut problems = Vec::new();
    if let Some(document) = &shared.openapi {
        // The nested router has removed the prefix.
        problems = openapi::check(document, &parts.method, parts.uri.path(), parts.uri.query(), &body);
    }
    let response = match input(&parts, path, &body) {
        Ok(input) => {
            parts.extensions.insert(input);
            next.run(Request::from_parts(parts.clone(), Body::from(body))).await
        }
        Err(refusal) => refusal.into_response(),
    };
    problems.extend(response.extensions().get::<Misuse>().map(|Misuse(problem)| problem.clone()));
    if !problems.is_empty() {
        record(&shared, &parts, problems);
    }
    response
}

fn record(shared: &Shared, parts: &Parts, problems: Vec<String>) {
    let token = gateway::bearer(&parts.headers);
    let account = token.and_then(|token| shared.world().tokens.account_of(token).map(str::to_owned));
    for problem in problems {
        let path = parts.uri.path().to_owned();
        tracing::warn!(method = %parts.method, path, problem, "Jira would refuse this");
        let method = parts.method.to_string();
        shared.traffic().record(Violation { account: account.clone(), method, path, problem });
    }
}

fn input(parts: &Parts, path: &str, body: &[u8]) -> Result<Input, Refusal> {
    if path == UNKNOWN {
        return Ok(Input::default());
    }
    let Some(endpoint) = ENDPOINTS.iter().find(|known| known.path == path && known.method == parts.method)
    else {
        let text = "the sandbox knows no such method on this path";
        return Err(Refusal::violation(StatusCode::METHOD_NOT_ALLOWED, "Method Not Allowed", text));
    };
    let query =
        query(endpoint.query, parts.uri.query().unwrap_or_default()).map_err(|p| Refusal::misuse(&p))?;
    let Some(members) = endpoint.body else {
        return match body {
            [] => Ok(Input { query, body: Value::Null }),
            _ => Err(Refusal::misuse("this request has no body")),
        };
    };
    let content_type = parts.headers.get("content-type").and_then(|value| value.to_str().ok());
    if members.iter().any(|(_, kind)| matches!(kind, Kind::File)) {
        form(parts, content_type.unwrap_or_default())?;
        return Ok(Input { query, body: Value::Null });
    }
    if !content_type.unwrap_or_default().starts_with("application/json") {
        let status = StatusCode::UNSUPPORTED_MEDIA_TYPE;
        return Err(Refusal::violation(status, "Unsupported Media Type", "the body is not sent as JSON"));
    }
    let body: Value = serde_json::from_slice(body).map_err(|_| Refusal::misuse("the body is not JSON"))?;
    check(members, &body).map_err(|problem| Refusal::misuse(&problem))?;
    Ok(Input { query, body })
}

/// Checks the headers of an upload. See
/// <https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-issue-attachments/>.
fn form(parts: &Parts, content_type: &str) -> Result<(), Refusal> {
    if !content_type.starts_with("multipart/form-data") {
        let status = StatusCode::UNSUPPORTED_MEDIA_TYPE;
        return Err(Refusal::violation(status, "Unsupported Media Type", "the body is not sent as a form"));
    }
    let token = parts.headers.get("x-atlassian-token").and_then(|token| token.to_str().ok());
    if token != Some("no-check") {
        return Err(Refusal::violation(StatusCode::FORBIDDEN, "XSRF check failed", "XSRF check failed"));
    }
    // Chunked uploads have failed: <https://github.com/AtlassianPS/JiraPS/issues/248>.
    if !parts.headers.contains_key("content-length") {
        return Err(Refusal::misuse("an upload has no Content-Length"));
    }
    Ok(())
}

/// Parses a query string; lists are comma-separated or repeated.
fn query(known: Members, text: &str) -> Result<Map<String, Value>, String> {
    let mut query = Map::new();
    for (name, value) in form_urlencoded::parse(text.as_bytes()) {
        let Some((_, kind)) = known.iter().find(|(known, _)| *known == name) else {
            return Err(format!("unknown query parameter {name:?}"));
        };
        let wrong = |_| format!("the query parameter {name:?} has the wrong type");
        let number = |text: &str| text.parse::<i64>().map(Value::from).map_err(|_| wrong(()));
        let items = || value.split(',').filter(|item| !item.is_empty());
        let (value, is_list) = match kind {
            Kind::Text | Kind::Object | Kind::Objects | Kind::File => (json!(value), false),
            Kind::Number => (number(&value)?, false),
            Kind::Flag => (value.parse::<bool>().map(Value::from).map_err(|_| wrong(()))?, false),
            Kind::Texts => (items().collect(), true),
            Kind::Numbers => (Value::Array(items().map(number).collect::<Result<_, _>>()?), true),
        };
        match (query.get_mut(name.as_ref()), value) {
            (Some(Value::Array(list)), Value::Array(more)) if is_list => list.extend(more),
            (Some(_), _) => return Err(format!("the query parameter {name:?} is repeated")),
            (None, value) => {
                query.insert(name.into_owned(), value);
            }
        }
    }
    Ok(query)
}

fn check(known: Members, body: &Value) -> Result<(), String> {
    let members = body.as_object().ok_or("the body is not an object")?;
    for (name, value) in members {
        let Some((_, kind)) = known.iter().find(|(known, _)| known == name) else {
            return Err(format!("unknown member of the body {name:?}"));
        };
        let all = |is: fn(&Value) -> bool| value.as_array().is_some_and(|list| list.iter().all(is));
        let is_valid = match kind {
            Kind::Text => value.is_string(),
            Kind::Number => value.is_i64(),
            Kind::Flag => value.is_boolean(),
            Kind::Object => value.is_object(),
            Kind::Texts => all(Value::is_string),
            Kind::Numbers => all(Value::is_i64),
            Kind::Objects => all(Value::is_object),
            Kind::File => false,
        };
        if !is_valid {
            return Err(format!("the member {name:?} of the body has the wrong type"));
        }
    }
    Ok(())
}
