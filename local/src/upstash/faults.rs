//! Faults to order, and counters, for tests and the benchmark.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// How every request is treated from now on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The connection is closed; nothing is run.
    Refuse,
    /// No answer ever comes; nothing is run.
    Hang,
    /// This HTTP status and an error; nothing is run.
    Status(u16),
    /// The commands are run, then the connection is closed without an answer.
    LoseAnswer,
}

/// Makes a front misbehave, and counts what it was asked.
#[derive(Debug, Default)]
pub struct Faults {
    fault: Mutex<Option<Fault>>,
    latency: Mutex<Duration>,
    requests: AtomicU64,
    commands: AtomicU64,
}

impl Faults {
    /// Treats every request from now on like this; `None` heals.
    pub fn set(&self, fault: Option<Fault>) {
        *self.fault.lock().unwrap_or_else(PoisonError::into_inner) = fault;
    }

    /// Delays every request from now on, before anything is done with it.
    pub fn set_latency(&self, latency: Duration) {
        *self.latency.lock().unwrap_or_else(PoisonError::into_inner) = latency;
    }

    /// How many HTTP requests there were, those that met a fault included.
    #[must_use]
    pub fn requests(&self) -> u64 {
        self.requests.load(Ordering::SeqCst)
    }

    /// How many commands were sent to Redis, MULTI and EXEC not included.
    #[must_use]
    pub fn commands(&self) -> u64 {
        self.commands.load(Ordering::SeqCst)
    }

    /// Counts a request, delays it, and says how to treat it.
    pub(super) async fn meet(&self) -> Option<Fault> {
        self.requests.fetch_add(1, Ordering::SeqCst);
        let latency = *self.latency.lock().unwrap_or_else(PoisonError::into_inner);
        if !latency.is_zero() {
            tokio::time::sleep(latency).await;
        }
        *self.fault.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn count_commands(&self, commands: usize) {
        self.commands.fetch_add(commands as u64, Ordering::SeqCst);
    }
}
