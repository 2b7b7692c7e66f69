//! Counters for what a request does.
//!
//! Adapters call `count(Counter::RedisRequests)` where they send; the runner reads the totals when the request ends.
//! A count is one relaxed atomic addition, on an atomic that belongs to the request. Outside a request, counts are
//! dropped.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use serde::Serialize;
use strum::EnumCount as _;

tokio::task_local! {
    static METRICS: Arc<RequestMetrics>;
}

/// What correlates the log lines of one request.
#[derive(Debug, Default, Serialize)]
pub struct Identity {
    /// Lambda's request id, which the caller also gets.
    #[serde(rename = "request_id")]
    pub request: String,
    /// API Gateway's request id, as in its access log.
    #[serde(rename = "gateway_request_id")]
    pub gateway: String,
    /// The function's name.
    pub function: String,
    /// The route, `GET /path`.
    pub route: String,
}

/// What is counted. A counter's name in snake case is its log field and its metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq, strum::EnumCount, strum::IntoStaticStr, strum::VariantArray)]
#[strum(serialize_all = "snake_case")]
pub enum Counter {
    /// Requests to Redis; a pipeline counts once.
    RedisRequests,
    /// Statements sent to Postgres, including `begin` and `commit`.
    PostgresStatements,
    /// Requests to Atlassian's API, including retries.
    JiraRequests,
    /// Requests to Atlassian's token endpoint, including retries.
    TokenRequests,
    /// Refresh tokens that were exchanged and committed.
    Refreshes,
    /// Requests that waited for a refresh by another request.
    RefreshesWaitedFor,
    /// Refresh tokens that the provider rejected.
    RefreshesRejected,
    /// Failed refreshes that say nothing about the connection: an outage, or our own wrong client secret.
    RefreshesFailed,
    /// Connections newly marked invalid, which need a new consent.
    ConnectionsInvalidated,
    /// Temporary rate limits: 429 responses from Jira that clear soon.
    JiraRateLimited,
    /// Exhausted quotas: 429 responses from Jira that clear only at the next full hour.
    JiraQuotaExhausted,
    /// Calls to Jira that were not made, because a limit is known to be reached, or what is left of a quota is kept for
    /// writes.
    JiraCallsWithheld,
    /// Attempts to read the secret behind the settings that failed.
    SecretUnreadable,
    /// Versions of the secret that were read and contain a malformed or missing setting.
    SettingsRejected,
    /// Idle connections still due for a refresh after a run.
    IdleConnectionsDue,
    /// Days since the longest-idle of those connections was last used.
    IdleConnectionsOldestDays,
}

impl Counter {
    /// All counters.
    pub const ALL: &[Self] = <Self as strum::VariantArray>::VARIANTS;

    /// Returns the name of the log field and metric.
    pub fn name(self) -> &'static str {
        self.into()
    }

    /// Whether this counts round trips. Round trips are logged even when zero, events only when they happened.
    pub fn is_round_trip(self) -> bool {
        matches!(
            self,
            Self::RedisRequests | Self::PostgresStatements | Self::JiraRequests | Self::TokenRequests
        )
    }
}

/// The counts of one request, and the request they belong to.
#[derive(Debug, Default)]
pub struct RequestMetrics {
    identity: Identity,
    counts: [AtomicU32; Counter::COUNT],
}

impl RequestMetrics {
    /// Starts a request with all counts at zero.
    pub fn new(identity: Identity) -> Self {
        Self { identity, ..Self::default() }
    }

    /// Returns the request that these counts belong to.
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// Returns the current value of a counter.
    pub fn of(&self, counter: Counter) -> u32 {
        self.counts[counter as usize].load(Ordering::Relaxed)
    }
}

/// Runs a future with its counts going to `metrics` and its log lines carrying that identity. Tasks it spawns are not
/// counted.
pub async fn scope<F: Future>(metrics: Arc<RequestMetrics>, future: F) -> F::Output {
    METRICS.scope(metrics, future).await
}

/// Adds one to a counter of the current request.
pub fn count(counter: Counter) {
    // Outside a request there is nothing to count for.
    let _ = METRICS.try_with(|metrics| metrics.counts[counter as usize].fetch_add(1, Ordering::Relaxed));
}

/// Sets a counter to a value that was measured rather than counted.
pub fn record(counter: Counter, value: u32) {
    let _ = METRICS.try_with(|metrics| metrics.counts[counter as usize].store(value, Ordering::Relaxed));
}

/// Calls `tell` with the identity of the current request, if there is one.
pub fn with_identity<T>(tell: impl FnOnce(&Identity) -> T) -> Option<T> {
    METRICS.try_with(|metrics| tell(&metrics.identity)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn each_request_has_its_own_counts() {
        count(Counter::RedisRequests);
        let (one, other) = (Arc::new(RequestMetrics::default()), Arc::new(RequestMetrics::default()));
        let twice = async {
            count(Counter::RedisRequests);
            tokio::task::yield_now().await;
            count(Counter::RedisRequests);
        };
        let once = async { count(Counter::Refreshes) };
        tokio::join!(scope(Arc::clone(&one), twice), scope(Arc::clone(&other), once));
        assert_eq!((one.of(Counter::RedisRequests), one.of(Counter::Refreshes)), (2, 0));
        assert_eq!((other.of(Counter::RedisRequests), other.of(Counter::Refreshes)), (0, 1));
    }
}
