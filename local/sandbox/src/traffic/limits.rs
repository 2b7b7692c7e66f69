//! Jira's rate limits, which are off until a test sets them.
//!
//! <https://developer.atlassian.com/cloud/jira/platform/rate-limiting/>

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::time::Duration;

use axum::http::{HeaderMap, HeaderName, HeaderValue, Method};
use time::OffsetDateTime;

/// Which limits apply. The default is none.
#[derive(Clone, Debug)]
pub struct RateLimits {
    /// The points of a window that all sites share.
    pub app_points: Option<u64>,
    /// The points of a window that each site has.
    pub site_points: Option<u64>,
    /// The length of a window. The first begins when the limits are set.
    pub window: Duration,
    /// Whether the quotas of points are enforced. If not, they are only announced, in headers that begin with `Beta-`.
    pub enforced: bool,
    /// Whether there are limits per second on each endpoint of a site, in percent of Jira's.
    pub burst_percent: Option<u32>,
    /// Whether there are limits on the writes to one issue.
    pub issue_writes: bool,
}

impl Default for RateLimits {
    fn default() -> Self {
        Self {
            app_points: None,
            site_points: None,
            window: Duration::from_secs(60 * 60),
            enforced: true,
            burst_percent: None,
            issue_writes: false,
        }
    }
}

impl RateLimits {
    fn is_off(&self) -> bool {
        self.app_points.is_none()
            && self.site_points.is_none()
            && self.burst_percent.is_none()
            && !self.issue_writes
    }
}

/// The maximum number of writes to one issue, and in how many seconds.
const ISSUE_WRITES: [(usize, i64); 2] = [(20, 2), (100, 30)];

/// A request as the limits see it.
pub(crate) struct Metered {
    /// The site's cloud id.
    pub(crate) site: String,
    pub(crate) method: Method,
    /// The path below the site, with placeholders.
    pub(crate) endpoint: String,
    /// The id of the issue that is written to.
    pub(crate) written_issue: Option<u64>,
}

/// A limit that a request exceeds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Exceeded {
    /// As in `RateLimit-Reason`.
    pub(crate) reason: &'static str,
    /// In whole seconds.
    pub(crate) retry_after: u64,
}

struct Bucket {
    tokens: f64,
    at: OffsetDateTime,
}

/// What has been used of the limits.
pub(crate) struct Limiter {
    limits: RateLimits,
    window_begins: OffsetDateTime,
    /// Points by site.
    spent: BTreeMap<String, u64>,
    buckets: HashMap<String, Bucket>,
    /// The times of writes, by site and issue.
    writes: HashMap<(String, u64), VecDeque<OffsetDateTime>>,
}

impl Default for Limiter {
    fn default() -> Self {
        Self::new(RateLimits::default(), OffsetDateTime::UNIX_EPOCH)
    }
}

impl Limiter {
    /// Starts a window.
    pub(crate) fn new(limits: RateLimits, now: OffsetDateTime) -> Self {
        Self {
            limits,
            window_begins: now,
            spent: BTreeMap::new(),
            buckets: HashMap::new(),
            writes: HashMap::new(),
        }
    }

    pub(crate) fn is_off(&self) -> bool {
        self.limits.is_off()
    }

    /// Begins another window.
    pub(crate) fn reset(&mut self, now: OffsetDateTime) {
        *self = Self::new(self.limits.clone(), now);
    }

    /// The points spent in this window, by site.
    pub(crate) fn spent(&self) -> &BTreeMap<String, u64> {
        &self.spent
    }

    /// Counts a request against all limits but the quotas, whose price is known afterwards.
    pub(crate) fn admit(&mut self, request: &Metered, now: OffsetDateTime) -> Result<(), Exceeded> {
        if now >= self.window_begins + self.limits.window {
            self.window_begins = now;
            self.spent.clear();
        }
        let quotas = [
            ("jira-quota-global-based", self.app_left()),
            ("jira-quota-tenant-based", self.site_left(&request.site)),
        ];
        for (reason, left) in quotas {
            if self.limits.enforced && left == Some(0) {
                return Err(Exceeded { reason, retry_after: self.resets_in(now) });
            }
        }
        self.take_token(request, now)?;
        self.count_write(request, now)
    }

    /// Spends the points of a request that was admitted.
    pub(crate) fn charge(&mut self, site: &str, points: u64) {
        *self.spent.entry(site.to_owned()).or_default() += points;
    }

    fn app_left(&self) -> Option<u64> {
        Some(self.limits.app_points?.saturating_sub(self.spent.values().sum()))
    }

    fn site_left(&self, site: &str) -> Option<u64> {
        Some(self.limits.site_points?.saturating_sub(self.spent.get(site).copied().unwrap_or_default()))
    }

    fn resets_in(&self, now: OffsetDateTime) -> u64 {
        whole_seconds(self.window_begins + self.limits.window - now)
    }

