//! Rate limits: refuses requests that exceed one with 429, and counts the points of all others.
//!
//! <https://developer.atlassian.com/cloud/jira/platform/rate-limiting/>

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{MatchedPath, RawPathParams, Request, State};
use axum::http::header::RETRY_AFTER;
use axum::http::{HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde_json::Value;

use super::contract::PREFIX;
use super::refusal::Refusal;
use crate::gateway;
use crate::shared::{AppState, Shared};
use crate::traffic::limits::{Exceeded, Metered};

/// Reads with POST, because their parameters are too long for a URL.
const READS_WITH_POST: [&str; 4] = [
    "/rest/api/3/search/jql",
    "/rest/api/3/search/approximate-count",
    "/rest/api/3/issue/bulkfetch",
    "/rest/api/3/jql/parse",
];

/// Applies the limits to a request with a valid token; others do not get that far.
pub(super) async fn limit(
    State(shared): AppState,
    matched: Option<MatchedPath>,
    parameters: RawPathParams,
    request: Request,
    next: Next,
) -> Response {
    if shared.limiter().is_off() || gateway::authenticate(&shared, request.headers()).is_err() {
        return next.run(request).await;
    }
    let path = matched.as_ref().and_then(|path| path.as_str().strip_prefix(PREFIX)).unwrap_or_default();
    let metered = metered(&shared, request.method(), path, &parameters);
    let now = shared.world().now();
    let admitted = shared.limiter().admit(&metered, now);
    let mut response = match admitted {
        Ok(()) => {
            let (parts, body) = next.run(request).await.into_parts();
            let body = to_bytes(body, usize::MAX).await.unwrap_or_default();
            let read = if is_read(&metered) && parts.status.is_success() { objects(path, &body) } else { 0 };
            shared.limiter().charge(&metered.site, 1 + read);
            Response::from_parts(parts, Body::from(body))
        }
        Err(exceeded) => refuse(exceeded),
    };
    shared.limiter().announce(&metered, now, response.headers_mut());
    response
}

fn metered(shared: &Shared, method: &Method, path: &str, parameters: &RawPathParams) -> Metered {
    let parameter = |name: &str| parameters.iter().find(|(known, _)| *known == name).map(|(_, value)| value);
    let site = parameter("cloud_id").unwrap_or_default().to_owned();
    let request = Metered { site, method: method.clone(), endpoint: path.to_owned(), written_issue: None };
    let issue = parameter("issue").filter(|_| !is_read(&request));
    Metered { written_issue: issue.and_then(|name| issue_id(shared, &request.site, name)), ..request }
}

/// An issue is the same by its id and by its key.
fn issue_id(shared: &Shared, site: &str, name: &str) -> Option<u64> {
    let world = shared.world();
    let site = world.site(site)?;
    let tracker = world.trackers.get(&site.key)?.read().ok()?;
    tracker.find(&site.projects, name).map(|issue| issue.id)
}

fn is_read(request: &Metered) -> bool {
    request.method == Method::GET || READS_WITH_POST.contains(&request.endpoint.as_str())
}

/// The points for the objects that a read returns: one for an issue, project or attachment, two for a user. For reads
/// with POST, Atlassian does not say; this assumes the same.
fn objects(path: &str, body: &Bytes) -> u64 {
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    let count = |list: &Value| list.as_array().map_or(0, |list| list.len() as u64);
    match path {
        "/rest/api/3/issue/{issue}" | "/rest/api/3/project/{id_or_key}" | "/rest/api/3/attachment/{id}" => 1,
        "/rest/api/3/myself" => 2,
        "/rest/api/3/user/assignable/search" => 2 * count(&body),
        "/rest/api/3/user/picker" => 2 * count(&body["users"]),
        "/rest/api/3/project/search" => count(&body["values"]),
        _ => count(&body["issues"]),
    }
}

fn refuse(Exceeded { reason, retry_after }: Exceeded) -> Response {
    let mut response = Refusal::plain(StatusCode::TOO_MANY_REQUESTS, "Rate limit exceeded.").into_response();
    response.headers_mut().insert("ratelimit-reason", HeaderValue::from_static(reason));
    response.headers_mut().insert(RETRY_AFTER, retry_after.into());
    response
}
