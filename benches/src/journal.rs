//! Every round trip to an upstream, as observed by its link, and what follows from their order.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// The upstream of a round trip.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Upstream {
    /// The Upstash front.
    Redis,
    /// Postgres.
    Postgres,
    /// The Atlassian sandbox.
    Atlassian,
    /// The stand-in for Secrets Manager.
    Secrets,
}

/// A request and its response.
#[derive(Clone, Debug)]
pub(crate) struct Trip {
    pub(crate) upstream: Upstream,
    /// When the first byte of the request arrived.
    pub(crate) start: Instant,
    /// When the last byte of the response was sent.
    pub(crate) end: Instant,
    /// How long the link delayed the request.
    pub(crate) held: Duration,
    /// The number of Postgres statements; zero during login.
    pub(crate) statements: usize,
}

/// The round trips since it was last read.
#[derive(Debug, Default)]
pub(crate) struct Journal(Mutex<Entries>);

#[derive(Debug, Default)]
struct Entries {
    /// How many trips were removed before the first of these.
    taken: usize,
    trips: Vec<Trip>,
}

impl Journal {
    /// Records a trip whose response begins, and returns its number.
    pub(crate) fn begin(&self, trip: Trip) -> usize {
        let mut entries = self.entries();
        entries.trips.push(trip);
        entries.taken + entries.trips.len() - 1
    }

    /// Records that more of a trip's response was sent.
    pub(crate) fn extend(&self, number: usize) {
        let mut entries = self.entries();
        let index = number.checked_sub(entries.taken);
        if let Some(trip) = index.and_then(|index| entries.trips.get_mut(index)) {
            trip.end = Instant::now();
        }
    }

    /// Removes and returns the recorded trips.
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
    /// The number of requests to an upstream.
    pub(crate) fn requests(&self, upstream: Upstream) -> usize {
        self.0.iter().filter(|trip| trip.upstream == upstream).count()
    }

    /// The number of Postgres statements.
    pub(crate) fn statements(&self) -> usize {
        self.0.iter().map(|trip| trip.statements).sum()
    }

    /// The length of the longest chain of trips: a trip that starts after another has ended may depend on it.
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

    /// The maximum total delay by the links along a chain.
    pub(crate) fn injected(&self) -> Duration {
        self.longest(|trip| trip.held)
    }

    /// The maximum total time spent in links and upstreams along a chain.
    pub(crate) fn waited(&self) -> Duration {
        self.longest(|trip| trip.end.saturating_duration_since(trip.start))
    }

    /// The maximum weight of a set of trips that do not overlap.
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

    /// Trips from `(start, end)` in milliseconds, delayed for half of that time.
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
