//! What can go wrong with a call.

use std::error::Error;

use crate::response::{JiraErrorResponse, Refusal};

/// An error of whoever handed something in.
pub type BoxError = Box<dyn Error + Send + Sync>;

/// Why a call gave nothing.
#[derive(Debug, thiserror::Error)]
pub enum JiraError {
    /// Jira refused. A 401 comes here when another token did not help.
    #[error("{response}")]
    Refused {
        /// What it answered.
        response: Box<JiraErrorResponse>,
        /// The scopes that the call needs.
        scopes: &'static str,
    },
    /// Jira did not answer in time.
    #[error("{0}")]
    TimedOut(String),
    /// Jira was not reached, or the connection broke.
    #[error("{0}")]
    Unreachable(String),
    /// The answer is not what the call gives.
    #[error("{0}")]
    Unreadable(String),
    /// Page after page of a search is empty, and none is the last.
    #[error("{0} pages of a search were empty, and none was the last")]
    EndlessSearch(usize),
    /// Jira failed to read one of the issues that it found.
    #[error("issueErrors names {0}")]
    UnreadableIssue(String),
    /// The call may have had its effect all the same.
    #[error("{0}")]
    Unconfirmed(#[source] Box<JiraError>),
    /// There is no token to call with. The error is that of the [`crate::TokenSource`].
    #[error("{0}")]
    Token(BoxError),
    /// The address of the API cannot be called.
    #[error("{0}")]
    BadAddress(&'static str),
}

impl JiraError {
    /// Marks the error of a call that may have had its effect all the same.
    pub(crate) fn unconfirmed(self) -> Self {
        Self::Unconfirmed(Box::new(self))
    }

    /// What the refusal comes down to, if Jira refused.
    pub fn refusal(&self) -> Option<Refusal> {
        self.response().map(JiraErrorResponse::refusal)
    }

    /// The answer, if Jira refused.
    pub fn response(&self) -> Option<&JiraErrorResponse> {
        match self {
            Self::Refused { response, .. } => Some(response),
            _ => None,
        }
    }
}
