//! Jira's refusals, read.

use std::time::{Duration, SystemTime};

use base::wait;
use http::{HeaderMap, StatusCode};
use serde_json::{Map, Value, json};

use crate::lenient;

/// An answer of Jira that is not a success, read tolerantly: Jira's own errors are JSON of two kinds, a gateway's
/// may be HTML.
pub struct JiraErrorResponse {
    /// The status.
    pub status: StatusCode,
    said: Said,
    /// Whether it can be Jira's: what stands in front of it answers with pages.
    is_jiras: bool,
    /// Whether the token is known to lack a scope; [`Self::read`] does not know.
    pub(crate) lacks_scope: bool,
    /// When to come back, if that is known.
    retry_after: Option<Duration>,
    /// `RateLimit-Reason`, on 429 only.
    reason: Option<String>,
}

/// What a refusal comes down to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// 401: the token lacks a scope.
    MissingScope,
    /// 401: Jira does not accept the token.
    Token,
    /// 403 that is not Jira's: something in front of it has refused.
    Blocked,
    /// 403: the account may not do this.
    Forbidden,
    /// 404: there is no such thing, or it is hidden from the account.
    NotFound,
    /// 409: somebody else was just writing.
    Conflict,
    /// 429.
    RateLimited,
    /// 410: Jira no longer offers this.
    Removed,
    /// Any other 4xx: the request makes no sense to Jira.
    Invalid,
    /// Anything else: Jira fails.
    Failing,
}

/// What Jira said of it.
#[derive(Default)]
struct Said {
    messages: Vec<String>,
    fields: Map<String, Value>,
}

impl Said {
    /// `errorMessages` and `errors` of Jira, `message` of a gateway; each may be a text, a list, an object or null.
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

/// What an error's own words are called, by whoever it is from.
const MESSAGE: [&str; 2] = ["message", "errorMessage"];

impl JiraErrorResponse {
    /// Reads an answer.
    pub fn read(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Self {
        Self::read_at(SystemTime::now(), status, headers, body)
    }

    /// As [`Self::read`], at a time of the clock.
    pub fn read_at(now: SystemTime, status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Self {
        let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let reason = header("ratelimit-reason").map(str::to_owned);
        let parsed: Option<Value> = lenient::from_slice(body).ok();
        let is_page = header("content-type").is_some_and(|kind| kind.to_ascii_lowercase().contains("html"));
        let mut failure = Self {
            status,
            is_jiras: !is_page && (parsed.is_some() || body.trim_ascii().is_empty()),
            lacks_scope: false,
            said: parsed.map(Said::read).unwrap_or_default(),
            retry_after: wait::retry_after(headers, now),
            reason,
        };
        // A quota is not back at once, whatever a date that is past says.
        if failure.is_quota() {
            failure.retry_after = failure.retry_after.filter(|wait| !wait.is_zero());
        }
        if failure.retry_after.is_none() && status == StatusCode::TOO_MANY_REQUESTS {
            failure.retry_after = wait::until_reset(headers, now);
        }
        // Jira gives each hour's quota anew at the full hour
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

    /// Whether the token lacks a scope. The gateway in front of Jira says so, and nothing but its words tells this 401
    /// from that of a stale token. They save a refresh, and nothing else hangs on them: in other words, it is a 401 that a
    /// new token does not mend, and then Atlassian's list of scopes tells.
    ///
    /// <https://developer.atlassian.com/cloud/jira/platform/scopes-for-oauth-2-3LO-and-forge-apps/>
    fn is_missing_scope(&self) -> bool {
        self.status == StatusCode::UNAUTHORIZED
            && (self.lacks_scope
                || self.said.messages.iter().any(|message| message.contains("scope does not match")))
    }

    /// Whether a 429 means an exhausted quota rather than too many requests at once.
    pub fn is_quota(&self) -> bool {
        self.status == StatusCode::TOO_MANY_REQUESTS
            && self.reason.as_deref().is_some_and(|reason| reason.starts_with("jira-quota"))
    }

    /// How long to wait before the same read is worth another try; `None` if none is.
    ///
    /// An exhausted quota comes back at the full hour, so nothing is tried then.
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

    /// What it comes down to.
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

    /// When to come back, if that is known.
    pub fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }

    /// What Jira said of a field, if it names one of this name.
    pub fn field(&self, name: &str) -> Option<&Value> {
        self.said.fields.get(name).filter(|said| !said.is_null())
    }

    /// Jira's own words as `{"messages": […], "fields": {…}}`, if it said any.
    pub fn details(&self) -> Option<Value> {
        let Said { messages, fields } = &self.said;
        (!messages.is_empty() || !fields.is_empty())
            .then(|| json!({ "messages": messages, "fields": fields }))
    }
}

/// As it is displayed: an error that is shown for debugging tells no more.
impl std::fmt::Debug for JiraErrorResponse {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Display::fmt(self, formatter)
    }
}

/// For a log. Jira's words may repeat the body: they are for the caller, who sent it.
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
