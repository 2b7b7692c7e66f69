//! Linearizability (Herlihy and Wing, <https://doi.org/10.1145/78969.78972>): is there an order of a history's
//! operations, each taking effect between its start and its end, that explains every answer? Uses Wing and Gong's
//! search.

use std::collections::HashSet;

use super::history::{Connection, Event, Record, Seen, View};

/// The search gives up after this many states.
const MOST_STATES: usize = 500_000;

pub(crate) type State = Option<Connection>;

/// The state after an operation; `None` if the operation is impossible in this state. `revoked_at` returns when the
/// revocation of a family started.
fn apply(state: &State, record: &Record, revoked_at: &dyn Fn(usize) -> Option<u64>) -> Option<State> {
    match (&record.event, state) {
        (Event::Connect { family, site }, before) => {
            // A project stays selected only if the site stays the same.
            let project = before.as_ref().filter(|before| before.site == *site);
            let project = project.and_then(|before| before.project.clone());
            Some(Some(Connection { family: *family, site: site.clone(), project, is_invalid: false }))
        }
        (Event::Select { project }, Some(before)) => {
            Some(Some(Connection { project: Some(project.clone()), ..before.clone() }))
        }
        (Event::Disconnect, Some(_)) => Some(None),
        (Event::Select { .. } | Event::Disconnect, None) => None,
        (Event::Read { seen: Seen::Nothing, .. }, state) => state.is_none().then_some(None),
        (Event::Read { seen: Seen::Connection { family, site, project, is_invalid }, .. }, Some(now)) => {
            let fits = family.is_none_or(|family| family == now.family)
                && site.as_ref().is_none_or(|site| *site == now.site)
                && project.as_ref().is_none_or(|project| *project == now.project);
            // The history does not record when a connection becomes invalid. That is only possible after a revocation,
            // and the connection stays invalid.
            let is_invalid = is_invalid.unwrap_or(now.is_invalid);
            let was_revoked = || revoked_at(now.family).is_some_and(|at| at < record.end());
            let allowed = if is_invalid { now.is_invalid || was_revoked() } else { !now.is_invalid };
            (fits && allowed).then(|| Some(Connection { is_invalid, ..now.clone() }))
        }
        (Event::Read { seen: Seen::Connection { .. }, .. }, None) => None,
    }
}

/// Searches for an order of the writes and of one view's reads, starting from a known state. The error shows how far
/// the best attempt got.
pub(crate) fn check(
    records: &[Record],
    view: View,
    initial: &State,
    revoked_at: &dyn Fn(usize) -> Option<u64>,
) -> Result<(), String> {
    let concerns = |record: &&Record| match &record.event {
        Event::Read { view: read, .. } => *read == view,
        _ => true,
    };
    let mut records: Vec<&Record> = records.iter().filter(concerns).collect();
    records.sort_by_key(|record| record.began);
    let mut search = Search { records, revoked_at, seen: HashSet::new(), best: (0, String::new()) };
    let none = vec![false; search.records.len()];
    match search.go(none, initial.clone()) {
        Ok(true) => Ok(()),
        Ok(false) => Err(format!("{view:?}: no order explains the answers; {}", search.best.1)),
        Err(TooMany) => {
            Err(format!("{view:?}: no order was found among {MOST_STATES} states; {}", search.best.1))
        }
    }
}

struct TooMany;

struct Search<'a> {
    /// Sorted by start.
    records: Vec<&'a Record>,
    revoked_at: &'a dyn Fn(usize) -> Option<u64>,
    seen: HashSet<(Vec<bool>, State)>,
    best: (usize, String),
}

