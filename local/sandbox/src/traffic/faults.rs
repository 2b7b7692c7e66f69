//! Fault injection: failures of a real service, on request.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{Html, IntoResponse, Response};
use futures_util::StreamExt;
use futures_util::stream;
use serde::Deserialize;
use serde_json::{Value, json};

use super::point::{Class, When};

/// A response extension that closes the connection instead of sending the response.
#[derive(Clone, Copy)]
pub(crate) struct CutConnection;

/// Which requests fail, and how. In JSON the fault's fields are on the same level as the others:
/// `{"class": "token", "when": "after", "times": 1, "kind": "drop"}`.
#[derive(Clone, Debug, Deserialize)]
pub struct Rule {
    /// The group of endpoints.
    pub class: Class,
    /// Only requests of this account, by key. On `authorize` the account is not known yet.
    #[serde(default)]
    pub account: Option<String>,
    /// Instead of processing the request, or after it. A damaged body is always after.
    #[serde(default)]
    pub when: When,
    /// Only requests whose request line contains this, such as `PUT`, `bulkfetch` or `/issue HTTP/1.1`.
    #[serde(default)]
    pub path: Option<String>,
    /// How many matching requests to let through first.
    #[serde(default)]
    pub skip: u32,
    /// For this many requests; if omitted, until the faults are cleared.
    #[serde(default)]
    pub times: Option<u32>,
    /// What happens.
    #[serde(flatten)]
    pub fault: Fault,
}

/// A way to fail.
#[derive(Clone, Debug, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Fault {
    /// Waits, then continues as usual, including a further fault.
    Latency {
        /// How long, in milliseconds.
        millis: u64,
    },
    /// Never responds.
    Hang,
    /// Closes the connection without a response.
    Drop,
    /// Responds with this status, and with `body` as JSON or else an HTML page like a gateway's.
    Status {
        /// An HTTP status, 200 to 599.
        status: u16,
        /// Sent as JSON.
        #[serde(default)]
        body: Option<Value>,
    },
    /// Responds with exactly this status, headers and body.
    Reply {
        /// An HTTP status, 200 to 599.
        status: u16,
        /// Values by header name.
        #[serde(default)]
        headers: BTreeMap<String, String>,
        /// The body.
        #[serde(default)]
        body: String,
    },
    /// Responds with a 429 as Jira does (<https://developer.atlassian.com/cloud/jira/platform/rate-limiting/>).
    RateLimited {
        /// `Retry-After` in seconds; omitted if unset.
        #[serde(default)]
        retry_after: Option<u64>,
        /// `RateLimit-Reason`, such as `jira-burst-based`; omitted if unset.
        #[serde(default)]
        reason: Option<String>,
    },
    /// Processes the request, then returns the first half of the JSON with a matching content length.
    MalformedJson,
    /// Processes the request, sends half of the body, then closes the connection.
    TruncatedBody,
}

impl Rule {
    /// A fault for one class of endpoints, before the request is processed, until it is cleared.
    pub fn new(class: Class, fault: Fault) -> Self {
        Self { class, account: None, when: When::Before, path: None, skip: 0, times: None, fault }
    }

    /// Limits the rule to the next `times` requests.
    pub fn times(self, times: u32) -> Self {
        Self { times: Some(times), ..self }
    }

    /// Applies the fault after the request was processed: the response is lost, the effect is not.
    pub fn after(self) -> Self {
        Self { when: When::After, ..self }
    }

    /// Limits the rule to the requests of one account.
    pub fn account(self, key: &str) -> Self {
        Self { account: Some(key.to_owned()), ..self }
    }

    /// Limits the rule to requests whose request line (`GET /path?query HTTP/1.1`) contains `part`.
    pub fn path(self, part: &str) -> Self {
        Self { path: Some(part.to_owned()), ..self }
    }

    /// Lets `requests` matching requests through first.
    pub fn skip(self, requests: u32) -> Self {
        Self { skip: requests, ..self }
    }

    fn matches(&self, class: Class, account: Option<&str>, line: &str) -> bool {
        self.class == class
            && self.path.as_deref().is_none_or(|part| line.contains(part))
            && self.times != Some(0)
            && self.account.as_deref().is_none_or(|wanted| account == Some(wanted))
    }
}

/// The faults of one request: any number of delays, and at most one other.
#[derive(Default)]
pub(crate) struct Plan {
    delays: Vec<(When, Duration)>,
    fault: Option<(When, Fault)>,
}

