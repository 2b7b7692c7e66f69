//! The headers of calls that are passed on, and of Jira's responses.

use base::tls::is_safe_for_credentials;
use http::header::{
    ACCEPT, ACCEPT_LANGUAGE, ACCEPT_RANGES, CONTENT_DISPOSITION, CONTENT_LANGUAGE, CONTENT_RANGE,
    CONTENT_TYPE, ETAG, LAST_MODIFIED, LOCATION, RANGE, RETRY_AFTER,
};
use http::{HeaderMap, HeaderName, HeaderValue};
use percent_encoding::percent_decode_str;
use runtime::RequestError;
use url::Url;

use crate::error::{Error, Result};

/// The header with the external id of the connection, percent-encoded, because headers are ASCII.
const EXTERNAL_ID: &str = "x-juncture-external-id";

/// The header that tells Jira's responses from Juncture's.
pub(super) const UPSTREAM: HeaderName = HeaderName::from_static("x-juncture-upstream");

/// The request headers that are passed on. `X-Atlassian-Token` allows uploads, `X-ExperimentalApi` experimental
/// operations of Jira Service Management, and `X-Force-Accept-Language` makes Jira use `Accept-Language`.
///
/// <https://developer.atlassian.com/cloud/jira/platform/rest/v3/intro/#special-request-headers>,
/// <https://developer.atlassian.com/cloud/jira/service-desk/rest/intro/#experimental>
const REQUEST: [HeaderName; 7] = [
    ACCEPT,
    ACCEPT_LANGUAGE,
    CONTENT_TYPE,
    RANGE,
    HeaderName::from_static("x-atlassian-token"),
    HeaderName::from_static("x-experimentalapi"),
    HeaderName::from_static("x-force-accept-language"),
];

/// The response headers that are passed on, besides those of rate limits and [`LOCATION`]. The last two identify a
/// request for Atlassian's support.
const RESPONSE: [HeaderName; 10] = [
    ACCEPT_RANGES,
    CONTENT_DISPOSITION,
    CONTENT_LANGUAGE,
    CONTENT_RANGE,
    CONTENT_TYPE,
    ETAG,
    LAST_MODIFIED,
    RETRY_AFTER,
    HeaderName::from_static("atl-traceid"),
    HeaderName::from_static("x-arequestid"),
];

/// How the names of headers about rate limits begin
/// (<https://developer.atlassian.com/cloud/jira/platform/rate-limiting/>).
const RATE_LIMITS: [&str; 5] =
    ["ratelimit", "x-ratelimit-", "beta-ratelimit", "x-beta-ratelimit-", "beta-retry-after"];

/// Reads the external id.
///
/// # Errors
/// 400 if there is none, or it is not percent-encoded UTF-8.
pub(super) fn external_id(headers: &HeaderMap) -> Result<String> {
    let value = headers.get(EXTERNAL_ID).filter(|value| !value.is_empty());
    let value = value.ok_or_else(|| RequestError::missing(EXTERNAL_ID))?;
    // API Gateway joins repeated headers with a comma.
    let is_encoded = |text: &&str| {
        text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b',')
            && text.split('%').skip(1).all(|rest| {
                rest.as_bytes().get(..2).is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
            })
    };
    let text = value.to_str().ok().filter(is_encoded);
    let decoded = text.and_then(|text| percent_decode_str(text).decode_utf8().ok());
    decoded.map(|decoded| decoded.into_owned()).ok_or_else(|| {
        Error::bad_request(format!(
            "{EXTERNAL_ID} must be percent-encoded UTF-8, as encodeURIComponent writes it, and must be sent once"
        ))
    })
}

/// The headers of a request that are passed on.
pub(super) fn of_request(headers: &HeaderMap) -> HeaderMap {
    picked(headers, |name| REQUEST.contains(name))
}

/// The headers of a response that are passed on.
pub(super) fn of_response(headers: &HeaderMap) -> HeaderMap {
    let is_of_rate_limits =
        |name: &HeaderName| RATE_LIMITS.iter().any(|start| name.as_str().starts_with(start));
    let mut picked = picked(headers, |name| RESPONSE.contains(name) || is_of_rate_limits(name));
    if let Some(location) = headers.get(LOCATION).filter(|location| is_absolute(location)) {
        picked.insert(LOCATION, location.clone());
    }
    picked.insert(UPSTREAM, HeaderValue::from_static("jira"));
    picked
}

/// Whether a redirect leads to a URL that may be requested: over TLS, and not relative, which would lead to Juncture.
fn is_absolute(location: &HeaderValue) -> bool {
    let url = location.to_str().ok().and_then(|location| Url::parse(location).ok());
    url.is_some_and(|url| {
        is_safe_for_credentials(&url)
            && url.has_host()
            && url.username().is_empty()
            && url.password().is_none()
    })
}

