//! The one error type of a request: what the caller is told, and what only the log is told.
//!
//! Every layer above an adapter returns [`Error`]. Its public sentence and its cause are two different
//! strings: the sentence tells the caller what to change, the cause is logged once, at the end of the request,
//! and never leaves the process.

mod code;
mod conversions;

use std::borrow::Cow;
use std::error::Error as StdError;
use std::fmt;
use std::time::Duration;

use ::http::StatusCode;
use base::chain;
use serde_json::{Value, json};

pub use self::code::ErrorCode;

/// What a fallible step of a request returns.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// The longest that a caller is told to wait.
const LONGEST_WAIT: Duration = Duration::from_secs(24 * 60 * 60);

/// A failed request.
#[derive(Debug)]
pub struct Error {
    status: StatusCode,
    code: ErrorCode,
    message: Cow<'static, str>,
    needs_reauthorization: bool,
    details: Option<Value>,
    retry_after: Option<Duration>,
    cause: Option<Box<dyn StdError + Send + Sync>>,
}

impl Error {
    /// An error with a code, its status, and the sentence that the caller reads.
    pub fn new(code: ErrorCode, message: impl Into<Cow<'static, str>>) -> Self {
        Self {
            status: code.status(),
            code,
            message: message.into(),
            needs_reauthorization: false,
            details: None,
            retry_after: None,
            cause: None,
        }
    }

