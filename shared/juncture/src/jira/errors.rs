//! Conversions from the errors of the Atlassian client.

use std::time::Duration;

use atlassian::oauth::{ProbeError, groups_of};
use atlassian::{JiraError, JiraErrorResponse, Limit, Quota, Refusal, Withheld};

use crate::error::{Error, ErrorCode};

/// The message if Jira's search refuses a query that its parser accepted.
pub(super) const REFUSED_QUERY: &str = "Jira refused the query: details has its reason. Every value has to exist, and the \
    query has to be bounded, for example by a project: project = PROJ AND …";

/// The message for a rate limit.
const RATE_LIMITED: &str = "Jira is rate limiting requests. Try again after the time in Retry-After.";

impl From<JiraError> for Error {
    fn from(error: JiraError) -> Self {
        const UNREADABLE: &str = "Jira returned a response that could not be read";
        match error {
            JiraError::Refused { response, scopes } => refused(&response, scopes),
            JiraError::Withheld(withheld) => limited(&withheld),
            JiraError::MissingScope(scopes) => lacks_scope(scopes).because("not among the granted scopes"),
            JiraError::ProjectNotAllowed => Self::new(
                ErrorCode::ProjectNotAllowed,
                "The connection is limited to some of the site's projects, and this is outside of them",
            ),
            JiraError::TimedOut(cause) => {
                Self::timed_out("Jira did not answer in time. Try again.").because(cause)
            }
            JiraError::Unreachable(cause) => {
                Self::provider_failed("Jira cannot be reached at the moment", cause)
            }
            JiraError::Unreadable(cause) => Self::provider_failed(UNREADABLE, cause),
            error @ JiraError::EndlessSearch(_) => Self::provider_failed(
                "Jira keeps returning empty pages, and the search does not end. Try again shortly.",
                error.to_string(),
            )
            .with_code(ErrorCode::SearchUnfinished),
            error @ JiraError::UnreadableIssue(_) => {
                Self::provider_failed("Jira cannot read some of the tickets at the moment", error.to_string())
            }
            JiraError::Unconfirmed(error) => Self::from(*error).unconfirmed(),
            JiraError::Token(error) => match error.downcast() {
                Ok(ours) => *ours,
                Err(other) => Self::internal(other),
            },
            JiraError::BadAddress(cause) => Self::internal(cause),
        }
    }
}

/// A 401 only gets here if a fresh token was rejected too. That is an error of Jira's: with a withdrawn consent there
/// would be no fresh token.
fn refused(response: &JiraErrorResponse, scopes: &str) -> Error {
    let provider_failed = |sentence: &'static str| Error::new(ErrorCode::ProviderFailed, sentence);
    let error = match response.refusal() {
        Refusal::MissingScope => lacks_scope(scopes),
        Refusal::Token => provider_failed(
            "Jira does not accept an access token that Atlassian has just issued. Try again shortly.",
        ),
        Refusal::Blocked => provider_failed(
            "Something in front of Jira, such as a firewall, has refused the request. Try again shortly.",
        ),
        Refusal::Forbidden => {
            Error::new(ErrorCode::JiraForbidden, "The connected Jira account is not allowed to do this")
        }
        Refusal::NotFound => {
            Error::new(ErrorCode::JiraNotFound, "Not found in Jira, or not visible to the connected account")
        }
        Refusal::Conflict => Error::new(
            ErrorCode::JiraConflict,
            "Jira was already changing this issue. Read it again, then retry.",
        ),
        Refusal::RateLimited => Error::new(ErrorCode::JiraRateLimited, RATE_LIMITED)
            .retry_after(response.retry_after().unwrap_or(Duration::from_secs(5))),
        Refusal::Removed => provider_failed("Jira no longer offers this"),
        Refusal::Invalid => Error::new(ErrorCode::JiraRefused, "Jira refused the request"),
        Refusal::Failing => provider_failed("Jira is failing at the moment"),
    };
    let error = error.because(response.to_string());
    match response.details() {
        Some(details) => error.with_details(details),
        None => error,
    }
}

