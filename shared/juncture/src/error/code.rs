//! Machine-readable error codes.

use http::StatusCode;

/// What went wrong. Codes are in snake case in bodies and logs: `needs_reauthorization`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, strum::IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum ErrorCode {
    /// The request is malformed; the message says what to change.
    InvalidRequest,
    /// No project is given and none is selected.
    NoProject,
    /// The flow was started cross-site, so the browser would not keep our cookie.
    CrossSite,
    /// Jira rejected the request; `details` has Jira's messages.
    JiraRefused,
    /// The issue cannot go where it is to be moved; `details` lists where it can go.
    NoTransition,
    /// The transition asks for fields that were not sent; `details` has its form.
    FieldsRequired,
    /// The bearer key is missing or wrong.
    InvalidSecretKey,
    /// The connect token was not issued by this deployment.
    InvalidConnectToken,
    /// This deployment requires a connect token to start a flow.
    ConnectTokenRequired,
    /// Only the end user can fix this, by connecting again.
    NeedsReauthorization,
    /// The flow was started in another browser.
    OtherBrowser,
    /// The consent includes no refresh token.
    NoOfflineAccess,
    /// The consent lacks the scope to read its account, although that scope was requested.
    AccountUnknown,
    /// The connected account does not have permission for this.
    JiraForbidden,
    /// The consent lacks a scope that the call needs.
    MissingScope,
    /// The connection is limited to some projects, and this is outside of them.
    ProjectNotAllowed,
    /// The proxy does not pass this call on.
    ProxyNotAllowed,
    /// There is no such route.
    RouteNotFound,
    /// No connection has this external id.
    ConnectionNotFound,
    /// The issue or other item does not exist in Jira, or is not visible to the connected account.
    JiraNotFound,
    /// The project does not exist, or is not visible to the connected account.
    ProjectNotFound,
    /// The sprint does not exist, or is not visible to the connected account.
    SprintNotFound,
    /// The project has no agile boards.
    NoBoards,
    /// The connection belongs to another account, which would be replaced.
    OtherAccount,
    /// The issue is being written concurrently, or was changed since it was read.
    JiraConflict,
    /// The edit would lose parts of the description that Markdown cannot represent.
    WouldLose,
    /// The outcome of the first request with this `Idempotency-Key` is not known yet.
    InProgress,
    /// The state was used, has expired or never existed.
    StateExpired,
    /// The connect token was used or has expired.
    ConnectTokenExpired,
    /// The connection code was used, has expired, or its connection was removed.
    ConnectionCodeExpired,
    /// The provider no longer accepts the consent.
    ConsentWithdrawn,
    /// The request is larger than any legitimate one.
    TooLarge,
    /// The response exceeds Lambda's size limit.
    AnswerTooLarge,
    /// The `Idempotency-Key` was used for another request.
    IdempotencyKeyReused,
    /// Too many requests to a public endpoint.
    RateLimited,
    /// Too many wrong secret keys from one network.
    TooManyWrongKeys,
    /// Jira's rate limit was exceeded.
    JiraRateLimited,
    /// The provider's rate limit for token requests was exceeded.
    ProviderLimited,
    /// A bug or a misconfiguration of this deployment.
    Internal,
    /// The provider does not accept our client id and secret.
    ProviderMisconfigured,
    /// The provider returned an error or is unreachable.
    ProviderFailed,
    /// The provider cannot identify the account right now, and the consent is not the reason.
    AccountUnavailable,
    /// The provider keeps returning empty pages without ending the search.
    SearchUnfinished,
    /// The call may have taken effect.
    OutcomeUnknown,
    /// Jira did not confirm that a comment is visible only to those who are meant to see it.
    CommentPublic,
    /// The settings cannot be loaded or are incomplete; nothing was done.
    NotConfigured,
    /// The database is missing migrations.
    NotMigrated,
    /// One of our own stores is unreachable; nothing was lost.
    StorageUnavailable,
    /// A browser prefetched the URL; nothing was done.
    Prefetch,
    /// The invocation ran out of time.
    TimedOut,
}

impl ErrorCode {
    /// The code as it appears in responses and logs.
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// The default status for this code.
    pub fn status(self) -> StatusCode {
        match self {
            Self::InvalidRequest
            | Self::NoProject
            | Self::CrossSite
            | Self::JiraRefused
            | Self::NoTransition
            | Self::FieldsRequired => StatusCode::BAD_REQUEST,
            Self::InvalidSecretKey | Self::InvalidConnectToken | Self::ConnectTokenRequired => {
                StatusCode::UNAUTHORIZED
            }
            Self::NeedsReauthorization
            | Self::OtherBrowser
            | Self::NoOfflineAccess
            | Self::AccountUnknown
            | Self::JiraForbidden
            | Self::MissingScope
            | Self::ProjectNotAllowed
            | Self::ProxyNotAllowed => StatusCode::FORBIDDEN,
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
            | Self::OutcomeUnknown
            | Self::CommentPublic => StatusCode::BAD_GATEWAY,
            Self::NotConfigured | Self::NotMigrated | Self::StorageUnavailable | Self::Prefetch => {
                StatusCode::SERVICE_UNAVAILABLE
            }
            Self::TimedOut => StatusCode::GATEWAY_TIMEOUT,
        }
    }
}
