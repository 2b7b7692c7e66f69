//! The codes of errors: what went wrong, for a program.

use http::StatusCode;

/// What went wrong. In bodies and logs a code is written in snake case: `needs_reauthorization`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, strum::IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum ErrorCode {
    /// The request is malformed; the sentence says what to change.
    InvalidRequest,
    /// No project is named and none is selected.
    NoProject,
    /// A flow was begun in a way in which the browser keeps no cookie of ours.
    CrossSite,
    /// Jira refused the request; `details` has its words.
    JiraRefused,
    /// The bearer key is missing or wrong.
    InvalidSecretKey,
    /// The connect token was not issued by this deployment.
    InvalidConnectToken,
    /// A flow needs a connect token here.
    ConnectTokenRequired,
    /// Only the end user can mend this, by connecting again.
    NeedsReauthorization,
    /// The flow was begun in another browser.
    OtherBrowser,
    /// The consent gives no refresh token.
    NoOfflineAccess,
    /// The consent does not tell whose it is, although it was asked to.
    AccountUnknown,
    /// The connected account may not do this.
    JiraForbidden,
    /// The consent lacks a scope that the call needs.
    MissingScope,
    /// There is no such route.
    RouteNotFound,
    /// No connection has this external id.
    ConnectionNotFound,
    /// Jira does not have it, or does not show it to the connected account.
    JiraNotFound,
    /// The project of a list does not exist, or is not shown to the connected account.
    ProjectNotFound,
    /// The sprint does not exist, or is not shown to the connected account.
    SprintNotFound,
    /// The project has no agile boards.
    NoBoards,
    /// The connection rests on the consent of another account, which would be replaced.
    OtherAccount,
    /// Somebody else was writing the same issue, or has written it since it was read.
    JiraConflict,
    /// The description would lose what Markdown cannot say.
    WouldLose,
    /// What became of the first request with this `Idempotency-Key` cannot be told yet.
    InProgress,
    /// The state of a flow was used, has expired or never existed.
    StateExpired,
    /// The connect token was used or has expired.
    ConnectTokenExpired,
    /// The connection code was used, has expired, or its connection was removed.
    ConnectionCodeExpired,
    /// Atlassian does not accept the consent any more.
    ConsentWithdrawn,
    /// The request is larger than any legitimate one.
    TooLarge,
    /// The answer is larger than Lambda lets through.
    AnswerTooLarge,
    /// The `Idempotency-Key` was used for another request.
    IdempotencyKeyReused,
    /// Too many requests to the public endpoints.
    RateLimited,
    /// Too many wrong secret keys from one network.
    TooManyWrongKeys,
    /// Jira limits the rate of requests.
    JiraRateLimited,
    /// The provider limits the rate of token requests.
    ProviderLimited,
    /// A defect or a misconfiguration of this deployment.
    Internal,
    /// The provider does not accept our client id and secret.
    ProviderMisconfigured,
    /// The provider answered with a fault, or cannot be reached.
    ProviderFailed,
    /// Atlassian does not tell whose consent it is, for no fault of the consent.
    AccountUnavailable,
    /// Jira goes on with empty pages and does not end its search.
    SearchUnfinished,
    /// The call may have had its effect all the same.
    OutcomeUnknown,
    /// The settings cannot be read, or lack something; nothing was done.
    NotConfigured,
    /// The database lacks migrations.
    NotMigrated,
    /// One of our own stores cannot be reached; nothing was lost.
    StorageUnavailable,
    /// A browser asked ahead of its person; nothing was done.
    Prefetch,
    /// The invocation's time is used up.
    TimedOut,
}

impl ErrorCode {
    /// The code as callers read it.
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// The status of an answer with this code, unless its call has another one.
    pub fn status(self) -> StatusCode {
        match self {
            Self::InvalidRequest | Self::NoProject | Self::CrossSite | Self::JiraRefused => {
                StatusCode::BAD_REQUEST
            }
            Self::InvalidSecretKey | Self::InvalidConnectToken | Self::ConnectTokenRequired => {
                StatusCode::UNAUTHORIZED
            }
            Self::NeedsReauthorization
            | Self::OtherBrowser
            | Self::NoOfflineAccess
            | Self::AccountUnknown
            | Self::JiraForbidden
            | Self::MissingScope => StatusCode::FORBIDDEN,
            Self::RouteNotFound
            | Self::ConnectionNotFound
            | Self::JiraNotFound
            | Self::ProjectNotFound
            | Self::SprintNotFound
            | Self::NoBoards => StatusCode::NOT_FOUND,
            Self::OtherAccount | Self::JiraConflict | Self::WouldLose | Self::InProgress => {
                StatusCode::CONFLICT
            }
            Self::StateExpired
            | Self::ConnectTokenExpired
            | Self::ConnectionCodeExpired
            | Self::ConsentWithdrawn => StatusCode::GONE,
            Self::TooLarge | Self::AnswerTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::IdempotencyKeyReused => StatusCode::UNPROCESSABLE_ENTITY,
            Self::RateLimited | Self::TooManyWrongKeys | Self::JiraRateLimited | Self::ProviderLimited => {
                StatusCode::TOO_MANY_REQUESTS
            }
            Self::Internal | Self::ProviderMisconfigured => StatusCode::INTERNAL_SERVER_ERROR,
            Self::ProviderFailed
            | Self::AccountUnavailable
            | Self::SearchUnfinished
            | Self::OutcomeUnknown => StatusCode::BAD_GATEWAY,
            Self::NotConfigured | Self::NotMigrated | Self::StorageUnavailable | Self::Prefetch => {
                StatusCode::SERVICE_UNAVAILABLE
            }
            Self::TimedOut => StatusCode::GATEWAY_TIMEOUT,
        }
    }
}
