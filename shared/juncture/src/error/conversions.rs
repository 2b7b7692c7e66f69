//! Conversions from the errors of the lower crates, and the runtime's view of an error.

use ::http::StatusCode;
use runtime::{ErrorAnswer, RequestError};
use serde_json::Value;
use stores::postgres::PostgresError;
use stores::upstash::UpstashError;

use super::{Error, ErrorCode};

impl From<RequestError> for Error {
    fn from(error: RequestError) -> Self {
        match error {
            RequestError::Malformed(sentence) => Self::bad_request(sentence),
            RequestError::TooLarge(status, sentence) => Self::too_large(sentence).with_status(status),
            RequestError::AnswerTooLarge => Self::new(
                ErrorCode::AnswerTooLarge,
                "The answer is larger than the 6 MB that AWS Lambda lets through. Accept gzip \
                 ('Accept-Encoding: gzip'), or ask for it in parts with 'limit' and 'cursor'.",
            ),
            RequestError::NotConfigured(cause) => Self::not_configured(cause),
            RequestError::TimedOut => Self::timed_out("The request took too long. Try again."),
            RequestError::Internal(cause) => Self::internal(cause),
        }
    }
}

impl ErrorAnswer for Error {
    fn status(&self) -> StatusCode {
        self.status
    }

    fn code(&self) -> &'static str {
        self.code.as_str()
    }

    fn message(&self) -> &str {
        self.logged.unwrap_or(&self.message)
    }

    fn cause(&self) -> Option<String> {
        self.cause_chain()
    }

    fn body(&self, request_id: &str) -> Value {
        Self::body(self, request_id)
    }

    fn retry_after_seconds(&self) -> Option<u64> {
        Self::retry_after_seconds(self)
    }

    fn may_be_outdated(&self) -> bool {
        let may_be =
            matches!(self.status, StatusCode::INTERNAL_SERVER_ERROR | StatusCode::SERVICE_UNAVAILABLE);
        (may_be && !self.is_prefetch()) || self.is_refused_key()
    }

    fn nothing_was_done(&self) -> bool {
        self.is_refused_key()
    }

    fn is_no_fault(&self) -> bool {
        self.is_prefetch()
    }
}

impl From<UpstashError> for Error {
    fn from(error: UpstashError) -> Self {
        match error {
            // A wrong token needs the operator, so a retry does not help.
            UpstashError::Status(StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN)
            | UpstashError::Command(_) => Self::internal(error),
            error => Self::unavailable("Redis", error),
        }
    }
}

impl From<PostgresError> for Error {
    fn from(error: PostgresError) -> Self {
        match error {
            PostgresError::Unavailable(cause) => Self::unavailable("The database", cause),
            PostgresError::Refused(cause) => Self::internal(cause),
        }
    }
}
