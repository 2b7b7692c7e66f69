//! Errors of calls to Jira.

use std::error::Error;

use crate::budget::Withheld;
use crate::response::{JiraErrorResponse, Refusal};

/// An error of an implementation supplied by the caller.
pub type BoxError = Box<dyn Error + Send + Sync>;

/// Why a call failed.
#[derive(Debug, thiserror::Error)]
pub enum JiraError {
    /// Jira responded with an error. For a 401, renewing the token did not help.
    #[error("{response}")]
    Refused {
        /// The error response.
        response: Box<JiraErrorResponse>,
        /// The scopes that the call requires.
        scopes: &'static str,
    },
    /// The connection's consent does not include these scopes, so the call was not made.
    #[error("the consent lacks a scope of {0}")]
    MissingScope(&'static str),
    /// The call is about a project that the connection may not touch, so it was not made, or its answer is withheld.
    #[error("outside the projects that the connection is limited to")]
    ProjectNotAllowed,
    /// A rate limit is reached or near, so the call was not made.
    #[error("{0}")]
    Withheld(Withheld),
    /// The request timed out.
    #[error("{0}")]
    TimedOut(String),
    /// Jira is unreachable, or the connection broke.
    #[error("{0}")]
    Unreachable(String),
    /// The response cannot be parsed.
    #[error("{0}")]
    Unreadable(String),
    /// Page after page of a search was empty, and none was the last.
    #[error("{0} pages of a search were empty, and none was the last")]
    EndlessSearch(usize),
    /// Jira found an issue but failed to load it.
    #[error("issueErrors names {0}")]
    UnreadableIssue(String),
    /// The call may have taken effect anyway.
    #[error("{0}")]
    Unconfirmed(#[source] Box<JiraError>),
    /// There is no token for the call. The error is that of the [`crate::TokenSource`].
    #[error("{0}")]
    Token(BoxError),
    /// The URL of the API is unusable.
    #[error("{0}")]
    BadAddress(&'static str),
}

impl JiraError {
    /// Marks the error of a call that may have taken effect anyway.
    pub(crate) fn unconfirmed(self) -> Self {
        Self::Unconfirmed(Box::new(self))
    }

    /// Classifies the error response, if Jira sent one or would have.
    pub fn refusal(&self) -> Option<Refusal> {
        match self {
            Self::MissingScope(_) => Some(Refusal::MissingScope),
            Self::Withheld(_) => Some(Refusal::RateLimited),
            _ => self.response().map(JiraErrorResponse::refusal),
        }
    }

    /// Returns the error response, if Jira sent one.
    pub fn response(&self) -> Option<&JiraErrorResponse> {
        match self {
            Self::Refused { response, .. } => Some(response),
            _ => None,
        }
    }
}
