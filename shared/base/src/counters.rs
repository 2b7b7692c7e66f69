//! What a request did, counted while it runs.
//!
//! Adapters say `count(Counter::RedisRequests)` where they send; whoever runs the request reads the sum at its end.
//! A count is one relaxed addition to an atomic of the request's own; outside of a request it goes nowhere.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use serde::Serialize;
use strum::EnumCount as _;

tokio::task_local! {
    static METRICS: Arc<RequestMetrics>;
}

/// What ties the log lines of one request together.
#[derive(Debug, Default, Serialize)]
pub struct Identity {
    /// Lambda's id of the invocation, which the caller is told.
    #[serde(rename = "request_id")]
    pub request: String,
    /// API Gateway's id, as its access log has it.
    #[serde(rename = "gateway_request_id")]
    pub gateway: String,
    /// The function's name.
    pub function: String,
    /// The route, `GET /path`.
    pub route: String,
}

/// What is counted. The name of a counter, in snake case, is that of its field and of its metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq, strum::EnumCount, strum::IntoStaticStr, strum::VariantArray)]
#[strum(serialize_all = "snake_case")]
pub enum Counter {
    /// Requests to Redis; a pipeline is one.
    RedisRequests,
    /// Statements sent to Postgres, `begin` and `commit` included.
    PostgresStatements,
    /// Requests to Atlassian's API, repeated ones included.
    JiraRequests,
    /// Requests to Atlassian's token endpoint, repeated ones included.
    TokenRequests,
    /// Refresh tokens that were exchanged and committed.
    Refreshes,
    /// Requests that waited for another one's refresh.
    RefreshesWaitedFor,
    /// Refresh tokens that the provider rejected.
    RefreshesRejected,
    /// Refreshes that failed and say nothing about the connection: an outage, our own wrong client secret.
    RefreshesFailed,
    /// Connections that were newly marked: only a new consent helps.
    ConnectionsInvalidated,
    /// Answers 429 of Jira that pass by themselves.
    JiraRateLimited,
    /// Answers 429 of Jira that mean an exhausted quota, which comes back at the full hour.
    JiraQuotaExhausted,
    /// Idle connections that are due for a refresh after a run.
    IdleConnectionsDue,
    /// For how many days the longest idle of them was not used.
    IdleConnectionsOldestDays,
}

impl Counter {
    /// Every counter.
    pub const ALL: &[Self] = <Self as strum::VariantArray>::VARIANTS;

    /// The name of the field and of the metric.
    pub fn name(self) -> &'static str {
        self.into()
    }

    /// Whether a zero is worth a field: of a round trip it is, of an event it is not.
    pub fn is_round_trip(self) -> bool {
        matches!(
            self,
            Self::RedisRequests | Self::PostgresStatements | Self::JiraRequests | Self::TokenRequests
        )
    }
}

/// The counts of one request, and whose they are.
#[derive(Debug, Default)]
pub struct RequestMetrics {
    identity: Identity,
    counts: [AtomicU32; Counter::COUNT],
}

impl RequestMetrics {
    /// Nothing yet, for this request.
    pub fn new(identity: Identity) -> Self {
        Self { identity, ..Self::default() }
    }

    /// Whose counts these are.
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// How often something was counted.
    pub fn of(&self, counter: Counter) -> u32 {
        self.counts[counter as usize].load(Ordering::Relaxed)
    }
}

/// Runs a future whose counts go to `metrics`, and whose log lines carry its identity. What it spawns counts nowhere.
pub async fn scope<F: Future>(metrics: Arc<RequestMetrics>, future: F) -> F::Output {
    METRICS.scope(metrics, future).await
}

/// Counts one more for the current request.
pub fn count(counter: Counter) {
    // Outside of a request there is nobody to tell.
    let _ = METRICS.try_with(|metrics| metrics.counts[counter as usize].fetch_add(1, Ordering::Relaxed));
}

/// Records what was read off and not counted one by one.
pub fn record(counter: Counter, value: u32) {
    let _ = METRICS.try_with(|metrics| metrics.counts[counter as usize].store(value, Ordering::Relaxed));
}

/// Tells of the current request, if there is one.
pub fn with_identity<T>(tell: impl FnOnce(&Identity) -> T) -> Option<T> {
    METRICS.try_with(|metrics| tell(&metrics.identity)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn each_request_has_counts_of_its_own() {
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
