//! What an instance knows of Jira's rate limits, from the answers it got. A call that Jira would refuse is not made.
//!
//! - An exhausted quota holds back every call of the app or of the site until it resets. Instances tell each other.
//! - A quota of which little is left holds back the calls of requests that only read; the rest is for writes
//!   (`JIRA_QUOTA_FOR_WRITES`).
//! - A burst holds back the calls of that endpoint on that site; too many writes to an issue, the writes to that issue.
//!   They pass within seconds, so a call waits if it has the time.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use base::config::{FromSettings, Settings, SettingsError};
use base::counters::{Counter, count};
use base::deadline;
use futures_util::future::BoxFuture;
use http::{HeaderMap, Method};

use crate::ids::IssueRef;
use crate::quota_headers::{Limit, Quota, QuotaLevel, WINDOW};
use crate::response::JiraErrorResponse;

/// How long a temporary limit is remembered at most. Jira's windows are of 30 seconds and less.
const MAX_PAUSE: Duration = Duration::from_secs(60);

/// The default of `JIRA_QUOTA_FOR_WRITES`, in percent. Each instance of a function learns that less is left with its own
/// next answer: a tenth of the smallest quota pays for 300 such reads of 20 issues, and then for writes.
const KEPT_FOR_WRITES: u64 = 10;

/// Why a call was not made, and how long to wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Withheld {
    /// The limit.
    pub limit: Limit,
    /// The time until it resets.
    pub wait: Duration,
}

impl fmt::Display for Withheld {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let limit = match self.limit {
            Limit::Exhausted(Quota::App) => "the app's quota is exhausted",
            Limit::Exhausted(Quota::Site) => "the site's quota is exhausted",
            Limit::KeptForWrites(Quota::App) => "what is left of the app's quota is kept for writes",
            Limit::KeptForWrites(Quota::Site) => "what is left of the site's quota is kept for writes",
            Limit::Endpoint => "too many calls of the endpoint",
            Limit::Issue => "too many writes to the issue",
        };
        write!(formatter, "no call to Jira for {} s: {limit}", self.wait.as_secs_f64().ceil())
    }
}

/// When the quotas reset that other instances have found exhausted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ExhaustedQuotas {
    /// The app's.
    pub app: Option<SystemTime>,
    /// That of the site.
    pub site: Option<SystemTime>,
}

/// Tells the other instances of a deployment about an exhausted quota.
pub trait QuotaNotices: Send + Sync {
    /// Tells that a quota is exhausted until then. `site` is the cloud id of the site whose call found out. Best effort:
    /// the answer to the caller does not depend on it.
    fn tell<'a>(&'a self, quota: Quota, site: &'a str, until: SystemTime) -> BoxFuture<'a, ()>;
}

/// What a call is about to use.
pub(crate) struct Target<'a> {
    /// The site's cloud id.
    pub(crate) site: &'a str,
    pub(crate) method: &'a Method,
    /// The path below the site. Calls outside a site have none, and no limit that is known.
    pub(crate) path: &'a [&'a str],
    /// Whether the request that the call belongs to only reads.
    pub(crate) is_reading: bool,
    /// What other instances have found.
    pub(crate) exhausted: ExhaustedQuotas,
}

/// What is held back.
#[derive(PartialEq, Eq, Hash)]
enum Held {
    App,
    Site(String),
    ReadsOfApp,
    ReadsOfSite(String),
    Endpoint(String),
    Issue(String),
}

impl Target<'_> {
    fn quota(&self, quota: Quota) -> Held {
        match quota {
            Quota::App => Held::App,
            Quota::Site => Held::Site(self.site.to_owned()),
        }
    }

    fn reads(&self, quota: Quota) -> Held {
        match quota {
            Quota::App => Held::ReadsOfApp,
            Quota::Site => Held::ReadsOfSite(self.site.to_owned()),
        }
    }

    /// The endpoint: method and path without what varies. It counts per site.
    fn endpoint(&self) -> Held {
        let mut name = format!("{} {}", self.site, self.method);
        for (place, segment) in self.path.iter().enumerate() {
            // After the version of the API, a segment with a digit is an id.
            let varies = place > 2 && segment.contains(|c: char| c.is_ascii_digit());
            name.push('/');
            name.push_str(if varies { "{id}" } else { segment });
        }
        Held::Endpoint(name)
    }

    /// The issue that the call writes to, as the call names it.
    fn issue(&self) -> Option<Held> {
        if self.method == Method::GET {
            return None;
        }
        let mut path = self.path.iter().skip_while(|segment| !["issue", "request"].contains(segment)).skip(1);
        let name = path.next().filter(|name| name.contains(|c: char| c.is_ascii_digit()))?;
        let issue = IssueRef::parse(name).ok()?;
        Some(Held::Issue(format!("{} {}", self.site, issue.as_str().to_ascii_uppercase())))
    }

    /// When each limit of the call resets, if it is known to be reached: the limits that last come first.
    fn limits<'a>(&'a self, memory: &'a Memory) -> impl Iterator<Item = (Limit, SystemTime)> + 'a {
        let quotas = [(Quota::App, self.exhausted.app), (Quota::Site, self.exhausted.site)];
        let exhausted = quotas
            .into_iter()
            .map(|(quota, told)| (Limit::Exhausted(quota), memory.until(&self.quota(quota)).max(told)));
        let low = [Quota::App, Quota::Site].into_iter().filter(|_| self.is_reading);
        let low = low.map(|quota| (Limit::KeptForWrites(quota), memory.until(&self.reads(quota))));
        let issue = self.issue().map(|issue| (Limit::Issue, memory.until(&issue)));
        exhausted
            .chain(low)
            .chain([(Limit::Endpoint, memory.until(&self.endpoint()))])
            .chain(issue)
            .filter_map(|(limit, until)| Some((limit, until?)))
    }
}