/// 429 for a call that was not made, with the limit and whose it is.
fn limited(withheld: &Withheld) -> Error {
    let sentence = match withheld.limit {
        Limit::Exhausted(Quota::App) => {
            "The app's hourly quota of Jira requests, which all customers share, is used up. \
            Try again after the time in Retry-After."
        }
        Limit::Exhausted(Quota::Site) => {
            "The app's hourly quota of Jira requests for this site is used up. \
            Try again after the time in Retry-After."
        }
        Limit::KeptForWrites(Quota::App) => {
            "Little is left of the app's hourly quota of Jira requests, which all customers share, and it is kept for \
            writes. Try again after the time in Retry-After."
        }
        Limit::KeptForWrites(Quota::Site) => {
            "Little is left of the app's hourly quota of Jira requests for this site, and it is kept for writes. \
            Try again after the time in Retry-After."
        }
        Limit::Issue => {
            "Jira is rate limiting writes to this issue. Try again after the time in Retry-After."
        }
        Limit::Endpoint => RATE_LIMITED,
    };
    Error::new(ErrorCode::JiraRateLimited, sentence).retry_after(withheld.wait).because(withheld.to_string())
}

/// 403 for a call whose scopes (`a and b`) were not granted, with what to do about it.
pub(super) fn lacks_scope(scopes: &str) -> Error {
    let add = match groups_of(scopes)[..] {
        [] => "Add it to DEFAULT_JIRA_SCOPES and to the Jira app".to_owned(),
        [group] => format!("Add it to the Jira app, and {group} to JIRA_SCOPE_GROUPS"),
        ref groups => format!("Add it to the Jira app, and {} to JIRA_SCOPE_GROUPS", groups.join(", ")),
    };
    let sentence = format!(
        "The connection lacks a scope that this call needs: {scopes}. {add}, then let the end user connect again."
    );
    Error::new(ErrorCode::MissingScope, sentence)
}

/// Converts the error for an item that does not exist or is not visible: Jira returns 404, or 400 if the item is part
/// of a query. Other errors are unchanged.
pub(super) fn missing(error: Error, code: ErrorCode, sentence: &'static str) -> Error {
    match error.code() {
        ErrorCode::JiraNotFound | ErrorCode::JiraRefused => {
            Error::new(code, sentence).because(error.cause_chain().unwrap_or_default())
        }
        _ => error,
    }
}

/// 400 for a page's starting position that Jira no longer knows.
pub(super) fn expired_cursor(error: JiraError) -> Error {
    let cause = Error::from(error).cause_chain().unwrap_or_default();
    Error::bad_request("The cursor has expired; start again without it").because(cause)
}