impl Search<'_> {
    fn go(&mut self, done: Vec<bool>, state: State) -> Result<bool, TooMany> {
        let mut stack = vec![(done, state)];
        while let Some((mut done, state)) = stack.pop() {
            let candidates = self.settle(&mut done, &state);
            let is_over = |(index, record): (usize, &&Record)| done[index] || record.ended.is_none();
            if self.records.iter().enumerate().all(is_over) {
                return Ok(true);
            }
            if !self.seen.insert((done.clone(), state.clone())) {
                continue;
            }
            if self.seen.len() > MOST_STATES {
                return Err(TooMany);
            }
            self.remember(&done, &state, &candidates);
            // Operations with a known outcome are tried first, so they are pushed last.
            let (sure, unsure): (Vec<usize>, Vec<usize>) =
                candidates.into_iter().rev().partition(|index| self.records[*index].ended.is_some());
            for index in unsure.into_iter().chain(sure) {
                if let Some(next) = apply(&state, self.records[index], self.revoked_at) {
                    let mut done = done.clone();
                    done[index] = true;
                    stack.push((done, next));
                }
            }
        }
        Ok(false)
    }

    /// Applies every read that fits the state, which is always safe because reads change nothing. Returns the remaining
    /// candidates.
    fn settle(&self, done: &mut [bool], state: &State) -> Vec<usize> {
        loop {
            let open = |index: &usize| !done[*index];
            let bound = (0..done.len()).filter(open).map(|index| self.records[index].end()).min();
            let bound = bound.unwrap_or(u64::MAX);
            let first: Vec<usize> = (0..done.len())
                .take_while(|index| self.records[*index].began <= bound)
                .filter(open)
                .collect();
            let is_free = |index: &&usize| {
                let record = self.records[**index];
                matches!(record.event, Event::Read { .. })
                    && apply(state, record, self.revoked_at).as_ref() == Some(state)
            };
            let free: Vec<usize> = first.iter().filter(is_free).copied().collect();
            if free.is_empty() {
                return first;
            }
            free.into_iter().for_each(|index| done[index] = true);
        }
    }

    fn remember(&mut self, done: &[bool], state: &State, candidates: &[usize]) {
        let count = done.iter().filter(|done| **done).count();
        if count >= self.best.0 {
            let next: Vec<String> =
                candidates.iter().map(|index| format!("\n    {}", self.records[*index])).collect();
            let text =
                format!("after {count} of {}, with {state:?}, next was one of{}", done.len(), next.concat());
            self.best = (count, text);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(began: u64, ended: u64, event: Event) -> Record {
        Record { worker: 0, began, ended: (ended > 0).then_some(ended), event }
    }

    fn connect(family: usize, site: &str) -> Event {
        Event::Connect { family, site: site.to_owned() }
    }

    fn select(project: &str) -> Event {
        Event::Select { project: project.to_owned() }
    }

    fn saw(family: usize, project: Option<&str>, is_invalid: bool) -> Event {
        let project = Some(project.map(str::to_owned));
        let seen =
            Seen::Connection { family: Some(family), site: None, project, is_invalid: Some(is_invalid) };
        Event::Read { view: View::Row, seen }
    }

    fn nothing() -> Event {
        Event::Read { view: View::Row, seen: Seen::Nothing }
    }

    fn holds(records: &[Record]) -> bool {
        check(records, View::Row, &None, &|family| (family == 9).then_some(50)).is_ok()
    }

    #[test]
    fn an_order_is_found_where_there_is_one() {
        assert!(holds(&[]));
        let overlapping = [
            record(1, 10, connect(1, "a")),
            record(2, 9, connect(2, "a")),
            record(3, 4, nothing()),
            record(5, 6, saw(2, None, false)),
            record(7, 8, saw(1, None, false)),
            record(11, 12, saw(1, None, false)),
        ];
        assert!(holds(&overlapping));
        let kept = [
            record(1, 2, connect(1, "a")),
            record(3, 4, select("p")),
            record(5, 6, connect(2, "a")),
            record(7, 8, saw(2, Some("p"), false)),
            record(9, 10, connect(3, "b")),
            record(11, 12, saw(3, None, false)),
        ];
        assert!(holds(&kept));
    }

    #[test]
    fn impossible_histories_are_reported() {
        let base = [record(1, 2, connect(1, "a")), record(3, 4, connect(2, "a"))];
        for wrong in [saw(1, None, false), saw(2, Some("p"), false), nothing(), saw(2, None, true)] {
            let mut records = base.to_vec();
            records.push(record(5, 6, wrong.clone()));
            assert!(!holds(&records), "{wrong:?}");
        }
        // Concurrent reads may differ, but a later read must not return an older state.
        let back = [
            record(1, 2, connect(1, "a")),
            record(3, 10, connect(2, "a")),
            record(4, 5, saw(2, None, false)),
            record(6, 7, saw(1, None, false)),
        ];
        assert!(!holds(&back));
    }

    #[test]
    fn an_unknown_outcome_may_have_happened_or_not() {
        let base = [record(1, 2, connect(1, "a")), record(3, 0, connect(2, "a"))];
        for family in [1, 2] {
            let mut records = base.to_vec();
            records.push(record(5, 6, saw(family, None, false)));
            assert!(holds(&records));
            records.push(record(7, 8, saw(2, None, false)));
            assert!(holds(&records));
            records.push(record(9, 10, saw(1, None, false)));
            assert!(!holds(&records));
        }
    }

    #[test]
    fn after_a_disconnection_there_is_nothing() {
        let mut records = vec![record(1, 2, connect(1, "a")), record(3, 4, Event::Disconnect)];
        records.push(record(5, 6, nothing()));
        assert!(holds(&records));
        records.push(record(7, 8, saw(1, None, false)));
        assert!(!holds(&records));
    }

    #[test]
    fn only_revoked_connections_are_invalid_and_they_stay_so() {
        let mut records = vec![record(1, 2, connect(9, "a")), record(3, 4, saw(9, None, true))];
        assert!(!holds(&records), "before it was revoked");
        records[1] = record(60, 61, saw(9, None, true));
        assert!(holds(&records));
        records.push(record(62, 63, saw(9, None, false)));
        assert!(!holds(&records), "it came back to life");
        records.insert(2, record(62, 63, connect(9, "a")));
        assert!(holds(&records), "connected anew");
    }
}