/// The limits that were reached, and when they reset.
#[derive(Default)]
struct Memory(HashMap<Held, SystemTime>);

impl Memory {
    fn until(&self, held: &Held) -> Option<SystemTime> {
        self.0.get(held).copied()
    }

    /// Holds something back. Returns whether it was not held back before.
    fn hold(&mut self, held: Held, now: SystemTime, wait: Duration) -> bool {
        self.0.retain(|_, until| *until > now);
        let is_new = !self.0.contains_key(&held);
        self.0.insert(held, now + wait);
        is_new
    }
}

/// The memory of an instance, which its requests share. Setting: `JIRA_QUOTA_FOR_WRITES`.
pub(crate) struct Budget {
    memory: Mutex<Memory>,
    /// The part of a quota that is kept for writes, in percent.
    kept_for_writes: u64,
}

impl FromSettings for Budget {
    fn from_settings(settings: &Settings) -> Result<Self, SettingsError> {
        let name = "JIRA_QUOTA_FOR_WRITES";
        let percent = settings.optional(name).map_or(Some(KEPT_FOR_WRITES), |text| text.parse().ok());
        let kept_for_writes = percent.filter(|percent| *percent <= 90).ok_or_else(|| {
            SettingsError::Invalid { name, reason: "must be a whole number from 0 to 90".to_owned() }
        })?;
        Ok(Self { memory: Mutex::default(), kept_for_writes })
    }
}

impl Budget {
    /// Returns when a call may be made; temporary limits are waited for as long as the deadline allows.
    ///
    /// # Errors
    /// If Jira is known to refuse the call, or if it is a read and what is left of a quota is kept for writes.
    pub(crate) async fn admit(&self, target: &Target<'_>) -> Result<(), Withheld> {
        while let Some(withheld) = self.check(target, SystemTime::now()) {
            let passes = matches!(withheld.limit, Limit::Endpoint | Limit::Issue);
            if !passes || withheld.wait >= deadline::remaining() {
                count(Counter::JiraCallsWithheld);
                return Err(withheld);
            }
            tokio::time::sleep(withheld.wait).await;
        }
        Ok(())
    }

    fn check(&self, target: &Target<'_>, now: SystemTime) -> Option<Withheld> {
        if target.path.is_empty() {
            return None;
        }
        let memory = self.memory();
        target.limits(&memory).find_map(|(limit, until)| {
            let wait = until.duration_since(now).ok().filter(|wait| !wait.is_zero())?;
            // What another instance told is not trusted any further than Jira is.
            Some(Withheld { limit, wait: wait.min(WINDOW) })
        })
    }

    /// Learns from an answer, successful or not.
    pub(crate) fn learn(&self, target: &Target<'_>, headers: &HeaderMap, now: SystemTime) {
        for level in QuotaLevel::read(headers, now) {
            let reads = target.reads(level.quota);
            if level.is_below(self.kept_for_writes) {
                self.memory().hold(reads, now, level.resets_in);
            } else {
                self.memory().0.remove(&reads);
            }
        }
    }