    /// A bucket for each endpoint and method of a site, which refills continuously.
    fn take_token(&mut self, request: &Metered, now: OffsetDateTime) -> Result<(), Exceeded> {
        let Some(percent) = self.limits.burst_percent else { return Ok(()) };
        let rate = (f64::from(requests_per_second(request)) * f64::from(percent) / 100.0).max(1.0);
        let name = format!("{} {} {}", request.site, request.method, request.endpoint);
        let bucket = self.buckets.entry(name).or_insert(Bucket { tokens: rate, at: now });
        let passed = (now - bucket.at).as_seconds_f64().max(0.0);
        *bucket = Bucket { tokens: (bucket.tokens + passed * rate).min(rate), at: now };
        if bucket.tokens < 1.0 {
            return Err(Exceeded { reason: "jira-burst-based", retry_after: 1 });
        }
        bucket.tokens -= 1.0;
        Ok(())
    }

    fn count_write(&mut self, request: &Metered, now: OffsetDateTime) -> Result<(), Exceeded> {
        let Some(issue) = request.written_issue.filter(|_| self.limits.issue_writes) else { return Ok(()) };
        let writes = self.writes.entry((request.site.clone(), issue)).or_default();
        for (most, seconds) in ISSUE_WRITES {
            // The oldest of as many as are allowed must have left the window.
            let oldest = writes.len().checked_sub(most).map(|place| writes[place]);
            let free =
                oldest.map(|oldest| oldest + time::Duration::seconds(seconds)).filter(|free| *free > now);
            if let Some(free) = free {
                return Err(Exceeded {
                    reason: "jira-per-issue-on-write",
                    retry_after: whole_seconds(free - now),
                });
            }
        }
        writes.push_back(now);
        if writes.len() > ISSUE_WRITES[1].0 {
            writes.pop_front();
        }
        Ok(())
    }

    /// The headers of every response. The names and values are those that were observed:
    /// <https://community.developer.atlassian.com/t/2026-point-based-rate-limits/97828?page=9>.
    pub(crate) fn announce(&self, request: &Metered, now: OffsetDateTime, headers: &mut HeaderMap) {
        let name = format!("{} {} {}", request.site, request.method, request.endpoint);
        if let Some(bucket) = self.buckets.get(&name) {
            set(headers, "x-ratelimit-limit", &requests_per_second(request).to_string());
            set(headers, "x-ratelimit-remaining", &bucket.tokens.floor().to_string());
        }
        let quotas = [
            ("global-app-quota", "jira-quota-global-based", self.limits.app_points, self.app_left()),
            (
                "tenant-app-quota",
                "jira-quota-tenant-based",
                self.limits.site_points,
                self.site_left(&request.site),
            ),
        ];
        let (mut policies, mut levels) = (Vec::new(), Vec::new());
        for (policy, reason, limit, left) in quotas {
            let (Some(limit), Some(left)) = (limit, left) else { continue };
            // Without the policy and with another time, as Jira does while it only announces.
            let is_wrong = !self.limits.enforced && left == 0;
            let resets_in = self.resets_in(now) + if is_wrong { 700 } else { 0 };
            if !is_wrong {
                policies.push(format!("\"{policy}\";q={limit};w={}", self.limits.window.as_secs()));
            }
            let is_near = left * 5 < limit;
            // Not counted out while it is far.
            let remaining = if is_near { format!(";r={left}") } else { String::new() };
            levels.push(format!("\"{policy}\"{remaining};t={resets_in}"));
            if is_near {
                let prefix = if self.limits.enforced { "x-" } else { "x-beta-" };
                set(headers, &format!("{prefix}ratelimit-nearlimit"), "true");
                if !self.limits.enforced {
                    set(headers, "x-beta-ratelimit-reason", reason);
                }
            }
        }
        let prefix = if self.limits.enforced { "" } else { "beta-" };
        for (name, values) in [("ratelimit-policy", policies), ("ratelimit", levels)] {
            if !values.is_empty() {
                set(headers, &format!("{prefix}{name}"), &values.join(", "));
            }
        }
    }
}

fn set(headers: &mut HeaderMap, name: &str, value: &str) {
    if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::from_str(value)) {
        headers.insert(name, value);
    }
}

fn whole_seconds(wait: time::Duration) -> u64 {
    wait.as_seconds_f64().ceil().max(1.0) as u64
}

fn requests_per_second(request: &Metered) -> u32 {
    match (request.method.as_str(), request.endpoint.as_str()) {
        ("GET", "/rest/api/3/attachment/content/{id}") => 300,
        ("GET", "/rest/api/3/issue/{issue}/changelog") => 200,
        ("GET", "/rest/api/3/issue/{issue}" | "/rest/api/3/user") => 150,
        ("POST", "/rest/api/3/search/approximate-count") => 150,
        ("PUT" | "DELETE", _) => 50,
        _ => 100,
    }
}
