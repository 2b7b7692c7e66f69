//! The error of a function that responds with pages.

use http::StatusCode;
use runtime::ErrorAnswer;
use serde_json::Value;

use crate::error::Error;
use crate::provider::ProviderId;

/// An error and the provider that was being connected, if known, for the page that explains the error.
#[derive(Debug)]
pub struct PageError {
    error: Error,
    provider: Option<ProviderId>,
}

impl PageError {
    /// Wraps an error that occurred while this provider was being connected.
    pub fn of(provider: ProviderId, error: Error) -> Self {
        Self { error, provider: Some(provider) }
    }

    /// The error.
    pub fn error(&self) -> &Error {
        &self.error
    }

    /// The provider to name on the page; [`ProviderId::DEFAULT`] if it is not known.
    pub fn provider(&self) -> ProviderId {
        self.provider.unwrap_or(ProviderId::DEFAULT)
    }
}

impl<E: Into<Error>> From<E> for PageError {
    fn from(error: E) -> Self {
        Self { error: error.into(), provider: None }
    }
}

impl ErrorAnswer for PageError {
    fn status(&self) -> StatusCode {
        self.error.status()
    }

    fn code(&self) -> &'static str {
        ErrorAnswer::code(&self.error)
    }

    fn message(&self) -> &str {
        self.error.message()
    }

    fn cause(&self) -> Option<String> {
        self.error.cause()
    }

    fn body(&self, request_id: &str) -> Value {
        self.error.body(request_id)
    }

    fn retry_after_seconds(&self) -> Option<u64> {
        self.error.retry_after_seconds()
    }

    fn may_be_outdated(&self) -> bool {
        self.error.may_be_outdated()
    }

    fn nothing_was_done(&self) -> bool {
        self.error.nothing_was_done()
    }

    fn is_no_fault(&self) -> bool {
        self.error.is_no_fault()
    }
}
