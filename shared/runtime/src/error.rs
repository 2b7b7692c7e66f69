//! The runtime's own errors, and the trait of errors that can be sent as a response.

use std::borrow::Cow;
use std::fmt;

use http::StatusCode;
use serde_json::Value;

/// Why the runtime rejects a request or fails to process it.
#[derive(Debug, thiserror::Error)]
pub enum RequestError {
    /// The request is malformed; the message says what to change.
    #[error("{0}")]
    Malformed(Cow<'static, str>),
    /// A part of the request is too large: 413 for the body, 414 for the URL, 431 for the headers. The message says
    /// which.
    #[error("{1}")]
    TooLarge(StatusCode, Cow<'static, str>),
    /// The response exceeds Lambda's size limit.
    #[error("the answer is larger than Lambda lets through")]
    AnswerTooLarge,
    /// The settings could not be loaded or are incomplete; nothing was done. Contains the reason, for the log.
    #[error("{0}")]
    NotConfigured(String),
    /// The handler did not finish in time.
    #[error("the handler did not end in time")]
    TimedOut,
    /// A bug, with what is known about it, for the log.
    #[error("{0}")]
    Internal(String),
}

impl RequestError {
    pub(crate) fn malformed(sentence: impl Into<Cow<'static, str>>) -> Self {
        Self::Malformed(sentence.into())
    }

    /// 400 `Missing code`, for required fields that a struct cannot express.
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

/// An error that can be sent as a response.
pub trait ErrorAnswer: From<RequestError> + Send + Sync + 'static {
    /// The HTTP status.
    fn status(&self) -> StatusCode;

    /// The machine-readable code, for the log.
    fn code(&self) -> &'static str;

    /// The message, for the log.
    fn message(&self) -> &str;

    /// The cause, for the log only.
    fn cause(&self) -> Option<String>;

    /// The JSON body of the response.
    fn body(&self, request_id: &str) -> Value;

    /// Seconds after which the caller may retry.
    fn retry_after_seconds(&self) -> Option<u64>;

    /// Whether an outdated setting could be the reason: an unknown key, or a store or provider that rejects our
    /// credentials.
    fn may_be_outdated(&self) -> bool;

    /// Whether nothing was done, so the request can safely be run again.
    fn nothing_was_done(&self) -> bool;

    /// Whether this is expected in spite of its 5xx status.
    fn is_no_fault(&self) -> bool;
}