    /// 400: the request is malformed; the sentence says what to change.
    pub fn bad_request(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorCode::InvalidRequest, message)
    }

    /// 413: the request is larger than any legitimate one.
    pub fn too_large(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorCode::TooLarge, message)
    }

    /// 401: the bearer key is missing or wrong.
    pub fn invalid_secret_key() -> Self {
        Self::new(ErrorCode::InvalidSecretKey, "Invalid secret key")
    }

    /// 404: no connection has this external id.
    pub fn connection_not_found() -> Self {
        Self::new(ErrorCode::ConnectionNotFound, "Connection not found")
    }

    /// 403 with `needs_reauthorization`: only the end user can mend this, by connecting again.
    pub fn needs_reauthorization() -> Self {
        let mut error = Self::new(
            ErrorCode::NeedsReauthorization,
            "Connection is invalid or expired. Please reauthorize the connection.",
        );
        error.needs_reauthorization = true;
        error
    }

    /// 403: the flow belongs to another browser than this one.
    pub fn other_browser() -> Self {
        Self::new(
            ErrorCode::OtherBrowser,
            "This was begun in another browser, or this browser keeps no cookies of this address. Finish it in \
             the browser in which it was begun, or start connecting again in this one.",
        )
    }

    /// 409: the connection rests on the consent of another account, which would be replaced.
    pub fn other_account() -> Self {
        Self::new(
            ErrorCode::OtherAccount,
            "This is connected with another Atlassian account. Send replace_account: true when the person has \
             seen that it is replaced.",
        )
    }

    /// 403: a consent that gives no refresh token.
    pub fn no_offline_access() -> Self {
        Self::new(
            ErrorCode::NoOfflineAccess,
            "This consent lacks the scope offline_access, so there is no refresh token and nothing was connected. \
             Start connecting again, and leave the address of the consent page as it is.",
        )
    }

    /// 403: a consent that does not allow to ask whose it is, although it was asked to.
    pub fn account_unknown() -> Self {
        Self::new(
            ErrorCode::AccountUnknown,
            "This consent lacks the scope read:me, so it is not known whose it is and nothing was connected. Start \
             connecting again, and leave the address of the consent page as it is.",
        )
    }

    /// 502: Atlassian does not tell whose consent it is, for no fault of the consent.
    pub fn account_unavailable(cause: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self::new(
            ErrorCode::AccountUnavailable,
            "Atlassian cannot say right now whose consent this is, so nothing was connected. Try again shortly.",
        )
        .because(cause)
    }

    /// 410: a state or connection code that was used, has expired, or never existed.
    pub fn gone(code: ErrorCode, message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(code, message)
    }

    /// 500: a defect or a misconfiguration of this deployment.
    pub fn internal(cause: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self::new(
            ErrorCode::Internal,
            "Something went wrong on our side. The log has the details under this request_id.",
        )
        .because(cause)
    }

    /// 503: this deployment's settings cannot be had, or lack something; nothing was done.
    pub fn not_configured(cause: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        let mut error = Self::new(
            ErrorCode::NotConfigured,
            "Juncture cannot read its settings, or one of them is missing. Nothing was done. The log has the \
             reason under this request_id.",
        );
        error.retry_after = Some(Duration::from_secs(5));
        error.because(cause)
    }

    /// 503: one of Juncture's own stores cannot be reached; nothing was lost, the call may be repeated.
    pub fn unavailable(store: &'static str, cause: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        let mut error = Self::new(
            ErrorCode::StorageUnavailable,
            format!("{store} cannot be reached at the moment. Try again shortly."),
        );
        error.retry_after = Some(Duration::from_secs(1));
        error.because(cause)
    }

    /// 503: an address that a person has to visit was fetched ahead of them. Nothing was done, so that it is still good
    /// when they come.
    pub fn prefetch() -> Self {
        Self::new(ErrorCode::Prefetch, "This address must not be prefetched. Nothing was done.")
    }

    /// 502: the provider answered with a fault.
    pub fn provider_failed(
        message: impl Into<Cow<'static, str>>,
        cause: impl Into<Box<dyn StdError + Send + Sync>>,
    ) -> Self {
        Self::new(ErrorCode::ProviderFailed, message).because(cause)
    }

    /// 504: the invocation's time is used up.
    pub fn timed_out(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorCode::TimedOut, message)
    }

    /// Adds what only the log may know.
    #[must_use]
    pub fn because(mut self, cause: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.cause = Some(cause.into());
        self
    }

    /// Adds the provider's own field errors for the caller.
    #[must_use]
    pub fn with_details(mut self, details: Value) -> Self {
        self.details = Some(details);
        self
    }

    /// Puts the sentences in place that the contract has for the errors of a call: those of `by_code`, and for every other
    /// fault that is not the caller's `failed`, unless its own sentence tells more.
    #[must_use]
    pub fn in_words_of(mut self, by_code: &[(ErrorCode, &'static str)], failed: &'static str) -> Self {
        let says_more = matches!(self.code, ErrorCode::StorageUnavailable | ErrorCode::SearchUnfinished);
        if let Some((_, sentence)) = by_code.iter().find(|(code, _)| *code == self.code) {
            self.message = (*sentence).into();
        } else if self.status.is_server_error() && !says_more {
            self.message = failed.into();
        }
        self
    }

    /// The same error with another code and its status.
    #[must_use]
    pub fn with_code(self, code: ErrorCode) -> Self {
        Self { code, status: code.status(), ..self }
    }

    /// The error of a call that may have had its effect all the same: its status stays.
    #[must_use]
    pub fn unconfirmed(self) -> Self {
        Self { code: ErrorCode::OutcomeUnknown, ..self }
    }

    /// Replaces the status and nothing else.
    #[must_use]
    pub fn with_status(mut self, status: StatusCode) -> Self {
        self.status = status;
        self
    }

    /// Tells the caller when to come back (`Retry-After`), in a day at the latest: what a server asks for may be
    /// nonsense.
    #[must_use]
    pub fn retry_after(mut self, after: Duration) -> Self {
        self.retry_after = Some(after.min(LONGEST_WAIT));
        self
    }

    /// The HTTP status.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// What went wrong.
    pub fn code(&self) -> ErrorCode {
        self.code
    }

    /// The sentence for the caller.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// Whether the bearer key is missing or wrong, so that nothing was done.
    pub(crate) fn is_refused_key(&self) -> bool {
        matches!(self.code, ErrorCode::InvalidSecretKey | ErrorCode::TooManyWrongKeys)
    }

    /// Whether nothing is wrong, in spite of the status.
    pub(crate) fn is_prefetch(&self) -> bool {
        self.code == ErrorCode::Prefetch
    }

    /// What [`Self::with_details`] added.
    pub fn details(&self) -> Option<&Value> {
        self.details.as_ref()
    }

    /// Whole seconds after which the caller may try again, at least one.
    pub fn retry_after_seconds(&self) -> Option<u64> {
        self.retry_after.map(|after| after.as_secs_f64().ceil().max(1.0) as u64)
    }

    /// The body that the caller gets: `{"error", "code", "request_id"}`, with `needs_reauthorization` and
    /// `details` where they apply.
    pub fn body(&self, request_id: &str) -> Value {
        let mut body = json!({ "error": self.message, "code": self.code.as_str(), "request_id": request_id });
        if self.needs_reauthorization {
            body["needs_reauthorization"] = Value::Bool(true);
        }
        if let Some(details) = &self.details {
            body["details"] = details.clone();
        }
        body
    }

    /// The cause with everything below it, for the log.
    pub fn cause_chain(&self) -> Option<String> {
        self.cause.as_deref().map(|cause| chain(cause))
    }
}

impl StdError for Error {}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {}: {}", self.status.as_u16(), self.code.as_str(), self.message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_body_keeps_the_cause_from_the_caller() {
        let error = Error::internal("password=hunter2");
        let body = error.body("req-1").to_string();
        assert!(!body.contains("hunter2"), "{body}");
        assert_eq!(error.cause_chain().as_deref(), Some("password=hunter2"));
    }

    #[test]
    fn reauthorization_is_flagged_in_the_body() {
        let body = Error::needs_reauthorization().body("req-1");
        assert_eq!(body["needs_reauthorization"], true);
        assert_eq!(body["error"], "Connection is invalid or expired. Please reauthorize the connection.");
        assert!(Error::connection_not_found().body("r").get("needs_reauthorization").is_none());
    }
}
