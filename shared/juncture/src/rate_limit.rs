//! Rate limits, counted in Redis: for the public endpoints and for wrong secret keys.
//!
//! A fixed window starts with the first request counted in it; requests over the limit are rejected and not counted.
//! Around the boundary of two windows, up to twice the limit can therefore pass within one window's time. Counters are
//! stored under digests and expire with their window. If Redis does not respond, requests are allowed: the endpoint
//! needs Redis itself and reports the error.
//!
//! The headers are those of <https://datatracker.ietf.org/doc/draft-ietf-httpapi-ratelimit-headers/10/>.

use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use ::http::{HeaderName, HeaderValue};

use base::config::{Settings, SettingsError};
use base::crypto::sha256_hex;
use base::deadline;
use futures_util::future::BoxFuture;
use lambda_http::RequestExt as _;
use lambda_http::request::RequestContext;
use runtime::{Request, add_header};
use stores::upstash::{Command, Upstash, UpstashError};

use crate::error::{Error, ErrorCode, Result};

/// Timeout for counting while Redis hangs. Too short for a retry, so no request is counted twice.
const PATIENCE: Duration = Duration::from_secs(1);

const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
const STANDING: HeaderName = HeaderName::from_static("ratelimit");

/// How many requests are allowed in a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Quota {
    most: u32,
    window: Duration,
}

impl Quota {
    /// Parses a setting such as `60/60`, requests and seconds; `off` disables the limit.
    fn from_setting(
        settings: &Settings,
        name: &'static str,
        default: Self,
    ) -> Result<Option<Self>, SettingsError> {
        let Some(value) = settings.optional(name) else { return Ok(Some(default)) };
        if value == "off" {
            return Ok(None);
        }
        let read = || {
            let (most, seconds) = value.split_once('/')?;
            let (most, seconds) = (most.parse().ok()?, seconds.parse().ok()?);
            (most > 0 && seconds > 0).then_some(Self { most, window: Duration::from_secs(seconds) })
        };
        let reason = "must be off, or calls and seconds such as 60/60".to_owned();
        read().map(Some).ok_or(SettingsError::Invalid { name, reason })
    }
}

/// What is limited besides the client's network: one state, code or external id may be used only so often, from
/// anywhere.
#[derive(Clone, Copy)]
pub struct RateLimitSubject<'a> {
    /// Its name in the API, such as `connection_code`.
    pub name: &'static str,
    /// Its value.
    pub value: &'a str,
}

/// The limits of the public endpoints. Settings: those of [`Upstash`], and `RATE_LIMIT_PER_IP` and
/// `RATE_LIMIT_PER_KEY`, each as requests and seconds (`60/60`) or `off`.
pub struct PublicRateLimits {
    redis: Arc<Upstash>,
    per_network: Option<Quota>,
    per_key: Option<Quota>,
}

impl PublicRateLimits {
    pub(crate) fn new(settings: &Settings, redis: Arc<Upstash>) -> Result<Self, SettingsError> {
        let a_minute = |most| Quota { most, window: Duration::from_secs(60) };
        Ok(Self {
            redis,
            per_network: Quota::from_setting(settings, "RATE_LIMIT_PER_IP", a_minute(60))?,
            per_key: Quota::from_setting(settings, "RATE_LIMIT_PER_KEY", a_minute(20))?,
        })
    }

    /// Counts a request for its network and, unless that is rejected, for its key.
    ///
    /// # Errors
    /// 429 `rate_limited` over one of the limits.
    pub async fn admit(&self, request: &Request, key: Option<RateLimitSubject<'_>>) -> Result<()> {
        let mut counters = Vec::with_capacity(2);
        if let (Some(quota), Some(network)) = (self.per_network, network(request)) {
            counters.push(Counter::new("ip", quota, &network));
        }
        if let (Some(quota), Some(key)) = (self.per_key, key) {
            counters.push(Counter::new("key", quota, &format!("{}:{}", key.name, key.value)));
        }
        let whose = |counter: &str| match key {
            Some(key) if counter == "key" => format!("for this {}", key.name),
            _ => "from your IP address".to_owned(),
        };
        let Some(exceeded) = count(&self.redis, &counters).await else { return Ok(()) };
        Err(exceeded.error(ErrorCode::RateLimited, &format!("Too many requests {}", whose(exceeded.counter))))
    }
}

