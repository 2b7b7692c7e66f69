//! Internal comments of service projects, which customers must never see.
//!
//! Only the API of Jira Service Management adds a comment that is internal from the start, and it takes plain text. So
//! the comment is added there first and gets its formatting by an edit, which leaves it internal. Both responses have to
//! confirm that it is; otherwise the comment is deleted.

use std::time::{Duration, Instant};

use atlassian::{CommentId, IssueRef, JiraError, Refusal};
use base::{chain, deadline};
use serde_json::json;

use super::comments::{public, refused};
use super::rich_text::RichText;
use super::site::ConnectedSite;
use crate::error::{Error, ErrorCode, Result};

/// Time reserved for deleting the comment.
const RESERVE: Duration = Duration::from_secs(5);

/// Maximum length of a comment, in UTF-16 code units.
const MAX_LENGTH: usize = 32_767;

const NO_REQUEST: &str = "internal is for the requests of service projects, and this issue is none. Restrict the comment \
                          with visibility instead, or leave internal out.";

const NOT_ADDED: &str = "Jira refused the comment. If details says nothing else, the connected account may not comment on this issue.";

impl ConnectedSite<'_> {
    /// Adds a comment to a request of a service project that customers do not see.
    ///
    /// # Errors
    /// 400 if the issue is not a request; `comment_public` if Jira did not confirm that the comment is internal;
    /// `outcome_unknown` if the comment may have been added.
    pub(super) async fn add_internal(&self, issue: &IssueRef, body: RichText) -> Result<atlassian::Comment> {
        let until = Instant::now() + deadline::remaining().saturating_sub(RESERVE);
        let added = deadline::scope(until, self.jira.add_internal_comment(issue, &text_of(&body))).await;
        let added = match added {
            Ok(added) => added,
            Err(error) => return Err(self.not_added(issue, error).await),
        };
        let Some(id) = added.id.as_deref().and_then(|id| CommentId::parse(id).ok()) else {
            return Err(public(
                "Jira added the comment without confirming that it is internal, and did not return its id. Customers \
                 may see it: look for it in Jira now."
                    .to_owned(),
                None,
                false,
            ));
        };
        if added.public != Some(false) {
            return Err(self.withdraw(issue, &id).await);
        }
        let edit = self.jira.edit_comment(issue, &id, body.as_json(), None, None);
        match deadline::scope(until, edit).await {
            Ok(edited) if edited.jsd_public == Some(false) => Ok(edited),
            Ok(_) => Err(self.withdraw(issue, &id).await),
            // It is not changed, so it is internal.
            Err(error) if is_refused(&error) => Err(self.not_formatted(issue, &id, error).await),
            Err(error) => {
                tracing::warn!(cause = %chain(&error), "formatting of an internal comment not confirmed");
                Err(self.withdraw(issue, &id).await)
            }
        }
    }

    /// The error for a comment that was not added. An issue that is not a request has the same status as one that does
    /// not exist.
    async fn not_added(&self, issue: &IssueRef, error: JiraError) -> Error {
        let is_unknown = error.refusal() == Some(Refusal::NotFound);
        if !is_unknown && error.refusal() != Some(Refusal::Invalid) {
            return error.into();
        }
        let read = match self.jira.issue(issue.as_str(), "project").await {
            Ok(read) => read,
            Err(error) => return error.into(),
        };
        let kind = read.field("project")["projectTypeKey"].as_str();
        if is_unknown || kind.is_some_and(|kind| kind != "service_desk") {
            return Error::bad_request(NO_REQUEST).because(error);
        }
        refused(error, NOT_ADDED)
    }

    /// Deletes a comment that Jira does not confirm to be internal. Returns the error that says so.
    async fn withdraw(&self, issue: &IssueRef, id: &CommentId) -> Error {
        match self.jira.withdraw_comment(issue, id).await {
            Ok(()) => public(
                "Jira did not confirm that the comment is internal, so it was deleted. Customers may have seen it, or \
                 been notified of it, before."
                    .to_owned(),
                Some(id),
                true,
            ),
            Err(error) => public(
                format!(
                    "Jira did not confirm that the comment is internal, and it could not be deleted. Customers may see \
                     it: delete comment {} in Jira now.",
                    id.as_str()
                ),
                Some(id),
                false,
            )
            .because(error),
        }
    }

    /// Deletes a comment that is internal, but that Jira refused to format. Returns the error for the formatting, or, if
    /// the comment is still there, `outcome_unknown`.
    async fn not_formatted(&self, issue: &IssueRef, id: &CommentId, error: JiraError) -> Error {
        match self.jira.withdraw_comment(issue, id).await {
            Ok(()) => refused(error, NOT_ADDED),
            Err(left) => Error::new(ErrorCode::OutcomeUnknown, left_as_plain_text(id))
                .with_details(json!({ "comment_id": id.as_str(), "deleted": false }))
                .because(left),
        }
    }
}

/// The message for a comment that is internal, and could be neither formatted nor deleted.
fn left_as_plain_text(id: &CommentId) -> String {
    format!(
        "Jira refused to format the internal comment, and it could not be deleted: comment {} is there as plain text. \
         Edit or delete it instead of adding it again.",
        id.as_str()
    )
}

/// Whether Jira refused what it was asked to do, or would have.
fn is_refused(error: &JiraError) -> bool {
    matches!(error, JiraError::MissingScope(_))
        || error.response().is_some_and(|response| response.status.is_client_error())
}

/// The comment as text, until it is formatted. It is cut at the length that Jira takes, which counts no Markdown.
fn text_of(body: &RichText) -> String {
    let text = match body.markdown() {
        Some(markdown) => markdown.to_owned(),
        None => adf::to_markdown(body.as_json()),
    };
    let mut length = 0;
    let fits = |letter: &char| {
        length += letter.len_utf16();
        length <= MAX_LENGTH
    };
    text.chars().take_while(fits).collect()
}
