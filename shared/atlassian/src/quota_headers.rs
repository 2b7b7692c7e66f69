//! What the headers of Jira's answers say about the app's hourly quotas.
//!
//! <https://developer.atlassian.com/cloud/jira/platform/rate-limiting/>

use std::time::{Duration, SystemTime};

use base::wait::until_the_hour;
use http::HeaderMap;

/// The points of a quota for which Jira sends no `RateLimit-Policy`: the smallest that it gives an app.
const SMALLEST_LIMIT: u64 = 65_000;

/// Length of a quota's window.
pub(crate) const WINDOW: Duration = Duration::from_secs(60 * 60);

/// A quota of points an hour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Quota {
    /// Of the app, shared by all sites.
    App,
    /// Of the app on one site.
    Site,
}

/// A limit because of which a call is not made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit {
    /// Nothing is left of a quota.
    Exhausted(Quota),
    /// Little is left of a quota, and kept for writes.
    KeptForWrites(Quota),
    /// Too many calls of one endpoint of a site.
    Endpoint,
    /// Too many writes to one issue.
    Issue,
}

/// How much of a quota is left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QuotaLevel {
    /// The quota.
    pub quota: Quota,
    /// The points left; `None` if there are plenty, which Jira does not count out.
    pub remaining: Option<u64>,
    /// The points of a whole window.
    pub limit: u64,
    /// When the next window begins; an hour at most.
    pub resets_in: Duration,
}

impl QuotaLevel {
    /// Reads `RateLimit` and `RateLimit-Policy`, leniently: what cannot be read is left out.
    ///
    /// The same headers with the prefix `Beta-` are about a limit that Jira does not enforce yet. They are ignored,
    /// because a call that Jira would answer is not to be refused. So is `X-RateLimit-NearLimit`: it does not say which
    /// limit is near.
    pub fn read(headers: &HeaderMap, now: SystemTime) -> Vec<Self> {
        let limits: Vec<(Quota, Option<u64>)> =
            items(headers, "ratelimit-policy").map(|item| (item.quota, item.number("q"))).collect();
        items(headers, "ratelimit")
            .map(|item| {
                let limit =
                    limits.iter().find(|(quota, _)| *quota == item.quota).and_then(|(_, limit)| *limit);
                let remaining = item.number("r");
                let resets_in = item.number("t").map_or_else(|| until_the_hour(now), Duration::from_secs);
                // With nothing left, the time has been wrong by minutes, but quotas reset at the full hour
                // (<https://community.developer.atlassian.com/t/2026-point-based-rate-limits/97828?page=9>).
                let at_most = if remaining == Some(0) { until_the_hour(now) } else { WINDOW };
                Self {
                    quota: item.quota,
                    remaining,
                    limit: limit.filter(|limit| *limit > 0).unwrap_or(SMALLEST_LIMIT),
                    resets_in: resets_in.min(at_most),
                }
            })
            .collect()
    }

    /// Whether less than these percent of the quota are left.
    pub fn is_below(&self, percent: u64) -> bool {
        let part = u128::from(self.limit) * u128::from(percent);
        self.remaining.is_some_and(|remaining| u128::from(remaining) * 100 < part)
    }
}

/// A quota in a list of policies: `"global-app-quota";r=17842;t=2107`.
struct Item<'a> {
    quota: Quota,
    parameters: &'a str,
}

impl Item<'_> {
    fn number(&self, name: &str) -> Option<u64> {
        let mut parameters = self.parameters.split(';').filter_map(|parameter| parameter.split_once('='));
        let (_, value) = parameters.find(|(known, _)| known.trim().eq_ignore_ascii_case(name))?;
        value.trim().trim_matches('"').parse().ok()
    }
}