    /// Learns from a 429. Returns the exhausted quota and when it resets, unless it was known.
    pub(crate) fn learn_refusal(
        &self,
        target: &Target<'_>,
        response: &JiraErrorResponse,
        now: SystemTime,
    ) -> Option<(Quota, SystemTime)> {
        let limit = response.limit().filter(|_| !target.path.is_empty())?;
        let wait = response.retry_after().unwrap_or(Duration::from_secs(2));
        let (held, longest) = match limit {
            Limit::Exhausted(quota) => (Some(target.quota(quota)), WINDOW),
            Limit::Issue => (target.issue(), MAX_PAUSE),
            Limit::Endpoint | Limit::KeptForWrites(_) => (Some(target.endpoint()), MAX_PAUSE),
        };
        let wait = wait.min(longest);
        let is_new = self.memory().hold(held?, now, wait);
        match limit {
            Limit::Exhausted(quota) if is_new => Some((quota, now + wait)),
            _ => None,
        }
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        // A map of times is usable whatever happened to another thread.
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use http::StatusCode;

    use super::*;

    const NOW: SystemTime = SystemTime::UNIX_EPOCH;
    const ISSUE: &[&str] = &["rest", "api", "3", "issue", "SHIP-1"];
    const SEARCH: &[&str] = &["rest", "api", "3", "search", "jql"];

    fn budget(kept_for_writes: &str) -> Budget {
        let pair = ("JIRA_QUOTA_FOR_WRITES".to_owned(), kept_for_writes.to_owned());
        Budget::from_settings(&Settings::from_pairs([pair])).unwrap()
    }

    fn target<'a>(site: &'a str, method: &'a Method, path: &'a [&'a str]) -> Target<'a> {
        Target { site, method, path, is_reading: false, exhausted: ExhaustedQuotas::default() }
    }

    fn reading<'a>(site: &'a str) -> Target<'a> {
        Target { is_reading: true, ..target(site, &Method::GET, ISSUE) }
    }

    fn at(seconds: u64) -> SystemTime {
        NOW + Duration::from_secs(seconds)
    }

    fn limited(reason: &str, seconds: u64) -> JiraErrorResponse {
        let mut headers = HeaderMap::new();
        headers.insert("ratelimit-reason", reason.parse().unwrap());
        headers.insert("retry-after", seconds.into());
        JiraErrorResponse::read(StatusCode::TOO_MANY_REQUESTS, &headers, b"")
    }

    fn limit_of(budget: &Budget, target: &Target<'_>, seconds: u64) -> Option<(Limit, u64)> {
        budget.check(target, at(seconds)).map(|withheld| (withheld.limit, withheld.wait.as_secs()))
    }

    #[test]
    fn an_exhausted_quota_holds_back_whoever_it_belongs_to() {
        for (reason, quota) in [
            ("jira-quota-global-based", Quota::App),
            ("jira-quota-tenant-based", Quota::Site),
            ("jira-quota-of-a-new-kind", Quota::Site),
        ] {
            let budget = budget("");
            let here = target("a", &Method::PUT, ISSUE);
            let told = budget.learn_refusal(&here, &limited(reason, 90), NOW);
            assert_eq!(told, Some((quota, at(90))), "{reason}");
            assert_eq!(budget.learn_refusal(&here, &limited(reason, 90), NOW), None, "told once");
            let expected = Some((Limit::Exhausted(quota), 80));
            assert_eq!(limit_of(&budget, &target("a", &Method::GET, SEARCH), 10), expected);
            let elsewhere = limit_of(&budget, &target("b", &Method::GET, SEARCH), 10);
            assert_eq!(elsewhere, expected.filter(|_| quota == Quota::App));
            assert_eq!(limit_of(&budget, &here, 90), None, "it resets");
        }
    }

    #[test]
    fn no_header_holds_an_app_back_for_longer_than_a_window() {
        let budget = budget("");
        let here = target("a", &Method::PUT, ISSUE);
        let told = budget.learn_refusal(&here, &limited("jira-quota-global-based", 1_000_000), NOW);
        assert_eq!(told, Some((Quota::App, NOW + WINDOW)));
        budget.learn_refusal(&here, &limited("jira-burst-based", 1_000_000), NOW);
        assert_eq!(limit_of(&budget, &here, 3600), None);
        let told = Target { exhausted: ExhaustedQuotas { app: None, site: Some(at(1_000_000)) }, ..here };
        assert_eq!(limit_of(&budget, &told, 3600), Some((Limit::Exhausted(Quota::Site), 3600)));
    }

    #[test]
    fn too_many_writes_hold_back_one_issue() {
        let budget = budget("");
        let comment = ["rest", "api", "3", "issue", "ship-1", "comment"];
        let other = ["rest", "api", "3", "issue", "SHIP-10"];
        let write = target("a", &Method::PUT, ISSUE);
        assert_eq!(budget.learn_refusal(&write, &limited("jira-per-issue-on-write", 5), NOW), None);
        let expected = Some((Limit::Issue, 4));
        assert_eq!(limit_of(&budget, &target("a", &Method::POST, &comment), 1), expected);
        assert_eq!(limit_of(&budget, &write, 5), None);
        for free in [
            target("a", &Method::GET, ISSUE),
            target("a", &Method::PUT, &other),
            target("b", &Method::PUT, ISSUE),
            target("a", &Method::POST, &["rest", "api", "3", "issue"]),
        ] {
            assert_eq!(limit_of(&budget, &free, 1), None, "{} {:?}", free.site, free.path);
        }
    }

