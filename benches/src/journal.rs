//! Every round trip to an upstream, as its link saw it, and what follows from their order.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Whom a round trip went to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Upstream {
    /// The Upstash front.
    Redis,
    /// Postgres.
    Postgres,
    /// The sandbox of Atlassian.
    Atlassian,
    /// The stand-in of Secrets Manager.
    Secrets,
}

/// One request and its answer.
#[derive(Clone, Debug)]
pub(crate) struct Trip {
    pub(crate) upstream: Upstream,
    /// When the request's first byte came.
    pub(crate) start: Instant,
    /// When the answer's last byte went out.
    pub(crate) end: Instant,
    /// How long the link held the request back.
    pub(crate) held: Duration,
    /// Statements of Postgres; zero while logging in.
    pub(crate) statements: usize,
}

/// The round trips since it was read last.
#[derive(Debug, Default)]
pub(crate) struct Journal(Mutex<Entries>);

#[derive(Debug, Default)]
struct Entries {
    /// How many trips were taken out before the first of these.
    taken: usize,
    trips: Vec<Trip>,
}

impl Journal {
    /// Notes a trip whose answer begins, and gives its number.
    pub(crate) fn begin(&self, trip: Trip) -> usize {
        let mut entries = self.entries();
        entries.trips.push(trip);
        entries.taken + entries.trips.len() - 1
    }

    /// Notes that more of a trip's answer went out.
    pub(crate) fn extend(&self, number: usize) {
        let mut entries = self.entries();
        let index = number.checked_sub(entries.taken);
        if let Some(trip) = index.and_then(|index| entries.trips.get_mut(index)) {
            trip.end = Instant::now();
        }
    }

    /// Takes out what was noted.
    pub(crate) fn take(&self) -> Trips {
        let mut entries = self.entries();
        let trips = std::mem::take(&mut entries.trips);
        entries.taken += trips.len();
        Trips(trips)
    }

    fn entries(&self) -> MutexGuard<'_, Entries> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The round trips of one invocation.
#[derive(Debug)]
pub(crate) struct Trips(Vec<Trip>);

impl Trips {
    /// How many requests an upstream got.
    pub(crate) fn requests(&self, upstream: Upstream) -> usize {
        self.0.iter().filter(|trip| trip.upstream == upstream).count()
    }

    /// How many statements Postgres got.
    pub(crate) fn statements(&self) -> usize {
        self.0.iter().map(|trip| trip.statements).sum()
    }

    /// The most round trips, one after the other: a trip that begins after another one's end may depend on it.
    pub(crate) fn chain(&self) -> usize {
        let mut trips: Vec<&Trip> = self.0.iter().collect();
        trips.sort_by_key(|trip| trip.end);
        let mut length = 0;
        let mut free_from = None;
        for trip in trips {
            if free_from.is_none_or(|end| trip.start >= end) {
                length += 1;
                free_from = Some(trip.end);
            }
        }
        length
    }

    /// The longest that the links held requests back, one after the other.
    pub(crate) fn injected(&self) -> Duration {
        self.longest(|trip| trip.held)
    }

    /// The longest that the links and the upstreams behind them took, one after the other.
    pub(crate) fn waited(&self) -> Duration {
        self.longest(|trip| trip.end.saturating_duration_since(trip.start))
    }

    /// The heaviest set of trips of which no two overlap.
    fn longest(&self, weight: impl Fn(&Trip) -> Duration) -> Duration {
        let mut trips: Vec<&Trip> = self.0.iter().collect();
        trips.sort_by_key(|trip| trip.end);
        // best[n]: over the first n trips.
        let mut best = vec![Duration::ZERO];
        for (index, trip) in trips.iter().enumerate() {
            let before = trips.partition_point(|other| other.end <= trip.start).min(index);
            let with = best.get(before).copied().unwrap_or_default() + weight(trip);
            let without = best.last().copied().unwrap_or_default();
            best.push(with.max(without));
        }
        best.pop().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Trips from `(start, end)` in milliseconds, held for half of their time.
    fn trips(spans: &[(u64, u64)]) -> Trips {
        let origin = Instant::now();
        let at = |millis| origin + Duration::from_millis(millis);
        let trip = |&(start, end)| Trip {
            upstream: Upstream::Redis,
            start: at(start),
            end: at(end),
            held: (at(end) - at(start)) / 2,
            statements: 0,
        };
        Trips(spans.iter().map(trip).collect())
    }

    #[test]
    fn trips_side_by_side_are_one_link_of_the_chain() {
        let trips = trips(&[(0, 10), (12, 30), (12, 20), (14, 22), (31, 40)]);
        assert_eq!(trips.chain(), 3);
        assert_eq!(trips.waited(), Duration::from_millis(10 + 18 + 9));
        assert_eq!(trips.injected(), Duration::from_micros(18_500));
    }

    #[test]
    fn a_long_trip_beside_two_short_ones_weighs_more() {
        let trips = trips(&[(0, 10), (0, 40), (12, 20)]);
        assert_eq!(trips.chain(), 2);
        assert_eq!(trips.waited(), Duration::from_millis(40));
    }

    #[test]
    fn a_journal_forgets_what_was_taken_out() {
        let journal = Journal::default();
        let old = journal.begin(trips(&[(0, 1)]).0.remove(0));
        assert_eq!(journal.take().chain(), 1);
        let new = journal.begin(trips(&[(0, 1)]).0.remove(0));
        journal.extend(old);
        assert_ne!(old, new);
        assert_eq!(journal.take().requests(Upstream::Redis), 1);
        assert_eq!(journal.take().chain(), 0);
    }
}
