//! Headers and warnings that are added to a request's response, whether it succeeds or fails.

use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};

use http::{HeaderMap, HeaderName, HeaderValue};

use super::Response;

tokio::task_local! {
    static ADDED: Arc<Added>;
}

/// What is added to the response of one request, besides what its handler returns.
#[derive(Default)]
pub(super) struct Added {
    headers: Mutex<HeaderMap>,
    warnings: Mutex<Vec<String>>,
}

impl Added {
    /// Runs a future whose [`add_header`] and [`set_warnings`] calls are collected here. Tasks it spawns are not
    /// included.
    pub(super) async fn scope<F: Future>(self: Arc<Self>, future: F) -> F::Output {
        ADDED.scope(self, future).await
    }

    /// Adds the collected headers to the response.
    pub(super) fn apply(&self, response: &mut Response) {
        let headers = self.headers.lock().unwrap_or_else(PoisonError::into_inner).clone();
        response.headers_mut().extend(headers);
    }
}

/// Adds a header to the response of the current request, replacing an earlier one of the same name.
pub fn add_header(name: HeaderName, value: HeaderValue) {
    // Outside a request there is no response.
    let _ = ADDED
        .try_with(|added| added.headers.lock().unwrap_or_else(PoisonError::into_inner).insert(name, value));
}

/// Sets the `warnings` field of the current request's JSON response, which may be an error, replacing earlier
/// warnings.
pub(super) fn set_warnings(warnings: Vec<String>) {
    let _ = ADDED.try_with(|added| *added.warnings.lock().unwrap_or_else(PoisonError::into_inner) = warnings);
}

/// Returns the warnings set by [`set_warnings`].
pub(super) fn warnings() -> Vec<String> {
    ADDED
        .try_with(|added| added.warnings.lock().unwrap_or_else(PoisonError::into_inner).clone())
        .unwrap_or_default()
}
