//! The error type of a request.
//!
//! Every layer above the adapters returns [`Error`]. The message for the caller and the cause are separate: the message
//! tells the caller what to change, the cause is logged once at the end of the request and never leaves the process.

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

/// The result of a fallible step of a request.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Maximum value of `Retry-After`.
const MAX_WAIT: Duration = Duration::from_secs(24 * 60 * 60);

/// A failed request.
#[derive(Debug)]
pub struct Error {
    status: StatusCode,
    code: ErrorCode,
    message: Cow<'static, str>,
    /// What is logged instead of the message.
    logged: Option<&'static str>,
    needs_reauthorization: bool,
    details: Option<Value>,
    retry_after: Option<Duration>,
    cause: Option<Box<dyn StdError + Send + Sync>>,
}

impl Error {
    /// Creates an error with a code, the code's default status, and the message for the caller.
    pub fn new(code: ErrorCode, message: impl Into<Cow<'static, str>>) -> Self {
        Self {
            status: code.status(),
            code,
            message: message.into(),
            logged: None,
            needs_reauthorization: false,
            details: None,
            retry_after: None,
            cause: None,
        }
    }

    /// 400: the request is malformed; the message says what to change.
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

    /// 403: the connection is limited to some projects, which its tokens are not.
    pub fn tokens_not_limited() -> Self {
        Self::new(
            ErrorCode::ProjectNotAllowed,
            "The connection is limited to some of the site's projects. Its tokens are not, so they are not handed out.",
        )
    }

    /// 403 with `needs_reauthorization`: only the end user can fix this, by connecting again.
    pub fn needs_reauthorization() -> Self {
        let mut error = Self::new(
            ErrorCode::NeedsReauthorization,
            "Connection is invalid or expired. Please reauthorize the connection.",
        );
        error.needs_reauthorization = true;
        error
    }

    /// 403: the flow was started in another browser.
    pub fn other_browser() -> Self {
        Self::new(
            ErrorCode::OtherBrowser,
            "This was begun in another browser, or this browser keeps no cookies of this address. Finish it in \
             the browser in which it was begun, or start connecting again in this one.",
        )
    }

    /// 409: the connection belongs to another account, which would be replaced.
    pub fn other_account(vendor: &str) -> Self {
        Self::new(
            ErrorCode::OtherAccount,
            format!(
                "This is connected with another {vendor} account. Send replace_account: true when the person has \
                 seen that it is replaced."
            ),
        )
    }

    /// 403: the consent includes no refresh token, because it lacks a scope.
    pub fn no_offline_access(scope: &str) -> Self {
        Self::new(
            ErrorCode::NoOfflineAccess,
            format!(
                "This consent lacks the scope {scope}, so there is no refresh token and nothing was connected. \
                 Start connecting again, and leave the address of the consent page as it is."
            ),
        )
    }

    /// 403: the consent lacks the scope to read its account, although that scope was requested.
    pub fn account_unknown(scope: &str) -> Self {
        Self::new(
            ErrorCode::AccountUnknown,
            format!(
                "This consent lacks the scope {scope}, so it is not known whose it is and nothing was connected. Start \
                 connecting again, and leave the address of the consent page as it is."
            ),
        )
    }

    /// 502: the vendor of the account cannot identify it right now, and the consent is not the reason.
    pub fn account_unavailable(vendor: &str, cause: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self::new(
            ErrorCode::AccountUnavailable,
            format!(
                "{vendor} cannot say right now whose consent this is, so nothing was connected. Try again shortly."
            ),
        )
        .because(cause)
    }

    /// 410: a state, connect token or connection code that was used, has expired, or never existed.
    pub fn gone(code: ErrorCode, message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(code, message)
    }

    /// 500: a bug or a misconfiguration of this deployment.
    pub fn internal(cause: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self::new(
            ErrorCode::Internal,
            "Something went wrong on our side. The log has the details under this request_id.",
        )
        .because(cause)
    }

    /// 503: this deployment's settings cannot be loaded or are incomplete; nothing was done.
    pub fn not_configured(cause: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        let mut error = Self::new(
            ErrorCode::NotConfigured,
            "Juncture cannot read its settings, or one of them is missing. Nothing was done. The log has the \
             reason under this request_id.",
        );
        error.retry_after = Some(Duration::from_secs(5));
        error.because(cause)
    }

