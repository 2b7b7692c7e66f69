//! What the runtime has against a request, and what an error must tell to answer one.

use std::borrow::Cow;
use std::fmt;

use http::StatusCode;
use serde_json::Value;

/// Why the runtime refuses a request or fails it.
#[derive(Debug, thiserror::Error)]
pub enum RequestError {
    /// The request is malformed; the sentence says what to change.
    #[error("{0}")]
    Malformed(Cow<'static, str>),
    /// A part of the request is larger than any legitimate one: 413, or 414 for the address and 431 for the headers. The
    /// sentence says which.
    #[error("{1}")]
    TooLarge(StatusCode, Cow<'static, str>),
    /// The answer is larger than Lambda lets through.
    #[error("the answer is larger than Lambda lets through")]
    AnswerTooLarge,
    /// The settings cannot be had, or lack something; nothing was done. With the reason, for the log.
    #[error("{0}")]
    NotConfigured(String),
    /// The handler did not end in time.
    #[error("the handler did not end in time")]
    TimedOut,
    /// A defect; with what is known of it, for the log.
    #[error("{0}")]
    Internal(String),
}

impl RequestError {
    pub(crate) fn malformed(sentence: impl Into<Cow<'static, str>>) -> Self {
        Self::Malformed(sentence.into())
    }

    /// What must be there and is not, for what the types of a struct cannot say: `Missing code`.
    pub fn missing(names: &str) -> Self {
        Self::Malformed(format!("Missing {names}").into())
    }

    pub(crate) fn too_large(sentence: impl Into<Cow<'static, str>>) -> Self {
        Self::TooLarge(StatusCode::PAYLOAD_TOO_LARGE, sentence.into())
    }

    pub(crate) fn internal(cause: impl fmt::Display) -> Self {
        Self::Internal(cause.to_string())
    }
}

/// An error that answers a request.
pub trait ErrorAnswer: From<RequestError> + Send + Sync + 'static {
    /// The HTTP status.
    fn status(&self) -> StatusCode;

    /// The machine-readable code, for the log.
    fn code(&self) -> &'static str;

    /// The sentence for the caller.
    fn message(&self) -> &str;

    /// What only the log is told.
    fn cause(&self) -> Option<String>;

    /// The JSON that the caller gets.
    fn body(&self, request_id: &str) -> Value;

    /// Whole seconds after which the caller may try again.
    fn retry_after_seconds(&self) -> Option<u64>;

    /// Whether it may come from a setting that has been replaced since it was read: a key that is not known yet, a store
    /// or a provider that refuses our credentials.
    fn may_be_outdated(&self) -> bool;

    /// Whether nothing was done, so that the request may be run once more.
    fn nothing_was_done(&self) -> bool;

    /// Whether nothing is wrong, in spite of a status of 5xx.
    fn is_no_fault(&self) -> bool;
}
