//! Time budgets: each invocation has a deadline, and every wait is bounded by the time left.

use std::future::Future;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

tokio::task_local! {
    static DEADLINE: Instant;
}

/// Time reserved for writing the response and the log line.
const RESERVE: Duration = Duration::from_millis(400);

/// Runs a future under a deadline, which [`remaining`] reports to everything it calls.
pub async fn scope<F: Future>(deadline: Instant, future: F) -> F::Output {
    DEADLINE.scope(deadline, future).await
}

/// Converts Lambda's deadline, in milliseconds since the Unix epoch (`Lambda-Runtime-Deadline-Ms`), into the time by
/// which an invocation must have responded.
///
/// <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html>
pub fn from_lambda(deadline_ms: u64) -> Instant {
    let now_ms = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis() as u64;
    let left = Duration::from_millis(deadline_ms.saturating_sub(now_ms)).saturating_sub(RESERVE);
    Instant::now() + left
}

/// Returns the time left in the current invocation; one minute outside an invocation, as in a manual migration run.
pub fn remaining() -> Duration {
    DEADLINE
        .try_with(|deadline| deadline.saturating_duration_since(Instant::now()))
        .unwrap_or(Duration::from_secs(60))
}

/// Returns `limit` or the time left, whichever is shorter.
pub fn at_most(limit: Duration) -> Duration {
    limit.min(remaining())
}
