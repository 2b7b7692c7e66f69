//! Retrying and polling within the invocation's deadline.
//!
//! When to retry according to a response's headers is up to the client that reads them; see [`crate::wait`].

use std::time::Duration;

use crate::deadline;

/// Retries an attempt once if its error may be transient and there is time left. Returns the last outcome.
pub async fn twice<T, E, F: Future<Output = Result<T, E>>>(
    attempt: impl Fn() -> F,
    may_pass: impl FnOnce(&E) -> bool,
) -> Result<T, E> {
    match attempt().await {
        Err(error) if may_pass(&error) && !deadline::remaining().is_zero() => attempt().await,
        outcome => outcome,
    }
}

/// Pauses for polling something another process is working on. Each pause is half as long again as the previous one.
pub struct Pauses {
    next: Duration,
    longest: Duration,
}

impl Pauses {
    /// Creates pauses that grow from `first` to at most `longest`.
    pub fn new(first: Duration, longest: Duration) -> Self {
        Self { next: first, longest }
    }

    /// Sleeps for the next pause.
    pub async fn sleep(&mut self) {
        tokio::time::sleep(self.next).await;
        self.next = (self.next * 3 / 2).min(self.longest);
    }

    /// Sleeps for the next pause if the deadline leaves time for another poll after it. Returns whether it did.
    pub async fn sleep_in_time(&mut self) -> bool {
        let is_time = deadline::remaining() >= self.next * 2;
        if is_time {
            self.sleep().await;
        }
        is_time
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::time::Instant;

    use super::*;

    async fn attempts(
        outcomes: [Result<u8, &'static str>; 3],
        left: Duration,
    ) -> (u32, Result<u8, &'static str>) {
        let count = Cell::new(0);
        let attempt = || {
            count.set(count.get() + 1);
            std::future::ready(outcomes[count.get() as usize - 1])
        };
        let work = twice(attempt, |error| *error == "passes");
        let outcome = deadline::scope(Instant::now() + left, work).await;
        (count.get(), outcome)
    }

    #[tokio::test]
    async fn only_transient_errors_are_retried_and_only_once() {
        let (passes, left) = (Err("passes"), Duration::from_secs(10));
        assert_eq!(attempts([Ok(1), Ok(2), Ok(3)], left).await, (1, Ok(1)));
        assert_eq!(attempts([passes, Ok(2), Ok(3)], left).await, (2, Ok(2)));
        assert_eq!(attempts([passes, passes, Ok(3)], left).await, (2, passes));
        assert_eq!(attempts([Err("stays"), Ok(2), Ok(3)], left).await, (1, Err("stays")));
        assert_eq!(attempts([passes, Ok(2), Ok(3)], Duration::ZERO).await, (1, passes));
    }

    #[tokio::test]
    async fn pauses_grow_and_stop_at_the_deadline() {
        let mut pauses = Pauses::new(Duration::from_micros(10), Duration::from_micros(20));
        for expected in [10, 15, 20, 20] {
            assert_eq!(pauses.next, Duration::from_micros(expected));
            pauses.sleep().await;
        }
        let mut pauses = Pauses::new(Duration::from_secs(60), Duration::from_secs(60));
        let limit = Instant::now() + Duration::from_secs(100);
        assert!(
            !deadline::scope(limit, pauses.sleep_in_time()).await,
            "there is no time left for another poll"
        );
    }
}
