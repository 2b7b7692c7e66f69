//! Jira's error responses.

use std::time::{Duration, SystemTime};

use base::wait;
use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use serde_json::{Map, Value, json};

use crate::lenient;
use crate::quota_headers::{Limit, Quota};

/// An error response, parsed leniently: Jira's own errors are JSON in two formats, a gateway's may be HTML.
pub struct JiraErrorResponse {
    /// The HTTP status.
    pub status: StatusCode,
    said: Said,
    /// Whether the response can be Jira's own; proxies in front of Jira respond with HTML pages.
    is_jiras: bool,
    /// Whether the token is known to lack a scope. Not set by [`Self::read`].
    pub(crate) lacks_scope: bool,
    /// The headers and the body as received. Not set by [`Self::read`].
    pub(crate) original: Option<(HeaderMap, Bytes)>,
    /// How long to wait before a retry, if known.
    retry_after: Option<Duration>,
    /// The `RateLimit-Reason` header, sent with 429 only.
    reason: Option<String>,
}

/// The kind of an error response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// 401: the token lacks a scope.
    MissingScope,
    /// 401: Jira rejects the token.
    Token,
    /// 403 that is not Jira's own: a proxy in front of it blocked the request.
    Blocked,
    /// 403: the account lacks permission.
    Forbidden,
    /// 404: the resource does not exist or is hidden from the account.
    NotFound,
    /// 409: a concurrent write.
    Conflict,
    /// 429: rate limited.
    RateLimited,
    /// 410: Jira no longer offers this resource.
    Removed,
    /// Any other 4xx: the request is invalid.
    Invalid,
    /// Anything else: Jira failed.
    Failing,
}

/// Jira's error messages, general and by field.
#[derive(Default)]
struct Said {
    messages: Vec<String>,
    fields: Map<String, Value>,
}

impl Said {
    /// Collects `errorMessages` and `errors` of Jira and `message` of a gateway. Each may be a string, a list, an
    /// object or null.
    fn read(body: Value) -> Self {
        let mut said = Self::default();
        match body {
            Value::Object(mut body) => {
                said.add(body.remove("errorMessages"));
                match body.remove("errors") {
                    Some(Value::Object(fields)) => said.fields = fields,
                    errors => said.add(errors),
                }
                for name in MESSAGE {
                    said.add(body.remove(name));
                }
            }
            other => said.add(Some(other)),
        }
        said
    }

    fn add(&mut self, value: Option<Value>) {
        match value {
            None | Some(Value::Null) => {}
            Some(Value::String(message)) => {
                if !message.is_empty() {
                    self.messages.push(message);
                }
            }
            Some(Value::Array(values)) => values.into_iter().for_each(|value| self.add(Some(value))),
            Some(value) => {
                let message = MESSAGE.iter().find_map(|name| value[*name].as_str());
                self.messages.push(message.map_or_else(|| value.to_string(), str::to_owned));
            }
        }
    }
}

/// The names of an error's message, depending on who sent it.
const MESSAGE: [&str; 2] = ["message", "errorMessage"];

