//! Fault injection and counters, for tests and the benchmark.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// A fault that applies to every request until it is cleared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Closes the connection; nothing is run.
    Refuse,
    /// Never responds; nothing is run.
    Hang,
    /// Responds with this HTTP status and an error; nothing is run.
    Status(u16),
    /// Runs the commands, then closes the connection without a response.
    LoseAnswer,
}

/// Injects faults into a front, and counts its requests and commands.
#[derive(Debug, Default)]
pub struct Faults {
    fault: Mutex<Option<Fault>>,
    latency: Mutex<Duration>,
    requests: AtomicU64,
    commands: AtomicU64,
}

impl Faults {
    /// Applies a fault to every request from now on; `None` clears it.
    pub fn set(&self, fault: Option<Fault>) {
        *self.fault.lock().unwrap_or_else(PoisonError::into_inner) = fault;
    }

    /// Delays the handling of every request from now on.
    pub fn set_latency(&self, latency: Duration) {
        *self.latency.lock().unwrap_or_else(PoisonError::into_inner) = latency;
    }

    /// How many HTTP requests were received, including those that met a fault.
    #[must_use]
    pub fn requests(&self) -> u64 {
        self.requests.load(Ordering::SeqCst)
    }

    /// How many commands were sent to Redis, not counting MULTI and EXEC.
    #[must_use]
    pub fn commands(&self) -> u64 {
        self.commands.load(Ordering::SeqCst)
    }

    /// Counts and delays a request, and returns the fault to apply.
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
