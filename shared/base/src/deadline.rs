//! Time as a budget: each invocation has a deadline, and whoever waits asks how much is left.

use std::future::Future;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

tokio::task_local! {
    static DEADLINE: Instant;
}

/// What is kept back for writing the answer and the log.
const RESERVE: Duration = Duration::from_millis(400);

/// Runs a future under a deadline that [`remaining`] reports to everything it calls.
pub async fn scope<F: Future>(deadline: Instant, future: F) -> F::Output {
    DEADLINE.scope(deadline, future).await
}

/// The moment by which an invocation must have answered, from Lambda's own deadline in milliseconds since
/// the Unix epoch (`Lambda-Runtime-Deadline-Ms`).
///
/// <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html>
pub fn from_lambda(deadline_ms: u64) -> Instant {
    let now_ms = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis() as u64;
    let left = Duration::from_millis(deadline_ms.saturating_sub(now_ms)).saturating_sub(RESERVE);
    Instant::now() + left
}

/// What is left of the current invocation; a minute outside of one, as in a migration run by hand.
pub fn remaining() -> Duration {
    DEADLINE
        .try_with(|deadline| deadline.saturating_duration_since(Instant::now()))
        .unwrap_or(Duration::from_secs(60))
}

/// The smaller of a limit and what is left.
pub fn at_most(limit: Duration) -> Duration {
    limit.min(remaining())
}
