//! Requests that Atlassian would refuse because of how Juncture is written. The sandbox records them, and at the end of
//! every test none may have been made, as none may have been by any test before.

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
