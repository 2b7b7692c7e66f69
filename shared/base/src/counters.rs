//! What a request did, counted while it runs.
//!
//! Adapters say `count(Count::RedisRequests)` where they send; whoever runs the request reads the sum at its end.
//! A count is one relaxed addition to an atomic of the request's own; outside of a request it goes nowhere.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use serde::Serialize;

tokio::task_local! {
    static TALLY: Arc<Tally>;
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

/// What is counted. The order is that of [`Count::ALL`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Count {
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

impl Count {
    /// Everything that is counted.
    pub const ALL: [Self; 13] = [
        Self::RedisRequests,
        Self::PostgresStatements,
        Self::JiraRequests,
        Self::TokenRequests,
        Self::Refreshes,
        Self::RefreshesWaitedFor,
        Self::RefreshesRejected,
        Self::RefreshesFailed,
        Self::ConnectionsInvalidated,
        Self::JiraRateLimited,
        Self::JiraQuotaExhausted,
        Self::IdleConnectionsDue,
        Self::IdleConnectionsOldestDays,
    ];

    /// The name of the field and of the metric.
    pub const fn name(self) -> &'static str {
        match self {
            Self::RedisRequests => "redis_requests",
            Self::PostgresStatements => "postgres_statements",
            Self::JiraRequests => "jira_requests",
            Self::TokenRequests => "token_requests",
            Self::Refreshes => "refreshes",
            Self::RefreshesWaitedFor => "refreshes_waited_for",
            Self::RefreshesRejected => "refreshes_rejected",
            Self::RefreshesFailed => "refreshes_failed",
            Self::ConnectionsInvalidated => "connections_invalidated",
            Self::JiraRateLimited => "jira_rate_limited",
            Self::JiraQuotaExhausted => "jira_quota_exhausted",
            Self::IdleConnectionsDue => "idle_connections_due",
            Self::IdleConnectionsOldestDays => "idle_connections_oldest_days",
        }
    }

    /// Whether a zero is worth a field: of a round trip it is, of an event it is not.
    pub const fn is_round_trip(self) -> bool {
        matches!(
            self,
            Self::RedisRequests | Self::PostgresStatements | Self::JiraRequests | Self::TokenRequests
        )
    }
}

/// The counts of one request, and whose they are.
#[derive(Debug, Default)]
pub struct Tally {
    identity: Identity,
    counts: [AtomicU32; Count::ALL.len()],
}

impl Tally {
    /// Nothing yet, for this request.
    pub fn new(identity: Identity) -> Self {
        Self { identity, ..Self::default() }
    }

    /// Whose counts these are.
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// How often something was counted.
    pub fn of(&self, count: Count) -> u32 {
        self.counts[count as usize].load(Ordering::Relaxed)
    }
}

/// Runs a future whose counts go to `tally`, and whose log lines carry its identity. What it spawns counts nowhere.
pub async fn scope<F: Future>(tally: Arc<Tally>, future: F) -> F::Output {
    TALLY.scope(tally, future).await
}

/// Counts one more for the current request.
pub fn count(count: Count) {
    // Outside of a request there is nobody to tell.
    let _ = TALLY.try_with(|tally| tally.counts[count as usize].fetch_add(1, Ordering::Relaxed));
}

/// Records what was read off and not counted one by one.
pub fn record(count: Count, value: u32) {
    let _ = TALLY.try_with(|tally| tally.counts[count as usize].store(value, Ordering::Relaxed));
}

/// Tells of the current request, if there is one.
pub fn with_identity<T>(tell: impl FnOnce(&Identity) -> T) -> Option<T> {
    TALLY.try_with(|tally| tell(&tally.identity)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn each_request_has_counts_of_its_own() {
        count(Count::RedisRequests);
        let (one, other) = (Arc::new(Tally::default()), Arc::new(Tally::default()));
        let twice = async {
            count(Count::RedisRequests);
            tokio::task::yield_now().await;
            count(Count::RedisRequests);
        };
        let once = async { count(Count::Refreshes) };
        tokio::join!(scope(Arc::clone(&one), twice), scope(Arc::clone(&other), once));
        assert_eq!((one.of(Count::RedisRequests), one.of(Count::Refreshes)), (2, 0));
        assert_eq!((other.of(Count::RedisRequests), other.of(Count::Refreshes)), (0, 1));
    }

    #[test]
    fn every_count_has_its_own_place() {
        for (place, count) in Count::ALL.into_iter().enumerate() {
            assert_eq!(count as usize, place, "{count:?}");
        }
    }
}
