//! Headers and warnings that belong to the answer of a request whatever it will be, an error included.

use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};

use http::{HeaderMap, HeaderName, HeaderValue};

use super::Response;

tokio::task_local! {
    static ADDED: Arc<Added>;
}

/// What one request's answer has besides what its handler says.
#[derive(Default)]
pub(super) struct Added {
    headers: Mutex<HeaderMap>,
    warnings: Mutex<Vec<String>>,
}

impl Added {
    /// Runs a future whose [`add_header`] and [`set_warnings`] go here. What it spawns adds nothing.
    pub(super) async fn scope<F: Future>(self: Arc<Self>, future: F) -> F::Output {
        ADDED.scope(self, future).await
    }

    /// Puts the headers on the answer.
    pub(super) fn apply(&self, response: &mut Response) {
        let headers = self.headers.lock().unwrap_or_else(PoisonError::into_inner).clone();
        response.headers_mut().extend(headers);
    }
}

/// Adds a header to the answer of the current request, in place of one of this name that was added before.
pub fn add_header(name: HeaderName, value: HeaderValue) {
    // Outside of a request there is no answer.
    let _ = ADDED
        .try_with(|added| added.headers.lock().unwrap_or_else(PoisonError::into_inner).insert(name, value));
}

/// Has the current request's JSON answer, which may be an error, say these sentences as `warnings`, in place of those
/// that were set before.
pub(super) fn set_warnings(warnings: Vec<String>) {
    let _ = ADDED.try_with(|added| *added.warnings.lock().unwrap_or_else(PoisonError::into_inner) = warnings);
}

/// What [`set_warnings`] has set.
pub(super) fn warnings() -> Vec<String> {
    ADDED
        .try_with(|added| added.warnings.lock().unwrap_or_else(PoisonError::into_inner).clone())
        .unwrap_or_default()
}