/// The limit for wrong secret keys from one network. Settings: those of [`Upstash`], without which nothing is counted,
/// and `RATE_LIMIT_WRONG_KEYS`.
pub(crate) struct WrongKeys {
    redis: Option<Arc<Upstash>>,
    quota: Option<Quota>,
}

impl WrongKeys {
    pub(crate) fn new(settings: &Settings, redis: Option<Arc<Upstash>>) -> Result<Self, SettingsError> {
        let default = Quota { most: 20, window: Duration::from_secs(60) };
        Ok(Self { redis, quota: Quota::from_setting(settings, "RATE_LIMIT_WRONG_KEYS", default)? })
    }

    /// Counts a wrong key and returns the error for it: 401, or 429 over the limit.
    pub(crate) async fn refuse(&self, request: &Request) -> Error {
        let (Some(redis), Some(quota), Some(network)) = (&self.redis, self.quota, network(request)) else {
            return Error::invalid_secret_key();
        };
        match count(redis, &[Counter::new("wrong-keys", quota, &network)]).await {
            None => Error::invalid_secret_key(),
            Some(exceeded) => {
                exceeded.error(ErrorCode::TooManyWrongKeys, "Too many wrong secret keys from your IP address")
            }
        }
    }
}

/// One counter and its limit.
struct Counter {
    name: &'static str,
    quota: Quota,
    redis_key: String,
}

impl Counter {
    fn new(name: &'static str, quota: Quota, of: &str) -> Self {
        Self { name, quota, redis_key: format!("juncture:limit:{name}:{}", sha256_hex(of.as_bytes())) }
    }
}

/// A limit that was exceeded.
struct Exceeded {
    counter: &'static str,
    ends_in: u64,
}

impl Exceeded {
    fn error(&self, code: ErrorCode, what: &str) -> Error {
        let (seconds, s) = (self.ends_in, if self.ends_in == 1 { "" } else { "s" });
        Error::new(code, format!("{what}. Try again in {seconds} second{s}."))
            .retry_after(Duration::from_secs(seconds))
    }
}

/// Counts a request with each counter in turn, stopping at the first that is over its limit, and adds the rate limit
/// headers to the response. Boxed, so that it is compiled here and not again in every function.
fn count<'a>(redis: &'a Upstash, counters: &'a [Counter]) -> BoxFuture<'a, Option<Exceeded>> {
    /// Returns for each counter the number of requests including this one, and the milliseconds until its window ends.
    const COUNT: &str = "\
        local standing = {} \
        for i, key in ipairs(KEYS) do \
          local used = (redis.call('GET', key) or 0) + 1 \
          local refused = used > tonumber(ARGV[2 * i - 1]) \
          if not refused then redis.call('INCR', key) end \
          if redis.call('PTTL', key) < 0 then redis.call('PEXPIRE', key, ARGV[2 * i]) end \
          standing[2 * i - 1] = used \
          standing[2 * i] = redis.call('PTTL', key) \
          if refused then break end \
        end \
        return standing";
    Box::pin(async move {
        if counters.is_empty() {
            return None;
        }
        let keys: Vec<&str> = counters.iter().map(|counter| counter.redis_key.as_str()).collect();
        let quotas: Vec<String> = counters
            .iter()
            .flat_map(|counter| {
                [counter.quota.most.to_string(), counter.quota.window.as_millis().to_string()]
            })
            .collect();
        let arguments: Vec<&str> = quotas.iter().map(String::as_str).collect();
        let work = redis.run(Command::eval_with(COUNT, &keys, &arguments));
        let limit = Instant::now() + deadline::at_most(PATIENCE);
        let answer = deadline::scope(limit, work).await.and_then(|standing| {
            serde_json::from_value::<Vec<u64>>(standing).map_err(|_| UpstashError::Malformed("no standing"))
        });
        match answer {
            Ok(standing) => tell(counters, &standing),
            Err(error) => {
                tracing::warn!(cause = %error, "rate limit not checked, request allowed");
                None
            }
        }
    })
}

