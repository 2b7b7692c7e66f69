//! What Jira's refusals mean for the caller.

use std::time::Duration;

use http::{HeaderMap, StatusCode};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::error::Error;

/// An answer of Jira that is not a success, read tolerantly: Jira's own errors are JSON of two kinds, a gateway's
/// may be HTML.
pub(super) struct Failure {
    pub(super) status: StatusCode,
    messages: Vec<String>,
    fields: Map<String, Value>,
    retry_after: Option<Duration>,
    /// `RateLimit-Reason`, on 429 only.
    reason: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Body {
    #[serde(rename = "errorMessages")]
    error_messages: Vec<String>,
    errors: Map<String, Value>,
    message: Option<String>,
}

impl Failure {
    pub(super) fn read(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Self {
        let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let body: Body = serde_json::from_slice(body).unwrap_or_default();
        Self {
            status,
            messages: body.error_messages.into_iter().chain(body.message).collect(),
            fields: body.errors,
            retry_after: header("retry-after")
                .and_then(|seconds| seconds.parse().ok())
                .map(Duration::from_secs),
            reason: header("ratelimit-reason").map(str::to_owned),
        }
    }

    /// Whether a new access token may help: a 401 that is not about scopes.
    pub(super) fn is_stale_token(&self) -> bool {
        self.status == StatusCode::UNAUTHORIZED && !self.is_missing_scope()
    }

    /// <https://developer.atlassian.com/cloud/jira/platform/scopes-for-oauth-2-3LO-and-forge-apps/>
    fn is_missing_scope(&self) -> bool {
        self.status == StatusCode::UNAUTHORIZED
            && self.messages.iter().any(|message| message.contains("scope does not match"))
    }

    /// Whether a 429 means an exhausted quota rather than too many requests at once.
    pub(super) fn is_quota(&self) -> bool {
        self.reason.as_deref().is_some_and(|reason| reason.starts_with("jira-quota"))
    }

    /// How long to wait before the same read is worth another try; `None` if none is.
    ///
    /// An exhausted quota comes back at the full hour, so nothing is tried then
    /// (<https://developer.atlassian.com/cloud/jira/platform/rate-limiting/>).
    pub(super) fn retry_in(&self, attempt: u32) -> Option<Duration> {
        let backoff = Duration::from_millis(250 * 2_u64.pow(attempt.min(4)));
        match self.status {
            StatusCode::TOO_MANY_REQUESTS => {
                (!self.is_quota()).then(|| self.retry_after.unwrap_or(Duration::from_secs(2)).max(backoff))
            }
            status if status.is_server_error() => Some(self.retry_after.unwrap_or(backoff)),
            _ => None,
        }
    }

    /// The error for the caller.
    pub(super) fn into_error(self, scopes: &'static str) -> Error {
        // Jira's words may repeat the body: they are for the caller, who sent it, and not for the log.
        let fields: Vec<&str> = self.fields.keys().map(String::as_str).collect();
        let cause = format!(
            "Jira answered {} with {} messages, about the fields [{}]",
            self.status.as_u16(),
            self.messages.len(),
            fields.join(", ")
        );
        let error = match self.status {
            StatusCode::UNAUTHORIZED if self.is_missing_scope() => Error::new(
                StatusCode::FORBIDDEN,
                "missing_scope",
                format!(
                    "The connection lacks a scope that this call needs: {scopes}. Add it to \
                     DEFAULT_JIRA_SCOPES and to the Jira app, then let the end user connect again."
                ),
            ),
            StatusCode::UNAUTHORIZED => Error::needs_reauthorization(),
            StatusCode::FORBIDDEN => Error::new(
                StatusCode::FORBIDDEN,
                "jira_forbidden",
                "The connected Jira account is not allowed to do this",
            ),
            StatusCode::NOT_FOUND => {
                Error::new(StatusCode::NOT_FOUND, "jira_not_found", "Jira has no such thing, or hides it")
            }
            StatusCode::CONFLICT => Error::new(
                StatusCode::CONFLICT,
                "jira_conflict",
                "Jira was changing the same thing. Read it again, then try again.",
            ),
            StatusCode::TOO_MANY_REQUESTS => Error::new(
                StatusCode::TOO_MANY_REQUESTS,
                "jira_rate_limited",
                "Jira limits the rate of requests. Try again after the time in Retry-After.",
            )
            .retry_after(self.retry_after.unwrap_or(Duration::from_secs(5))),
            StatusCode::GONE => {
                Error::new(StatusCode::BAD_GATEWAY, "provider_failed", "Jira does not offer this any more")
            }
            status if status.is_client_error() => {
                Error::new(StatusCode::BAD_REQUEST, "jira_refused", "Jira refused the request")
            }
            _ => Error::new(StatusCode::BAD_GATEWAY, "provider_failed", "Jira is failing at the moment"),
        };
        let error = error.because(cause);
        if self.messages.is_empty() && self.fields.is_empty() {
            return error;
        }
        error.with_details(json!({ "messages": self.messages, "fields": self.fields }))
    }
}

/// What a caller asked for does not exist, or is hidden: Jira says so with 404, and with 400 when it stands in a
/// query. Every other error stays what it is.
pub(super) fn missing(error: Error, code: &'static str, sentence: &'static str) -> Error {
    match error.code() {
        "jira_not_found" | "jira_refused" => {
            Error::new(StatusCode::NOT_FOUND, code, sentence).because(error.cause_chain().unwrap_or_default())
        }
        _ => error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(status: u16, body: &str) -> Failure {
        Failure::read(StatusCode::from_u16(status).unwrap(), &HeaderMap::new(), body.as_bytes())
    }

    #[test]
    fn a_missing_scope_is_not_a_stale_token() {
        let scope = failure(401, r#"{"code":401,"message":"Unauthorized; scope does not match"}"#);
        assert!(!scope.is_stale_token());
        let error = scope.into_error("read:jira-work");
        assert_eq!(error.status(), StatusCode::FORBIDDEN);
        assert!(error.message().contains("read:jira-work"));
        assert!(error.body("r").get("needs_reauthorization").is_none());
        assert!(failure(401, r#"{"code":401,"message":"Unauthorized"}"#).is_stale_token());
        assert!(failure(401, "<html>").is_stale_token());
    }

    #[test]
    fn an_exhausted_quota_is_not_waited_for() {
        let limited = |reason: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert("ratelimit-reason", reason.parse().unwrap());
            headers.insert("retry-after", "3".parse().unwrap());
            Failure::read(StatusCode::TOO_MANY_REQUESTS, &headers, b"").retry_in(0)
        };
        assert_eq!(limited("jira-burst-based"), Some(Duration::from_secs(3)));
        assert_eq!(limited("jira-quota-global-based"), None);
        assert_eq!(limited("jira-quota-tenant-based"), None);
    }

    #[test]
    fn nobody_is_told_to_wait_for_centuries() {
        let mut headers = HeaderMap::new();
        headers.insert("retry-after", u64::MAX.into());
        let limited = Failure::read(StatusCode::TOO_MANY_REQUESTS, &headers, b"");
        assert_eq!(limited.into_error("").retry_after_seconds(), Some(24 * 60 * 60));
    }

    #[test]
    fn jiras_field_errors_are_passed_on() {
        let body = r#"{"errorMessages":["no"],"errors":{"summary":"is required"}}"#;
        let error = failure(400, body).into_error("");
        assert_eq!(error.body("r")["details"]["fields"]["summary"], "is required");
        assert_eq!(
            error.cause_chain().as_deref(),
            Some("Jira answered 400 with 1 messages, about the fields [summary]"),
            "the log is not told Jira's words"
        );
        assert_eq!(failure(502, "<html>").into_error("").status(), StatusCode::BAD_GATEWAY);
    }
}
