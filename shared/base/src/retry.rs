//! Trying again, and waiting for others, within the invocation's time.
//!
//! What a server says of when to come back is the business of its client; see [`crate::wait`].

use std::time::Duration;

use crate::deadline;

/// Tries something a second time if it failed in a way that may pass and there is time left.
///
/// # Errors
/// That of the last attempt.
pub async fn twice<T, E, F: Future<Output = Result<T, E>>>(
    attempt: impl Fn() -> F,
    may_pass: impl FnOnce(&E) -> bool,
) -> Result<T, E> {
    match attempt().await {
        Err(error) if may_pass(&error) && !deadline::remaining().is_zero() => attempt().await,
        outcome => outcome,
    }
}

/// Pauses between looks at something that another is working on: each is half as long again as the one before.
pub struct Pauses {
    next: Duration,
    longest: Duration,
}

impl Pauses {
    /// Pauses that grow from the first to the longest.
    pub fn new(first: Duration, longest: Duration) -> Self {
        Self { next: first, longest }
    }

    /// Sleeps for the next pause.
    pub async fn sleep(&mut self) {
        tokio::time::sleep(self.next).await;
        self.next = (self.next * 3 / 2).min(self.longest);
    }

    /// As [`Self::sleep`], unless there would be hardly time for a look after it; tells whether there is.
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
    async fn only_what_may_pass_is_tried_again_and_once() {
        let (passes, left) = (Err("passes"), Duration::from_secs(10));
        assert_eq!(attempts([Ok(1), Ok(2), Ok(3)], left).await, (1, Ok(1)));
        assert_eq!(attempts([passes, Ok(2), Ok(3)], left).await, (2, Ok(2)));
        assert_eq!(attempts([passes, passes, Ok(3)], left).await, (2, passes));
        assert_eq!(attempts([Err("stays"), Ok(2), Ok(3)], left).await, (1, Err("stays")));
        assert_eq!(attempts([passes, Ok(2), Ok(3)], Duration::ZERO).await, (1, passes));
    }

    #[tokio::test]
    async fn pauses_grow_and_end_with_the_time() {
        let mut pauses = Pauses::new(Duration::from_micros(10), Duration::from_micros(20));
        for expected in [10, 15, 20, 20] {
            assert_eq!(pauses.next, Duration::from_micros(expected));
            pauses.sleep().await;
        }
        let mut pauses = Pauses::new(Duration::from_secs(60), Duration::from_secs(60));
        let limit = Instant::now() + Duration::from_secs(100);
        assert!(
            !deadline::scope(limit, pauses.sleep_in_time()).await,
            "there is no time for a look after it"
        );
    }
}