    #[test]
    fn a_burst_holds_back_one_endpoint_of_one_site() {
        let budget = budget("");
        budget.learn_refusal(&target("a", &Method::GET, ISSUE), &limited("jira-burst-based", 5), NOW);
        let other = ["rest", "api", "3", "issue", "SHIP-2"];
        assert_eq!(limit_of(&budget, &target("a", &Method::GET, &other), 1), Some((Limit::Endpoint, 4)));
        for free in [
            target("a", &Method::PUT, ISSUE),
            target("a", &Method::GET, SEARCH),
            target("b", &Method::GET, ISSUE),
            target("a", &Method::GET, &[]),
        ] {
            assert_eq!(limit_of(&budget, &free, 1), None, "{} {:?}", free.site, free.path);
        }
    }

    #[test]
    fn reads_stop_before_writes() {
        let learn = |budget: &Budget, text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert("ratelimit", text.parse().unwrap());
            budget.learn(&reading("a"), &headers, NOW);
        };
        let budget = budget("");
        learn(&budget, "\"tenant-app-quota\";r=6000;t=60");
        let expected = Some((Limit::KeptForWrites(Quota::Site), 50));
        assert_eq!(limit_of(&budget, &reading("a"), 10), expected);
        assert_eq!(
            limit_of(&budget, &target("a", &Method::GET, ISSUE), 10),
            None,
            "a read that a write needs"
        );
        assert_eq!(limit_of(&budget, &reading("b"), 10), None);
        assert_eq!(limit_of(&budget, &reading("a"), 60), None);
        learn(&budget, "\"tenant-app-quota\"");
        assert_eq!(limit_of(&budget, &reading("a"), 10), None, "the last answer counts");
        learn(&budget, "\"global-app-quota\";r=0;t=60");
        assert_eq!(limit_of(&budget, &reading("b"), 10), Some((Limit::KeptForWrites(Quota::App), 50)));
        assert_eq!(limit_of(&budget, &target("b", &Method::PUT, ISSUE), 10), None);
    }

    #[test]
    fn how_much_is_kept_for_writes_is_a_setting() {
        for (kept, is_refused) in [("0", false), ("9", false), ("10", true), ("90", true)] {
            let budget = budget(kept);
            let mut headers = HeaderMap::new();
            headers.insert("ratelimit", "\"tenant-app-quota\";r=6000;t=60".parse().unwrap());
            budget.learn(&reading("a"), &headers, NOW);
            assert_eq!(limit_of(&budget, &reading("a"), 10).is_some(), is_refused, "{kept} %");
        }
        for wrong in ["91", "-1", "ten", "1.5", "10%"] {
            let pair = ("JIRA_QUOTA_FOR_WRITES".to_owned(), wrong.to_owned());
            assert!(Budget::from_settings(&Settings::from_pairs([pair])).is_err(), "{wrong}");
        }
    }

    #[tokio::test]
    async fn a_limit_that_passes_in_time_is_waited_for() {
        let (budget, write) = (budget(""), target("a", &Method::PUT, ISSUE));
        let begun = SystemTime::now();
        budget.memory().hold(write.endpoint(), begun, Duration::from_millis(20));
        budget.memory().hold(write.issue().unwrap(), begun, Duration::from_millis(40));
        assert_eq!(budget.admit(&write).await, Ok(()));
        assert!(begun.elapsed().unwrap() >= Duration::from_millis(40));
        budget.memory().hold(write.issue().unwrap(), SystemTime::now(), Duration::from_secs(90));
        assert_eq!(budget.admit(&write).await.map_err(|withheld| withheld.limit), Err(Limit::Issue));
        budget.memory().hold(write.quota(Quota::Site), SystemTime::now(), Duration::from_secs(1));
        let quota = budget.admit(&write).await.map_err(|withheld| withheld.limit);
        assert_eq!(quota, Err(Limit::Exhausted(Quota::Site)), "however short");
    }

    #[test]
    fn other_limits_are_not_remembered() {
        let budget = budget("");
        let here = target("a", &Method::PUT, ISSUE);
        for reason in ["", "jira-cost-based", "something"] {
            assert_eq!(budget.learn_refusal(&here, &limited(reason, 30), NOW), None);
            assert_eq!(limit_of(&budget, &here, 1), None, "{reason}");
        }
    }
}
