//! Changing and deleting an issue.
//!
//! <https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-issues/#api-rest-api-3-issue-issueidorkey-put>

use http::Method;
use serde::Serialize;
use serde_json::json;

use super::client::{Call, JiraSite};
use super::ids::IssueRef;
use super::input::{self, IssueInput};
use super::issue::{NameAndIcon, OneIssue, RawIssue, User};
use crate::error::{Error, Result};
use crate::lenient;

/// What the answer to an edit shows.
const FIELDS: &str = "summary,description,priority,issuetype,assignee,updated";

/// An issue after an edit. What Jira leaves out, or sends as something odd, is null.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct EditedIssue {
    /// Digits.
    pub id: Option<String>,
    /// `PROJ-1`.
    pub key: Option<String>,
    /// The title, one line.
    pub summary: Option<String>,
    /// Markdown.
    pub description: Option<String>,
    /// How urgent it is.
    pub priority: Option<NameAndIcon>,
    /// Task, bug, story and so on.
    pub issue_type: Option<NameAndIcon>,
    /// Who works on it.
    pub assignee: Option<User>,
    /// `2024-01-01T10:00:00.000Z`.
    pub updated: Option<String>,
}

impl From<RawIssue> for EditedIssue {
    fn from(raw: RawIssue) -> Self {
        Self {
            summary: raw.text("summary"),
            description: raw.markdown("description"),
            priority: raw.icon("priority"),
            issue_type: raw.icon("issuetype"),
            assignee: raw.user("assignee"),
            updated: raw.time("updated"),
            id: raw.id,
            key: raw.key,
        }
    }
}

impl JiraSite<'_> {
    /// Changes an issue and gives it as it is then, in one call. Jira may change an issue and not return it; then
    /// it is read once, and if that fails the answer is `None`: the change is made all the same.
    ///
    /// The last writer wins, field by field. Writing the same twice is harmless, so an edit is repeated as a read
    /// is. Where nothing is to change, the issue is read.
    ///
    /// # Errors
    /// `jira_not_found`, `jira_refused` with Jira's field errors, `jira_conflict` when somebody else was just
    /// writing, `jira_forbidden`; `outcome_unknown` when the answer makes no sense.
    pub async fn edit(&self, issue: &IssueRef, input: IssueInput) -> Result<Option<EditedIssue>> {
        let fields = input.into_fields();
        if fields.is_empty() {
            return Ok(Some(self.read_issue(issue.as_str(), FIELDS).await?.into()));
        }
        let body = json!({ "fields": fields });
        let call = Call {
            method: Method::PUT,
            path: &["rest", "api", "3", "issue", issue.as_str()],
            query: &[("returnIssue", "true")],
            body: Some(&body),
            scopes: "write:jira-work",
            repeatable: true,
        };
        let answer = self.answer(call).await.map_err(input::refused_length)?;
        // A success is empty or the issue; whatever answers otherwise is not Jira.
        let returned: Option<RawIssue> = match lenient::from_slice(&answer) {
            Ok(OneIssue(returned)) => Some(returned),
            Err(_) if answer.is_empty() => None,
            Err(error) => {
                return Err(Error::provider_failed(
                    "Jira gave an answer that cannot be read. The issue may be changed all the same.",
                    error,
                )
                .with_code("outcome_unknown"));
            }
        };
        let edited = match returned.filter(|returned| !returned.fields.is_empty()) {
            Some(returned) => Some(returned),
            None => match self.read_issue(issue.as_str(), FIELDS).await {
                Ok(read) => Some(read),
                Err(error) => {
                    tracing::warn!(cause = %error, "an edited issue could not be read");
                    None
                }
            },
        };
        Ok(edited.map(EditedIssue::from))
    }

    /// Deletes an issue for good, with its sub-tasks if that is wanted; sent once.
    ///
    /// # Errors
    /// `jira_not_found`, `jira_refused` for an issue that has sub-tasks which are not to be deleted,
    /// `jira_forbidden`; `outcome_unknown` when Jira did not say whether it is done.
    pub async fn delete(&self, issue: &IssueRef, with_subtasks: bool) -> Result<()> {
        let call = Call {
            method: Method::DELETE,
            path: &["rest", "api", "3", "issue", issue.as_str()],
            query: &[("deleteSubtasks", if with_subtasks { "true" } else { "false" })],
            body: None,
            scopes: "write:jira-work",
            repeatable: false,
        };
        // A success has no body; whatever answers otherwise is not Jira.
        match self.answer(call).await? {
            answer if answer.is_empty() => Ok(()),
            _ => Err(Error::provider_failed(
                "Jira gave an answer that cannot be read. The issue may be deleted all the same.",
                "a deletion was answered with a body",
            )
            .with_code("outcome_unknown")),
        }
    }
}