/// Adds the headers for each counter, and returns the one that is over its limit.
fn tell(counters: &[Counter], standing: &[u64]) -> Option<Exceeded> {
    let (mut policy, mut left, mut exceeded) = (Vec::new(), Vec::new(), None);
    for (counter, standing) in counters.iter().zip(standing.chunks_exact(2)) {
        let Counter { name, quota: Quota { most, window }, .. } = counter;
        let (used, ends_in) = (standing[0], standing[1].div_ceil(1000).max(1));
        policy.push(format!("\"{name}\";q={most};w={}", window.as_secs()));
        left.push(format!("\"{name}\";r={};t={ends_in}", u64::from(*most).saturating_sub(used)));
        if used > u64::from(*most) {
            exceeded = Some(Exceeded { counter: name, ends_in });
        }
    }
    for (name, value) in [(POLICY, policy), (STANDING, left)] {
        if let Ok(value) = HeaderValue::from_str(&value.join(", ")) {
            add_header(name, value);
        }
    }
    exceeded
}

/// The client's network, according to API Gateway: headers such as `X-Forwarded-For` are set by the client. For IPv6 it
/// is the first 64 bits, because a subscriber has the whole /64.
fn network(request: &Request) -> Option<String> {
    let Some(RequestContext::ApiGatewayV2(context)) = request.request_context_ref() else { return None };
    let address: IpAddr = context.http.source_ip.as_deref()?.parse().ok()?;
    Some(network_of(address).to_string())
}

fn network_of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() >> 64 << 64)),
        address => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_is_an_ipv4_address_or_the_first_half_of_an_ipv6_address() {
        let network = |address: &str| network_of(address.parse().unwrap()).to_string();
        assert_eq!(network("192.0.2.7"), "192.0.2.7");
        assert_eq!(network("::ffff:192.0.2.7"), "192.0.2.7");
        assert_eq!(network("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::");
        assert_eq!(network("2001:db8:1:2:ffff::1"), network("2001:db8:1:2::"));
        assert_ne!(network("2001:db8:1:3::"), network("2001:db8:1:2::"));
    }

    #[test]
    fn a_limit_is_requests_and_seconds_or_off() {
        let default = Quota { most: 1, window: Duration::from_secs(1) };
        let read = |value: &str| {
            let pairs = [("RATE_LIMIT_PER_IP".to_owned(), value.to_owned())];
            Quota::from_setting(&Settings::from_pairs(pairs), "RATE_LIMIT_PER_IP", default)
        };
        assert_eq!(read("60/30"), Ok(Some(Quota { most: 60, window: Duration::from_secs(30) })));
        assert_eq!(read("off"), Ok(None));
        assert_eq!(read(""), Ok(Some(default)));
        for wrong in ["60", "0/60", "60/0", "-1/60", "60/60s", "6e1/60", "on"] {
            assert!(read(wrong).unwrap_err().to_string().contains("60/60"), "{wrong}");
        }
    }

    #[test]
    fn remaining_requests_are_never_negative() {
        let quota = Quota { most: 2, window: Duration::from_secs(60) };
        let counters = [Counter::new("ip", quota, "a"), Counter::new("key", quota, "b")];
        assert!(tell(&counters, &[2, 100, 2, 59_001]).is_none());
        let exceeded = tell(&counters, &[3, 100]).unwrap();
        assert_eq!((exceeded.counter, exceeded.ends_in), ("ip", 1));
        let error = exceeded.error(ErrorCode::RateLimited, "Too many");
        assert_eq!(error.message(), "Too many. Try again in 1 second.");
        assert_eq!(error.retry_after_seconds(), Some(1));
    }
}