impl Plan {
    /// Collects the rules that match a request, and decrements their counts.
    pub(crate) fn take(rules: &mut Vec<Rule>, class: Class, account: Option<&str>, line: &str) -> Self {
        let mut plan = Self::default();
        for rule in rules.iter_mut().filter(|rule| rule.matches(class, account, line)) {
            if rule.skip > 0 {
                rule.skip -= 1;
                continue;
            }
            match &rule.fault {
                Fault::Latency { millis } => plan.delays.push((rule.when, Duration::from_millis(*millis))),
                _ if plan.fault.is_some() => continue,
                damage @ (Fault::MalformedJson | Fault::TruncatedBody) => {
                    plan.fault = Some((When::After, damage.clone()));
                }
                fault => plan.fault = Some((rule.when, fault.clone())),
            }
            rule.times = rule.times.map(|times| times - 1);
        }
        rules.retain(|rule| rule.times != Some(0));
        plan
    }

    /// Applies the faults due before processing. If this returns a response, the request is not processed.
    pub(crate) async fn before(&self) -> Option<Response> {
        self.wait(When::Before).await;
        match &self.fault {
            Some((When::Before, fault)) => Some(fault.apply(Response::default()).await),
            _ => None,
        }
    }

    /// Applies the faults due after processing.
    pub(crate) async fn after(&self, response: Response) -> Response {
        self.wait(When::After).await;
        match &self.fault {
            Some((When::After, fault)) => fault.apply(response).await,
            _ => response,
        }
    }

    async fn wait(&self, at: When) {
        for (when, delay) in &self.delays {
            if *when == at {
                tokio::time::sleep(*delay).await;
            }
        }
    }
}

impl Fault {
    async fn apply(&self, response: Response) -> Response {
        match self {
            Self::Latency { .. } => response,
            Self::Hang => std::future::pending().await,
            Self::Drop => {
                let mut response = response;
                response.extensions_mut().insert(CutConnection);
                response
            }
            Self::Status { status, body } => status_answer(*status, body.as_ref()),
            Self::Reply { status, headers, body } => reply(*status, headers, body),
            Self::RateLimited { retry_after, reason } => rate_limited(*retry_after, reason.as_deref()),
            Self::MalformedJson => half_of(response, true).await,
            Self::TruncatedBody => half_of(response, false).await,
        }
    }
}

fn status_answer(status: u16, body: Option<&Value>) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    match body {
        Some(body) => (status, axum::Json(body)).into_response(),
        None => {
            let html =
                format!("<html><head><title>{status}</title></head><body><h1>{status}</h1></body></html>");
            (status, Html(html)).into_response()
        }
    }
}

fn reply(status: u16, headers: &BTreeMap<String, String>, body: &str) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = headers.iter().filter_map(|(name, value)| {
        Some((HeaderName::from_bytes(name.as_bytes()).ok()?, HeaderValue::from_str(value).ok()?))
    });
    let mut response = Response::new(Body::from(body.to_owned()));
    *response.status_mut() = status;
    response.headers_mut().extend(headers);
    response
}

fn rate_limited(retry_after: Option<u64>, reason: Option<&str>) -> Response {
    let body = json!({ "errorMessages": ["Rate limit exceeded."], "errors": {} });
    let mut response = (StatusCode::TOO_MANY_REQUESTS, axum::Json(body)).into_response();
    let headers = response.headers_mut();
    headers.insert("x-ratelimit-limit", HeaderValue::from_static("350"));
    headers.insert("x-ratelimit-remaining", HeaderValue::from_static("0"));
    if let Some(seconds) = retry_after {
        headers.insert(RETRY_AFTER, seconds.into());
    }
    if let Some(reason) = reason.and_then(|reason| HeaderValue::from_str(reason).ok()) {
        headers.insert("ratelimit-reason", reason);
    }
    response
}

/// Half of the body, either as if it were complete, or with the connection closed in the middle.
async fn half_of(response: Response, complete: bool) -> Response {
    let (mut parts, body) = response.into_parts();
    let body = to_bytes(body, usize::MAX).await.unwrap_or_default();
    let half = body.slice(..body.len() / 2);
    parts.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if complete {
        parts.headers.remove(CONTENT_LENGTH);
        return Response::from_parts(parts, Body::from(half));
    }
    parts.headers.insert(CONTENT_LENGTH, body.len().into());
    let cut = stream::once(async {
        // Lets the server send the first half.
        tokio::task::yield_now().await;
        Err(std::io::Error::from(std::io::ErrorKind::ConnectionReset))
    });
    Response::from_parts(parts, Body::from_stream(stream::iter([Ok(half)]).chain(cut)))
}