    /// 503: one of Juncture's own stores is unreachable; nothing was lost, and a retry is safe.
    pub fn unavailable(store: &'static str, cause: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        let mut error = Self::new(
            ErrorCode::StorageUnavailable,
            format!("{store} cannot be reached at the moment. Try again shortly."),
        );
        error.retry_after = Some(Duration::from_secs(1));
        error.because(cause)
    }

    /// 503: a URL meant for a person was prefetched. Nothing was done, so the URL still works when they visit it.
    pub fn prefetch() -> Self {
        Self::new(ErrorCode::Prefetch, "This address must not be prefetched. Nothing was done.")
    }

    /// 502: the provider returned an error.
    pub fn provider_failed(
        message: impl Into<Cow<'static, str>>,
        cause: impl Into<Box<dyn StdError + Send + Sync>>,
    ) -> Self {
        Self::new(ErrorCode::ProviderFailed, message).because(cause)
    }

    /// 504: the invocation ran out of time.
    pub fn timed_out(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorCode::TimedOut, message)
    }

    /// Sets the cause, which is only logged.
    #[must_use]
    pub fn because(mut self, cause: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.cause = Some(cause.into());
        self
    }

    /// Adds details for the caller, such as the provider's field errors.
    #[must_use]
    pub fn with_details(mut self, details: Value) -> Self {
        self.details = Some(details);
        self
    }

    /// Uses the messages that the contract defines for the errors of one endpoint: those of `by_code`, and `failed` for
    /// every other server error, unless its own message is more specific.
    #[must_use]
    pub fn in_words_of(mut self, by_code: &[(ErrorCode, &'static str)], failed: &'static str) -> Self {
        let says_more = matches!(
            self.code,
            ErrorCode::StorageUnavailable | ErrorCode::SearchUnfinished | ErrorCode::CommentPublic
        );
        if let Some((_, sentence)) = by_code.iter().find(|(code, _)| *code == self.code) {
            self.message = (*sentence).into();
        } else if self.status.is_server_error() && !says_more {
            self.message = failed.into();
        }
        self
    }

    /// Sets what is logged instead of the message, because the message quotes the request or the site.
    #[must_use]
    pub fn logged_as(self, logged: &'static str) -> Self {
        Self { logged: Some(logged), ..self }
    }

    /// Replaces the message for the caller.
    #[must_use]
    pub fn with_message(mut self, message: impl Into<Cow<'static, str>>) -> Self {
        self.message = message.into();
        self
    }

    /// Replaces the code, and the status with that code's default.
    #[must_use]
    pub fn with_code(self, code: ErrorCode) -> Self {
        Self { code, status: code.status(), ..self }
    }

    /// Marks the outcome as unknown: the call may have taken effect. The status stays.
    #[must_use]
    pub fn unconfirmed(self) -> Self {
        Self { code: ErrorCode::OutcomeUnknown, ..self }
    }

    /// Replaces only the status.
    #[must_use]
    pub fn with_status(mut self, status: StatusCode) -> Self {
        self.status = status;
        self
    }

    /// Sets `Retry-After`, capped at a day in case the server's value is nonsense.
    #[must_use]
    pub fn retry_after(mut self, after: Duration) -> Self {
        self.retry_after = Some(after.min(MAX_WAIT));
        self
    }

    /// The HTTP status.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// The error code.
    pub fn code(&self) -> ErrorCode {
        self.code
    }

    /// The message for the caller.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// Whether the bearer key was missing or wrong, so nothing was done.
    pub(crate) fn is_refused_key(&self) -> bool {
        matches!(self.code, ErrorCode::InvalidSecretKey | ErrorCode::TooManyWrongKeys)
    }

    /// Whether this is the response to a prefetch, which is not a failure despite its status.
    pub(crate) fn is_prefetch(&self) -> bool {
        self.code == ErrorCode::Prefetch
    }

    /// The details set by [`Self::with_details`].
    pub fn details(&self) -> Option<&Value> {
        self.details.as_ref()
    }

    /// Seconds until the caller may retry, rounded up and at least one.
    pub fn retry_after_seconds(&self) -> Option<u64> {
        self.retry_after.map(|after| after.as_secs_f64().ceil().max(1.0) as u64)
    }

    /// The response body: `{"error", "code", "request_id"}`, with `needs_reauthorization` and `details` where they
    /// apply.
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

    /// The cause and its sources, for the log.
    pub fn cause_chain(&self) -> Option<String> {
        self.cause.as_deref().map(|cause| chain(cause))
    }
}

impl StdError for Error {}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let message = self.logged.unwrap_or(&self.message);
        write!(formatter, "{} {}: {message}", self.status.as_u16(), self.code.as_str())
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
    fn a_message_that_quotes_the_request_is_not_logged() {
        let error = Error::bad_request("\"hunter2\" is no field").logged_as("no such field");
        assert_eq!(error.body("r")["error"], "\"hunter2\" is no field");
        assert_eq!(error.to_string(), "400 invalid_request: no such field");
        assert_eq!(runtime::ErrorAnswer::message(&error), "no such field");
    }

    #[test]
    fn reauthorization_is_flagged_in_the_body() {
        let body = Error::needs_reauthorization().body("req-1");
        assert_eq!(body["needs_reauthorization"], true);
        assert_eq!(body["error"], "Connection is invalid or expired. Please reauthorize the connection.");
        assert!(Error::connection_not_found().body("r").get("needs_reauthorization").is_none());
    }
}