impl From<ProbeError> for Error {
    fn from(error: ProbeError) -> Self {
        let cause = error.to_string();
        match error {
            ProbeError::Failing(_) => Self::provider_failed("Atlassian is failing at the moment", cause),
            ProbeError::TimedOut(_) => Self::timed_out("Atlassian did not answer in time").because(cause),
            ProbeError::Unreachable(_) => {
                Self::provider_failed("Atlassian cannot be reached at the moment", cause)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use http::{HeaderMap, StatusCode};
    use serde_json::json;

    use super::*;

    fn told(response: JiraErrorResponse, scopes: &'static str) -> Error {
        JiraError::Refused { response: Box::new(response), scopes }.into()
    }

    fn failure(status: u16, body: &str) -> JiraErrorResponse {
        JiraErrorResponse::read(StatusCode::from_u16(status).unwrap(), &HeaderMap::new(), body.as_bytes())
    }

    #[test]
    fn a_missing_scope_is_not_a_stale_token() {
        let scope = failure(401, r#"{"code":401,"message":"Unauthorized; scope does not match"}"#);
        assert!(!scope.is_stale_token());
        let error = told(scope, "read:jira-work");
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
            JiraErrorResponse::read(StatusCode::TOO_MANY_REQUESTS, &headers, b"").retry_in(0)
        };
        assert_eq!(limited("jira-burst-based"), Some(Duration::from_secs(3)));
        assert_eq!(limited("jira-quota-global-based"), None);
        assert_eq!(limited("jira-quota-tenant-based"), None);
    }

    #[test]
    fn nobody_is_told_to_wait_for_centuries() {
        let mut headers = HeaderMap::new();
        headers.insert("retry-after", u64::MAX.into());
        let limited = JiraErrorResponse::read(StatusCode::TOO_MANY_REQUESTS, &headers, b"");
        assert_eq!(told(limited, "").retry_after_seconds(), Some(24 * 60 * 60));
    }

    #[test]
    fn jiras_field_errors_are_passed_on() {
        let body = r#"{"errorMessages":["no"],"errors":{"summary":"is required"}}"#;
        let error = told(failure(400, body), "");
        assert_eq!(error.body("r")["details"]["fields"]["summary"], "is required");
        assert_eq!(
            error.cause_chain().as_deref(),
            Some("Jira answered 400 with 1 messages, about the fields [summary]"),
            "the log is not told Jira's words"
        );
        assert_eq!(told(failure(502, "<html>"), "").status(), StatusCode::BAD_GATEWAY);
    }

    #[test]
    fn a_rejected_fresh_token_is_an_error_of_jiras() {
        for body in
            [r#"{"code":401,"message":"Unauthorized"}"#, r#"{"errorMessages":["Melde dich an."]}"#, "<html>"]
        {
            let error = told(failure(401, body), "read:jira-work");
            assert_eq!(
                (error.status(), error.code()),
                (StatusCode::BAD_GATEWAY, ErrorCode::ProviderFailed),
                "{body}"
            );
            assert!(error.body("r").get("needs_reauthorization").is_none(), "{body}");
        }
    }

    #[test]
    fn an_html_page_with_403_is_not_from_jira() {
        for page in ["<!DOCTYPE html><html>", "error code: 1020", "\u{feff}<html>"] {
            assert_eq!(told(failure(403, page), "").code(), ErrorCode::ProviderFailed, "{page}");
        }
        let mut headers = HeaderMap::new();
        headers.insert("content-type", "text/HTML; charset=utf-8".parse().unwrap());
        for body in ["", "{}", "<html>"] {
            let error = told(JiraErrorResponse::read(StatusCode::FORBIDDEN, &headers, body.as_bytes()), "");
            assert_eq!(
                (error.status(), error.code()),
                (StatusCode::BAD_GATEWAY, ErrorCode::ProviderFailed),
                "{body}"
            );
        }
        for body in ["", "\n", "{}", r#"{"errorMessages":["no"]}"#, r#""no""#] {
            assert_eq!(told(failure(403, body), "").code(), ErrorCode::JiraForbidden, "{body}");
        }
    }

    #[test]
    fn details_are_kept_in_any_format() {
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
            let details = told(failure(400, &body.to_string()), "").body("r")["details"].clone();
            assert_eq!(details, json!({ "messages": messages, "fields": fields }), "{body}");
        }
        for silent in ["", "{}", "null", r#"{"errorMessages":[],"errors":{}}"#, r#"{"errorMessages":[""]}"#] {
            assert!(told(failure(400, silent), "").details().is_none(), "{silent}");
        }
    }

    #[test]
    fn retry_after_follows_jiras_headers() {
        // 2026-11-27T06:53:20Z.
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_762_400);
        let limited = |pairs: &[(&'static str, &'static str)]| {
            let pairs = pairs.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
            let headers = HeaderMap::from_iter(pairs);
            let failure = JiraErrorResponse::read_at(now, StatusCode::TOO_MANY_REQUESTS, &headers, b"");
            told(failure, "").retry_after_seconds()
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
