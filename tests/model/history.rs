//! The history of one external id, ordered by a logical clock.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

/// Ticks at the start and end of each operation. An operation came after another if it started after the other had
/// ended.
#[derive(Debug, Default)]
pub(crate) struct Clock(AtomicU64);

impl Clock {
    pub(crate) fn tick(&self) -> u64 {
        self.0.fetch_add(1, Ordering::SeqCst)
    }
}

/// The model's view of a connection.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Connection {
    /// The sandbox's token family for the consent.
    pub(crate) family: usize,
    /// The cloud id.
    pub(crate) site: String,
    pub(crate) project: Option<String>,
    pub(crate) is_invalid: bool,
}

/// Where an answer comes from. A write reaches the row first and the cache a moment later, so each view is checked
/// against the writes separately.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum View {
    /// Postgres.
    Row,
    /// The cache, with Postgres behind it.
    Session,
}

/// What an operation wrote or read.
#[derive(Clone, Debug)]
pub(crate) enum Event {
    Connect { family: usize, site: String },
    Select { project: String },
    Disconnect,
    Read { view: View, seen: Seen },
}

/// What an answer says about the connection.
#[derive(Clone, Debug)]
pub(crate) enum Seen {
    /// There is no connection.
    Nothing,
    /// There is one. Fields are `None` if the answer does not include them.
    Connection {
        family: Option<usize>,
        site: Option<String>,
        project: Option<Option<String>>,
        is_invalid: Option<bool>,
    },
}

impl Seen {
    /// A valid connection; nothing else is known.
    pub(crate) fn valid() -> Self {
        Self::Connection { family: None, site: None, project: None, is_invalid: Some(false) }
    }

    /// A connection that the provider has rejected.
    pub(crate) fn invalid() -> Self {
        Self::Connection { family: None, site: None, project: None, is_invalid: Some(true) }
    }
}

/// One operation.
#[derive(Clone, Debug)]
pub(crate) struct Record {
    pub(crate) worker: usize,
    pub(crate) began: u64,
    /// `None` if the outcome is unknown: the operation may take effect at any later time.
    pub(crate) ended: Option<u64>,
    pub(crate) event: Event,
}

impl Record {
    pub(crate) fn end(&self) -> u64 {
        self.ended.unwrap_or(u64::MAX)
    }
}

impl fmt::Display for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let end = self.ended.map_or("?".to_owned(), |end| end.to_string());
        write!(f, "{:>7} … {end:<7} worker {:<2} {:?}", self.began, self.worker, self.event)
    }
}

/// The events of one external id since the last check.
#[derive(Debug, Default)]
pub(crate) struct History {
    records: Mutex<Vec<Record>>,
    /// Other events, to help with reading a failure: revocations, rejections, faults.
    notes: Mutex<Vec<(u64, String)>>,
    /// Token families revoked by their owner, and when. Never cleared.
    revoked: Mutex<BTreeMap<usize, u64>>,
}

fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

impl History {
    pub(crate) fn add(&self, record: Record) {
        locked(&self.records).push(record);
    }

    pub(crate) fn note(&self, at: u64, what: String) {
        locked(&self.notes).push((at, what));
    }

    pub(crate) fn revoke(&self, families: impl IntoIterator<Item = usize>, at: u64) {
        let mut revoked = locked(&self.revoked);
        for family in families {
            revoked.entry(family).or_insert(at);
        }
    }

    /// When the revocation of a family started.
    pub(crate) fn revoked_at(&self, family: usize) -> Option<u64> {
        locked(&self.revoked).get(&family).copied()
    }

    pub(crate) fn records(&self) -> Vec<Record> {
        locked(&self.records).clone()
    }

    pub(crate) fn clear(&self) {
        locked(&self.records).clear();
        locked(&self.notes).clear();
    }
}

impl fmt::Display for History {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut lines: Vec<(u64, String)> =
            locked(&self.records).iter().map(|record| (record.began, record.to_string())).collect();
        lines.extend(locked(&self.notes).iter().map(|(at, note)| (*at, format!("{at:>7}           {note}"))));
        lines.sort();
        lines.iter().try_for_each(|(_, line)| writeln!(f, "  {line}"))
    }
}
