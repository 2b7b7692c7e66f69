//! Collects requests that Atlassian would reject because of a bug in Juncture. The sandbox records them, and every test
//! fails if there were any, in it or before it.

use std::sync::{Mutex, PoisonError};

use sandbox::{Handle, Violation};

static VIOLATIONS: Mutex<Vec<Violation>> = Mutex::new(Vec::new());

/// Collects the violations of a sandbox.
pub(crate) fn watch(atlassian: &Handle) {
    atlassian.on_violation(|violation| {
        VIOLATIONS.lock().unwrap_or_else(PoisonError::into_inner).push(violation.clone());
    });
}

/// Fails if there was a violation since the last check.
pub(crate) fn check() -> Result<(), String> {
    let violations = std::mem::take(&mut *VIOLATIONS.lock().unwrap_or_else(PoisonError::into_inner));
    if violations.is_empty() { Ok(()) } else { Err(format!("Atlassian would refuse: {violations:#?}")) }
}
