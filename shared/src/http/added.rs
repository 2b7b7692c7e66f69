//! Headers that belong to the answer of a request whatever it will be, an error included.

use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};

use http::{HeaderMap, HeaderName, HeaderValue};

use super::Response;

tokio::task_local! {
    static ADDED: Arc<Added>;
}

/// The headers of one request's answer.
#[derive(Default)]
pub(super) struct Added(Mutex<HeaderMap>);

impl Added {
    /// Runs a future whose [`add_header`] goes here. What it spawns adds nothing.
    pub(super) async fn scope<F: Future>(self: Arc<Self>, future: F) -> F::Output {
        ADDED.scope(self, future).await
    }

    /// Puts them on the answer.
    pub(super) fn apply(&self, response: &mut Response) {
        let headers = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        response.headers_mut().extend(headers);
    }
}

/// Adds a header to the answer of the current request, in place of one of this name that was added before.
pub(crate) fn add_header(name: HeaderName, value: HeaderValue) {
    // Outside of a request there is no answer.
    let _ =
        ADDED.try_with(|added| added.0.lock().unwrap_or_else(PoisonError::into_inner).insert(name, value));
}