impl JiraErrorResponse {
    /// Parses an error response.
    pub fn read(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Self {
        Self::read_at(SystemTime::now(), status, headers, body)
    }

    /// Like [`Self::read`], with a given current time.
    pub fn read_at(now: SystemTime, status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Self {
        let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let reason = header("ratelimit-reason").map(str::to_owned);
        let parsed: Option<Value> = lenient::from_slice(body).ok();
        let is_page = header("content-type").is_some_and(|kind| kind.to_ascii_lowercase().contains("html"));
        let mut failure = Self {
            status,
            is_jiras: !is_page && (parsed.is_some() || body.trim_ascii().is_empty()),
            lacks_scope: false,
            original: None,
            said: parsed.map(Said::read).unwrap_or_default(),
            retry_after: wait::retry_after(headers, now),
            reason,
        };
        // A quota is not available again at once, even if `Retry-After` is a date in the past.
        if failure.is_quota() {
            failure.retry_after = failure.retry_after.filter(|wait| !wait.is_zero());
        }
        if failure.retry_after.is_none() && status == StatusCode::TOO_MANY_REQUESTS {
            failure.retry_after = wait::until_reset(headers, now);
        }
        // Hourly quotas reset at the full hour
        // (<https://developer.atlassian.com/cloud/jira/platform/rate-limiting/>).
        if failure.retry_after.is_none() && failure.is_quota() {
            failure.retry_after = Some(wait::until_the_hour(now));
        }
        failure
    }

    /// Whether a new access token may help: a 401 that is not about scopes.
    pub fn is_stale_token(&self) -> bool {
        self.status == StatusCode::UNAUTHORIZED && !self.is_missing_scope()
    }

    /// Whether the token lacks a scope. Only the message of the gateway in front of Jira tells this 401 from the one
    /// for a stale token. Matching that message only saves a refresh: if its wording changes, a new token does not
    /// help either, and then Atlassian's list of granted scopes decides.
    ///
    /// <https://developer.atlassian.com/cloud/jira/platform/scopes-for-oauth-2-3LO-and-forge-apps/>
    fn is_missing_scope(&self) -> bool {
        self.status == StatusCode::UNAUTHORIZED
            && (self.lacks_scope
                || self.said.messages.iter().any(|message| message.contains("scope does not match")))
    }

    /// Whether a 429 means an exhausted quota rather than a temporary rate limit.
    pub fn is_quota(&self) -> bool {
        self.status == StatusCode::TOO_MANY_REQUESTS
            && self.reason.as_deref().is_some_and(|reason| reason.starts_with("jira-quota"))
    }

    /// Returns the limit that a 429 is about, if its reason is known. A quota of a kind that is not known counts as the
    /// site's, so that it holds back no other customer.
    pub(crate) fn limit(&self) -> Option<Limit> {
        match self.reason.as_deref().filter(|_| self.status == StatusCode::TOO_MANY_REQUESTS)? {
            "jira-quota-global-based" => Some(Limit::Exhausted(Quota::App)),
            "jira-burst-based" => Some(Limit::Endpoint),
            "jira-per-issue-on-write" => Some(Limit::Issue),
            _ => self.is_quota().then_some(Limit::Exhausted(Quota::Site)),
        }
    }

    /// Returns the time to wait before retrying a read, or `None` if a retry is pointless. An exhausted quota is not
    /// retried, because it resets only at the full hour.
    pub fn retry_in(&self, attempt: u32) -> Option<Duration> {
        let backoff = Duration::from_millis(250 * 2_u64.pow(attempt.min(4)));
        match self.status {
            StatusCode::TOO_MANY_REQUESTS => {
                (!self.is_quota()).then(|| self.retry_after.unwrap_or(Duration::from_secs(2)).max(backoff))
            }
            status if status.is_server_error() => Some(self.retry_after.unwrap_or(backoff)),
            _ => None,
        }
    }

    /// Classifies the response.
    pub fn refusal(&self) -> Refusal {
        match self.status {
            StatusCode::UNAUTHORIZED if self.is_missing_scope() => Refusal::MissingScope,
            StatusCode::UNAUTHORIZED => Refusal::Token,
            StatusCode::FORBIDDEN if !self.is_jiras => Refusal::Blocked,
            StatusCode::FORBIDDEN => Refusal::Forbidden,
            StatusCode::NOT_FOUND => Refusal::NotFound,
            StatusCode::CONFLICT => Refusal::Conflict,
            StatusCode::TOO_MANY_REQUESTS => Refusal::RateLimited,
            StatusCode::GONE => Refusal::Removed,
            status if status.is_client_error() => Refusal::Invalid,
            _ => Refusal::Failing,
        }
    }

    /// Returns how long to wait before a retry, if known.
    pub fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }

    /// Returns Jira's error for a field, if there is one.
    pub fn field(&self, name: &str) -> Option<&Value> {
        self.said.fields.get(name).filter(|said| !said.is_null())
    }

    /// Returns Jira's messages as `{"messages": […], "fields": {…}}`, if there are any.
    pub fn details(&self) -> Option<Value> {
        let Said { messages, fields } = &self.said;
        (!messages.is_empty() || !fields.is_empty())
            .then(|| json!({ "messages": messages, "fields": fields }))
    }
}

/// Same as `Display`, so that debug output reveals no more.
impl std::fmt::Debug for JiraErrorResponse {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Display::fmt(self, formatter)
    }
}

/// For logs. Leaves out Jira's messages, which may quote the request body and are only for the caller, who sent it.
impl std::fmt::Display for JiraErrorResponse {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let fields: Vec<&str> = self.said.fields.keys().map(String::as_str).collect();
        write!(
            formatter,
            "Jira answered {} with {} messages, about the fields [{}]",
            self.status.as_u16(),
            self.said.messages.len(),
            fields.join(", ")
        )
    }
}
