//! Requests that create something, which may have an `Idempotency-Key`.

use std::time::Duration;

use super::store::IdempotencyStore;
use crate::error::{Error, ErrorCode};

/// When to repeat a request whose outcome is unknown.
const REPEAT_AFTER: Duration = Duration::from_secs(5);

/// How a request that creates something may be repeated: with an `Idempotency-Key` it has one effect and one response,
/// without one it creates something each time.
#[derive(Clone, Copy)]
pub struct Once<'a> {
    pub(crate) store: &'a IdempotencyStore,
    /// The header.
    pub(crate) key: Option<&'a str>,
    /// The digest of the request's content.
    pub(crate) request: &'a str,
    can_look_up: bool,
}

impl<'a> Once<'a> {
    /// For something that can be looked up in Jira after the connection was lost.
    pub fn new(store: &'a IdempotencyStore, key: Option<&'a str>, request: &'a str) -> Self {
        Self { store, key, request, can_look_up: true }
    }

    /// For something that nothing in Jira connects with its request. If its outcome is unknown, it stays unknown for
    /// this key, because sending the request again could create a second one.
    pub fn without_lookup(self) -> Self {
        Self { can_look_up: false, ..self }
    }

    /// Completes the error of a request whose outcome is unknown: the message says what to do about it. `failed` is the
    /// message of the endpoint, `thing` what it creates: `the ticket`.
    #[must_use]
    pub fn explain(&self, error: Error, failed: &str, thing: &str) -> Error {
        if error.code() != ErrorCode::OutcomeUnknown {
            return error;
        }
        let advice = match (self.key, self.can_look_up) {
            (Some(_), true) => {
                ". Repeat the request with the same Idempotency-Key: it will not be created twice."
            }
            (None, true) => {
                ". Look for it before you create it again; with an Idempotency-Key, creating it again would be safe."
            }
            (Some(_), false) => {
                ", and Juncture cannot find out. Look for it in Jira; to create it again, send a new Idempotency-Key."
            }
            (None, false) => ". Look for it before you create it again.",
        };
        let error =
            error.with_message(format!("{failed}: Jira did not confirm it, so {thing} may exist{advice}"));
        let is_repeatable = self.key.is_some() && self.can_look_up;
        if is_repeatable { error.retry_after(REPEAT_AFTER) } else { error }
    }

    /// Whether the outcome of an earlier request can be determined.
    pub(crate) fn can_look_up(&self) -> bool {
        self.can_look_up
    }
}
