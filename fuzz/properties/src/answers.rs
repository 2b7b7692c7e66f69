//! Responses of servers.

use std::time::{Duration, SystemTime};

use atlassian::{QuotaLevel, lenient, oauth};
use base::wait;
use http::header::RETRY_AFTER;
use http::{HeaderMap, HeaderValue, StatusCode};
use juncture::error::Error;
use juncture::provider::TokenError;
use secrecy::ExposeSecret;
use serde_json::Value;
use stores::upstash;
use time::OffsetDateTime;

use crate::jira;

fn first(data: &[u8]) -> (usize, &[u8]) {
    data.split_first().map_or((0, data), |(first, rest)| (usize::from(*first), rest))
}

/// A successful response from Jira, after a byte that selects the call. The size of Juncture's result is bounded.
pub fn jira_answer(data: &[u8]) {
    let (which, body) = first(data);
    if let Some(value) = jira::answer(which, body) {
        let length = value.to_string().len();
        // A ticket is returned in two shapes; an empty one still has all its names, and descriptions become Markdown.
        assert!(length <= 2048 + 600 * body.len(), "{length} bytes of {}", body.len());
    }
}

/// An error response: a status, `Retry-After`, `RateLimit-Reason` (and after a tab each `X-RateLimit-Reset`, `RateLimit`
/// and `RateLimit-Policy`), and the body. The result is an error of the contract.
pub fn jira_refusal(data: &[u8]) {
    let mut parts = data.splitn(3, |byte| *byte == b'\n');
    let (which, retry_after) = first(parts.next().unwrap_or_default());
    let mut limit = parts.next().unwrap_or_default().splitn(4, |byte| *byte == b'\t');
    let mut next = || limit.next().unwrap_or_default();
    let (reason, reset, levels, policies) = (next(), next(), next(), next());
    let headers = headers(&[
        ("retry-after", retry_after),
        ("ratelimit-reason", reason),
        ("x-ratelimit-reset", reset),
        ("ratelimit", levels),
        ("ratelimit-policy", policies),
    ]);
    for level in QuotaLevel::read(&headers, SystemTime::now()) {
        assert!(
            level.resets_in <= Duration::from_secs(60 * 60),
            "no header stops reads for longer: {level:?}"
        );
        assert!(level.limit > 0 && (!level.is_below(10) || level.remaining < Some(level.limit)), "{level:?}");
    }
    let body = parts.next().unwrap_or_default();
    let status = status(which);
    let (error, waits) = jira::refusal(status, &headers, body);
    assert!(error.status().is_client_error() || error.status() == StatusCode::BAD_GATEWAY, "{error}");
    assert!(waits.is_none() || status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS);
    check_upstream(&error);
    if let Some(details) = error.details() {
        assert!(details.to_string().len() <= 64 + 6 * body.len());
    }
}

/// A token response, an error from the token endpoint, or a list of sites.
pub fn atlassian_answer(data: &[u8]) {
    let (which, rest) = first(data);
    match which % 3 {
        0 => {
            let begun_at = OffsetDateTime::now_utc().truncate_to_second();
            if let Ok(grant) = oauth::grant(rest) {
                let refresh = grant.refresh_token.as_ref().map(ExposeSecret::expose_secret);
                assert!(refresh != Some(""), "an empty token is none");
                assert!(grant.expires_at >= begun_at, "it opens for a time, or not at all");
                assert!(!grant.access_token.expose_secret().is_empty(), "an empty token opens nothing");
            }
        }
        1 => {
            let (which, rest) = first(rest);
            let mut parts = rest.splitn(2, |byte| *byte == b'\n');
            let headers = headers(&[(RETRY_AFTER.as_str(), parts.next().unwrap_or_default())]);
            let retry_after = wait::retry_after(&headers, SystemTime::now());
            let refusal = oauth::refusal(status(which), retry_after, parts.next().unwrap_or_default());
            // A 5xx on its own never means that the refresh token was rejected.
            if status(which).is_server_error() && matches!(refusal, TokenError::Rejected(_)) {
                assert!(String::from_utf8_lossy(rest).contains("error"));
            }
            check_upstream(&Error::from(refusal));
        }
        _ => {
            for site in lenient::from_slice(rest).map(oauth::jira_sites).unwrap_or_default() {
                let id = site.id.as_str();
                assert!((1..=64).contains(&id.len()) && !id.contains(['/', '.', '%', '?', '#']), "{id}");
            }
        }
    }
}

/// A response of Upstash to one command or to three.
pub fn upstash_answer(data: &[u8]) {
    let length = |values: &[Value]| values.iter().map(|value| value.to_string().len()).sum::<usize>();
    let one = upstash::results::<1>(data).map(Vec::from);
    let three = upstash::results::<3>(data).map(Vec::from);
    assert!(one.is_err() || three.is_err(), "one result is not three");
    for outcome in [one, three] {
        match outcome {
            Ok(values) => assert!(length(&values) <= 64 + 6 * data.len()),
            Err(error) => check_upstream(&error.into()),
        }
    }
}

/// The status may vary, but the message is ours, and a retry delay is reasonable for a caller.
fn check_upstream(error: &Error) {
    let sentence = error.message();
    assert!((10..300).contains(&sentence.len()), "{sentence:?}");
    assert!(
        error.retry_after_seconds().is_none_or(|seconds| (1..=24 * 60 * 60).contains(&seconds)),
        "{error}"
    );
}

fn status(which: usize) -> StatusCode {
    const CODES: [u16; 16] = [301, 400, 401, 403, 404, 405, 409, 410, 413, 422, 429, 500, 502, 503, 504, 599];
    CODES.get(which % CODES.len()).and_then(|code| StatusCode::from_u16(*code).ok()).unwrap_or_default()
}

fn headers(pairs: &[(&'static str, &[u8])]) -> HeaderMap {
    let fine = |(name, value): &(&'static str, &[u8])| Some((*name, HeaderValue::from_bytes(value).ok()?));
    let mut headers = HeaderMap::new();
    for (name, value) in pairs.iter().filter_map(fine) {
        headers.insert(name, value);
    }
    headers
}
