//! How long a server asks its clients to wait, from its response headers.

use std::time::{Duration, SystemTime};

use http::HeaderMap;
use http::header::{HeaderName, RETRY_AFTER};
use time::OffsetDateTime;
use time::format_description::well_known::Iso8601;

/// When a Jira rate limit resets, in ISO 8601; sent with 429 only
/// (<https://developer.atlassian.com/cloud/jira/platform/rate-limiting/>).
const RESET: HeaderName = HeaderName::from_static("x-ratelimit-reset");

/// Longer than any caller waits, in seconds.
const MAX_SECONDS: f64 = 1e9;

/// Parses `Retry-After`: seconds, which some servers send with a fraction, or a date
/// (<https://www.rfc-editor.org/rfc/rfc9110#field.retry-after>). A date in the past is a wait of zero.
pub fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse::<f64>() {
        let is_time = seconds.is_finite() && seconds.is_sign_positive();
        return is_time.then(|| Duration::from_secs_f64(seconds.min(MAX_SECONDS)));
    }
    let at = httpdate::parse_http_date(text).ok()?;
    Some(at.duration_since(now).unwrap_or_default())
}

/// Parses `X-RateLimit-Reset` and returns the time until then, or `None` if it has passed.
pub fn until_reset(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let text = headers.get(RESET)?.to_str().ok()?.trim();
    let at = OffsetDateTime::parse(text, &Iso8601::PARSING).ok()?;
    Duration::try_from(at - OffsetDateTime::from(now)).ok().filter(|wait| !wait.is_zero())
}

/// Returns the time until the next full hour, UTC.
pub fn until_the_hour(now: SystemTime) -> Duration {
    const HOUR: Duration = Duration::from_secs(60 * 60);
    let past = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    HOUR - Duration::new(past.as_secs() % HOUR.as_secs(), past.subsec_nanos())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-11-27T06:53:20Z.
    fn now() -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_762_400)
    }

    fn of(name: HeaderName, value: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(name, http::HeaderValue::from_static(value))])
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        for (value, wait) in [
            ("30", Some(30_000)),
            (" 30 ", Some(30_000)),
            ("0", Some(0)),
            ("1.5", Some(1_500)),
            ("0.25", Some(250)),
            ("Fri, 27 Nov 2026 06:54:20 GMT", Some(60_000)),
            ("Friday, 27-Nov-26 06:54:20 GMT", Some(60_000)),
            ("Fri Nov 27 06:54:20 2026", Some(60_000)),
            ("Fri, 27 Nov 2026 06:00:00 GMT", Some(0)),
            ("18446744073709551616", Some(1_000_000_000_000)),
            ("-1", None),
            ("NaN", None),
            ("inf", None),
            ("soon", None),
            ("", None),
        ] {
            let wait = wait.map(Duration::from_millis);
            assert_eq!(retry_after(&of(RETRY_AFTER, value), now()), wait, "{value}");
        }
        assert_eq!(retry_after(&HeaderMap::new(), now()), None);
    }

    #[test]
    fn a_reset_is_a_time_in_any_iso_8601_format() {
        for (value, seconds) in [
            ("2026-11-27T07:00:00Z", Some(400)),
            ("2026-11-27T07:00Z", Some(400)),
            ("2026-11-27T07:00:00.000Z", Some(400)),
            ("2026-11-27T08:00:00+01:00", Some(400)),
            ("20261127T070000Z", Some(400)),
            ("2026-11-27T06:00:00Z", None),
            ("tomorrow", None),
            ("", None),
        ] {
            let wait = seconds.map(Duration::from_secs);
            assert_eq!(until_reset(&of(RESET, value), now()), wait, "{value}");
        }
    }

    #[test]
    fn the_next_full_hour_is_never_now() {
        assert_eq!(until_the_hour(now()), Duration::from_secs(400));
        assert_eq!(until_the_hour(now() + Duration::from_secs(400)), Duration::from_secs(3600));
        assert_eq!(until_the_hour(now() + Duration::from_millis(500)), Duration::from_millis(399_500));
    }
}