fn items<'a>(headers: &'a HeaderMap, name: &str) -> impl Iterator<Item = Item<'a>> {
    let lines = headers.get_all(name).into_iter().filter_map(|line| line.to_str().ok());
    lines.flat_map(|line| line.split(',')).filter_map(|item| {
        let (name, parameters) = item.split_once(';').unwrap_or((item, ""));
        let quota = match name.trim().trim_matches('"') {
            "global-app-quota" => Quota::App,
            "tenant-app-quota" => Quota::Site,
            _ => return None,
        };
        Some(Item { quota, parameters })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-11-27T06:53:20Z.
    fn now() -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_762_400)
    }

    fn read(lines: &[(&'static str, &'static str)]) -> Vec<(Quota, Option<u64>, u64, u64)> {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, value.parse().unwrap());
        }
        let levels = QuotaLevel::read(&headers, now()).into_iter();
        levels.map(|level| (level.quota, level.remaining, level.limit, level.resets_in.as_secs())).collect()
    }

    #[test]
    fn quotas_are_read_in_any_arrangement() {
        let policy = ("ratelimit-policy", r#""global-app-quota";q=100000;w=3600"#);
        let (app, site) = (Quota::App, Quota::Site);
        for (lines, levels) in [
            (
                vec![policy, ("ratelimit", r#""global-app-quota";r=17;t=210"#)],
                vec![(app, Some(17), 100_000, 210)],
            ),
            (vec![policy, ("ratelimit", r#""global-app-quota""#)], vec![(app, None, 100_000, 400)]),
            (vec![policy, ("ratelimit", r#""global-app-quota";t=60"#)], vec![(app, None, 100_000, 60)]),
            (vec![("ratelimit", "tenant-app-quota ; R = 5 ; T = 9")], vec![(site, Some(5), 65_000, 9)]),
            (
                vec![policy, ("ratelimit", r#""jira-burst-based";r=1;t=1, "tenant-app-quota";r=5;t=9"#)],
                vec![(site, Some(5), 65_000, 9)],
            ),
            (
                vec![
                    ("ratelimit", r#""tenant-app-quota";r=5;t=9"#),
                    ("ratelimit", r#""global-app-quota";t=9;r=6"#),
                ],
                vec![(site, Some(5), 65_000, 9), (app, Some(6), 65_000, 9)],
            ),
            (vec![policy], vec![]),
            (vec![("beta-ratelimit", r#""global-app-quota";r=0;t=2788"#)], vec![]),
            (vec![("ratelimit", "")], vec![]),
            (vec![("ratelimit", ";;,=,\"\"")], vec![]),
            (vec![("ratelimit", r#""global-app-quota";r=-1;t=soon"#)], vec![(app, None, 65_000, 400)]),
            (
                vec![
                    ("ratelimit-policy", r#""global-app-quota";q=0"#),
                    ("ratelimit", "global-app-quota;r=1"),
                ],
                vec![(app, Some(1), 65_000, 400)],
            ),
        ] {
            assert_eq!(read(&lines), levels, "{lines:?}");
        }
    }

    #[test]
    fn a_window_ends_within_an_hour_and_an_exhausted_one_at_the_full_hour() {
        let ends = |value| read(&[("ratelimit", value)])[0].3;
        assert_eq!(ends("global-app-quota;r=1;t=999999999999"), 3600);
        assert_eq!(ends("global-app-quota;r=1;t=900"), 900);
        assert_eq!(ends("global-app-quota;r=0;t=900"), 400);
        assert_eq!(ends("global-app-quota;r=0;t=30"), 30);
    }

    #[test]
    fn a_quota_is_below_a_part_of_its_limit() {
        let is_below = |percent, remaining, limit| {
            QuotaLevel { quota: Quota::App, remaining, limit, resets_in: WINDOW }.is_below(percent)
        };
        for (remaining, limit) in [(6_499, 65_000), (0, 65_000), (0, 1), (0, u64::MAX)] {
            assert!(is_below(10, Some(remaining), limit), "{remaining} of {limit}");
            assert!(!is_below(0, Some(remaining), limit), "nothing is below nothing");
        }
        assert!(!is_below(10, Some(6_500), 65_000) && !is_below(10, Some(u64::MAX), u64::MAX));
        assert!(is_below(11, Some(6_500), 65_000) && !is_below(90, None, 65_000));
    }
}