/// Those of the headers that are wanted, each once: repeated ones are a list.
fn picked(headers: &HeaderMap, is_wanted: impl Fn(&HeaderName) -> bool) -> HeaderMap {
    let mut picked = HeaderMap::new();
    for name in headers.keys().filter(|name| is_wanted(name)) {
        let values: Vec<&[u8]> = headers.get_all(name).iter().map(HeaderValue::as_bytes).collect();
        if let Ok(value) = HeaderValue::from_bytes(&values.join(&b", "[..])) {
            picked.insert(name, value);
        }
    }
    picked
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        headers
    }

    fn lines(headers: &HeaderMap) -> Vec<String> {
        let mut lines: Vec<_> =
            headers.iter().map(|(name, value)| format!("{name}: {}", value.to_str().unwrap())).collect();
        lines.sort();
        lines
    }

    #[test]
    fn an_external_id_is_decoded_once() {
        let read = |value: &str| external_id(&headers(&[(EXTERNAL_ID, value)]));
        for (value, id) in [
            ("user/7", "user/7"),
            ("Gr%C3%B6%C3%9Fe%20%2C%2541+", "Größe ,%41+"),
            ("a:b@example.com!~*'()", "a:b@example.com!~*'()"),
        ] {
            assert_eq!(read(value).unwrap(), id);
        }
        for wrong in ["a b", "a,b", "%", "%4", "%zz", "a%C3", "%ff", "größe", "a\tb"] {
            let error = read(wrong).unwrap_err();
            assert!(error.message().contains("percent-encoded"), "{wrong}: {error}");
        }
        for missing in [read(""), external_id(&HeaderMap::new())] {
            assert_eq!(missing.unwrap_err().message(), "Missing x-juncture-external-id");
        }
    }

    #[test]
    fn only_listed_headers_reach_jira() {
        let sent = headers(&[
            ("accept", "text/plain"),
            ("accept", "*/*"),
            ("x-atlassian-token", "no-check"),
            ("authorization", "Bearer key"),
            ("cookie", "a=b"),
            ("host", "example.com"),
            ("x-forwarded-for", "192.0.2.1"),
            ("x-forwarded-host", "example.com"),
            ("forwarded", "for=192.0.2.1"),
            ("x-http-method-override", "DELETE"),
            ("x-atlassian-force-account-id", "1"),
            ("transfer-encoding", "chunked"),
            ("content-length", "7"),
            ("connection", "x-juncture-external-id"),
            (EXTERNAL_ID, "a"),
            ("idempotency-key", "a"),
            ("user-agent", "a"),
        ]);
        assert_eq!(lines(&of_request(&sent)), ["accept: text/plain, */*", "x-atlassian-token: no-check"]);
    }

    #[test]
    fn only_listed_headers_come_back() {
        let received = headers(&[
            ("content-type", "image/png"),
            ("retry-after", "7"),
            ("ratelimit", "\"a\";r=1"),
            ("ratelimit", "\"b\";r=2"),
            ("x-ratelimit-remaining", "5"),
            ("beta-ratelimit-policy", "\"a\";q=1"),
            ("set-cookie", "atlassian.xsrf.token=a"),
            ("content-encoding", "identity"),
            ("content-length", "3"),
            ("transfer-encoding", "chunked"),
            ("strict-transport-security", "max-age=0"),
            ("access-control-allow-origin", "*"),
            ("x-aaccountid", "7"),
            ("www-authenticate", "OAuth"),
            ("x-juncture-upstream", "other"),
        ]);
        assert_eq!(
            lines(&of_response(&received)),
            [
                "beta-ratelimit-policy: \"a\";q=1",
                "content-type: image/png",
                "ratelimit: \"a\";r=1, \"b\";r=2",
                "retry-after: 7",
                "x-juncture-upstream: jira",
                "x-ratelimit-remaining: 5",
            ]
        );
    }

    #[test]
    fn a_redirect_leads_to_a_whole_url_over_tls() {
        let passes = |location: &str| of_response(&headers(&[("location", location)])).contains_key(LOCATION);
        for fine in ["https://api.media.atlassian.com/file/1?token=a", "http://localhost:8002/media/a"] {
            assert!(passes(fine), "{fine}");
        }
        for wrong in [
            "/rest/api/3/task/1",
            "//example.com",
            "http://example.com",
            "javascript:alert(1)",
            "https://user:password@example.com",
            "https://größe.example.com",
            "",
        ] {
            assert!(!passes(wrong), "{wrong}");
        }
    }
}
