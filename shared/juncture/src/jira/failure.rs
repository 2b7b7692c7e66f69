//! What Jira's refusals mean for the caller.

use std::time::{Duration, SystemTime};

use base::wait;
use http::{HeaderMap, StatusCode};
use serde_json::{Map, Value, json};

use crate::error::Error;
use crate::lenient;

/// An answer of Jira that is not a success, read tolerantly: Jira's own errors are JSON of two kinds, a gateway's
/// may be HTML.
pub(super) struct Failure {
    pub(super) status: StatusCode,
    said: Said,
    /// Whether it can be Jira's: what stands in front of it answers with pages.
    is_jiras: bool,
    /// Whether the token is known to lack a scope; [`Self::read`] does not know.
    pub(super) lacks_scope: bool,
    /// When to come back, if that is known.
    retry_after: Option<Duration>,
    /// `RateLimit-Reason`, on 429 only.
    reason: Option<String>,
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

impl Failure {
    pub(super) fn read(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Self {
        Self::read_at(SystemTime::now(), status, headers, body)
    }

    fn read_at(now: SystemTime, status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Self {
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
    pub(super) fn is_stale_token(&self) -> bool {
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
    pub(super) fn is_quota(&self) -> bool {
        self.status == StatusCode::TOO_MANY_REQUESTS
            && self.reason.as_deref().is_some_and(|reason| reason.starts_with("jira-quota"))
    }

    /// How long to wait before the same read is worth another try; `None` if none is.
    ///
    /// An exhausted quota comes back at the full hour, so nothing is tried then.
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

    /// The error for the caller. A 401 comes here when a new token did not help: Jira's trouble, for whoever lost the
    /// consent gets no new token.
    pub(super) fn into_error(self, scopes: &'static str) -> Error {
        // Jira's words may repeat the body: they are for the caller, who sent it, and not for the log.
        let fields: Vec<&str> = self.said.fields.keys().map(String::as_str).collect();
        let cause = format!(
            "Jira answered {} with {} messages, about the fields [{}]",
            self.status.as_u16(),
            self.said.messages.len(),
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
            StatusCode::UNAUTHORIZED => Error::new(
                StatusCode::BAD_GATEWAY,
                "provider_failed",
                "Jira does not accept an access token that Atlassian has just given. Try again shortly.",
            ),
            StatusCode::FORBIDDEN if !self.is_jiras => Error::new(
                StatusCode::BAD_GATEWAY,
                "provider_failed",
                "Something in front of Jira, such as a firewall, has refused the request. Try again shortly.",
            ),
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
        let Said { messages, fields } = self.said;
        if messages.is_empty() && fields.is_empty() {
            return error;
        }
        error.with_details(json!({ "messages": messages, "fields": fields }))
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

    #[test]
    fn a_token_that_was_renewed_in_vain_is_jiras_trouble() {
        for body in
            [r#"{"code":401,"message":"Unauthorized"}"#, r#"{"errorMessages":["Melde dich an."]}"#, "<html>"]
        {
            let error = failure(401, body).into_error("read:jira-work");
            assert_eq!(
                (error.status(), error.code()),
                (StatusCode::BAD_GATEWAY, "provider_failed"),
                "{body}"
            );
            assert!(error.body("r").get("needs_reauthorization").is_none(), "{body}");
        }
    }

    #[test]
    fn a_page_with_403_is_not_jiras_word() {
        for page in ["<!DOCTYPE html><html>", "error code: 1020", "\u{feff}<html>"] {
            assert_eq!(failure(403, page).into_error("").code(), "provider_failed", "{page}");
        }
        let mut headers = HeaderMap::new();
        headers.insert("content-type", "text/HTML; charset=utf-8".parse().unwrap());
        for body in ["", "{}", "<html>"] {
            let error = Failure::read(StatusCode::FORBIDDEN, &headers, body.as_bytes()).into_error("");
            assert_eq!(
                (error.status(), error.code()),
                (StatusCode::BAD_GATEWAY, "provider_failed"),
                "{body}"
            );
        }
        for body in ["", "\n", "{}", r#"{"errorMessages":["no"]}"#, r#""no""#] {
            assert_eq!(failure(403, body).into_error("").code(), "jira_forbidden", "{body}");
        }
    }

    #[test]
    fn details_are_kept_whatever_form_they_come_in() {
        let (none, no) = (json!({}), json!(["no"]));
        for (body, messages, fields) in [
            (
                json!({ "errorMessages": null, "errors": { "summary": "no" } }),
                json!([]),
                json!({ "summary": "no" }),
            ),
            (json!({ "errorMessages": ["no", null, 7], "errors": null }), json!(["no", "7"]), none.clone()),
            (json!({ "errorMessages": "no", "errors": { "a": ["b"] } }), no.clone(), json!({ "a": ["b"] })),
            (json!({ "errorMessages": [], "errors": ["no"] }), no.clone(), none.clone()),
            (json!({ "errors": [{ "message": "no", "code": 7 }] }), no.clone(), none.clone()),
            (json!({ "errors": [{ "status": 7 }, ["no"]] }), json!([r#"{"status":7}"#, "no"]), none.clone()),
            (json!({ "errors": "no" }), no.clone(), none.clone()),
            (json!({ "errorMessages": {}, "message": "no" }), json!(["{}", "no"]), none.clone()),
            (json!({ "message": ["no"] }), no.clone(), none.clone()),
            (json!(["no"]), no, none),
        ] {
            let details = failure(400, &body.to_string()).into_error("").body("r")["details"].clone();
            assert_eq!(details, json!({ "messages": messages, "fields": fields }), "{body}");
        }
        for silent in ["", "{}", "null", r#"{"errorMessages":[],"errors":{}}"#, r#"{"errorMessages":[""]}"#] {
            assert!(failure(400, silent).into_error("").details().is_none(), "{silent}");
        }
    }

    #[test]
    fn a_limit_is_waited_for_as_long_as_it_lasts() {
        // 2026-11-27T06:53:20Z.
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_762_400);
        let limited = |pairs: &[(&'static str, &'static str)]| {
            let pairs = pairs.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
            let headers = HeaderMap::from_iter(pairs);
            let failure = Failure::read_at(now, StatusCode::TOO_MANY_REQUESTS, &headers, b"");
            failure.into_error("").retry_after_seconds()
        };
        let (quota, burst) =
            (("ratelimit-reason", "jira-quota-tenant-based"), ("ratelimit-reason", "jira-burst-based"));
        let reset = ("x-ratelimit-reset", "2026-11-27T06:58:20Z");
        for (headers, seconds) in [
            (vec![quota, ("retry-after", "90"), reset], 90),
            (vec![quota, ("retry-after", "1.5")], 2),
            (vec![quota, ("retry-after", "Fri, 27 Nov 2026 06:55:20 GMT")], 120),
            (vec![quota, reset], 300),
            (vec![quota, ("retry-after", "soon"), reset], 300),
            (vec![quota, ("retry-after", "Fri, 27 Nov 2026 06:00:00 GMT"), reset], 300),
            (vec![quota, ("x-ratelimit-reset", "2026-11-27T06:00:00Z")], 400),
            (vec![quota], 400),
            (vec![burst, ("retry-after", "0.2")], 1),
            (vec![burst, reset], 300),
            (vec![burst], 5),
            (vec![], 5),
        ] {
            assert_eq!(limited(&headers), Some(seconds), "{headers:?}");
        }
    }
}
