//! Editing and deleting an issue.

use adf::Lost;
use atlassian::timestamp::moment;
use atlassian::{Issue, IssueRef, JiraError};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use time::OffsetDateTime;

use super::description::DescriptionFormat;
use super::issue_details::{NameAndIcon, User};
use super::issue_input::{self, IssueFields, IssueInput};
use super::links::{Linked, Links};
use super::loss::{OnLoss, merge_texts};
use super::site::ConnectedSite;
use crate::error::{Error, ErrorCode, Result};

/// The fields in the response to an edit.
const FIELDS: &str = "summary,description,priority,issuetype,assignee,updated";

/// An edit of an issue.
pub struct Edit {
    input: IssueInput,
    /// The issue's `updated` that the caller last read.
    expected_updated: Option<OffsetDateTime>,
    on_loss: OnLoss,
    format: DescriptionFormat,
}

/// The options of an edit in a request body.
#[derive(Debug, Deserialize)]
pub struct EditOptions {
    /// The issue's `updated` as it was read; if it has changed in Jira, the edit is rejected.
    expected_updated: Option<String>,
    /// `report` or `refuse`: what to do if the description would lose content that Markdown cannot represent.
    on_loss: Option<String>,
    /// The format of the description in the response.
    description_format: Option<String>,
}

impl Edit {
    /// Parses and checks an edit; 400 with a message that names the field and what to send.
    pub fn of(fields: IssueFields, options: &EditOptions) -> Result<Self> {
        let input = IssueInput::of(fields)?;
        if input.is_empty() {
            return Err(Error::bad_request("At least one field must be provided for update"));
        }
        let expected = options.expected_updated.as_deref().map(|text| {
            moment(text).ok_or_else(|| {
                Error::bad_request(
                    "expected_updated must be the issue's updated as it was read, such as 2024-01-02T16:45:00.000Z",
                )
            })
        });
        let on_loss = OnLoss::parse(options.on_loss.as_deref())?;
        let format = DescriptionFormat::parse(options.description_format.as_deref())?;
        Ok(Self { input, expected_updated: expected.transpose()?, on_loss, format })
    }
}

/// The result of an edit.
pub struct Outcome {
    /// The issue after the edit; `None` if it could not be read back, although the edit was made.
    pub issue: Option<EditedIssue>,
    /// Content of the old description that Markdown cannot represent and that was lost.
    pub lost: Vec<Lost>,
}

/// An issue after an edit. Fields that Jira omits or sends in an unexpected form are null.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct EditedIssue {
    /// Digits.
    pub id: Option<String>,
    /// `PROJ-1`.
    pub key: Option<String>,
    /// The issue's page in Jira.
    pub url: Option<String>,
    /// The title, one line.
    pub summary: Option<String>,
    /// Markdown or an ADF document, as requested; null if there is none.
    pub description: Value,
    /// Its priority.
    pub priority: Option<NameAndIcon>,
    /// Task, bug, story and so on.
    pub issue_type: Option<NameAndIcon>,
    /// The assignee.
    pub assignee: Option<User>,
    /// `2024-01-01T10:00:00.000Z`.
    pub updated: Option<String>,
}

impl From<(Issue, DescriptionFormat)> for EditedIssue {
    fn from((raw, format): (Issue, DescriptionFormat)) -> Self {
        Self {
            summary: raw.text("summary"),
            description: format.read(raw.field("description")),
            priority: NameAndIcon::of(&raw, "priority"),
            issue_type: NameAndIcon::of(&raw, "issuetype"),
            assignee: User::of(&raw, "assignee"),
            updated: raw.time("updated"),
            id: raw.id,
            key: raw.key,
            url: None,
        }
    }
}

impl Linked for Outcome {
    fn link(&mut self, links: &Links) {
        if let Some(issue) = &mut self.issue {
            issue.url = links.browse(issue.key.as_deref());
        }
    }
}

impl ConnectedSite<'_> {
    /// Edits an issue and returns it, usually with one request. If Jira makes the edit without returning the issue, it
    /// is read back.
    ///
    /// One more request is made first if a text is Markdown, so that content that Markdown cannot represent is kept
    /// ([`adf::edit`]), or if `expected_updated` is set, and one before that for the form if there are values that need
    /// it.
    ///
    /// The last writer wins, field by field. Repeating an edit is harmless, so it is retried like a read. If nothing
    /// changes, the issue is only read.
    ///
    /// # Errors
    /// `jira_not_found`, `jira_refused` with Jira's field errors, `jira_conflict` if the issue is being written
    /// concurrently or was changed since `expected_updated`, `jira_forbidden`, `would_lose`; `outcome_unknown` if the
    /// response is unreadable.
    pub async fn edit(&self, issue: &IssueRef, edit: Edit) -> Result<Outcome> {
        self.linked(self.change(issue, edit)).await
    }

    async fn change(&self, issue: &IssueRef, edit: Edit) -> Result<Outcome> {
        let Edit { mut input, expected_updated, on_loss, format } = edit;
        if input.needs_form() {
            let form = self.edit_form(issue).await?;
            if form.is_empty() {
                return Err(Error::new(
                    ErrorCode::JiraForbidden,
                    "The connected Jira account may not edit this issue",
                ));
            }
            input.read_with(&form)?;
        }
        let mut lost = Vec::new();
        let texts: Vec<&str> = input.given().markdown().map(|(id, _)| id).collect();
        if !texts.is_empty() || expected_updated.is_some() {
            let stored = [&texts[..], &["updated"]].concat().join(",");
            let stored = self.jira.issue(issue.as_str(), &stored).await?;
            check_unchanged(expected_updated, &stored)?;
            lost = merge_texts(input.given(), &stored, on_loss)?;
        }
        let names = input.names();
        let fields = input.into_fields();
        if fields.is_empty() {
            let read = self.jira.issue(issue.as_str(), FIELDS).await?;
            return Ok(Outcome { issue: Some((read, format).into()), lost });
        }
        let returned = self.jira.edit_issue(issue, fields).await.map_err(|error| match error {
            JiraError::Unconfirmed(unread) => unconfirmed("The issue may be changed all the same.", *unread),
            error => issue_input::refused_length(&error)
                .unwrap_or_else(|| self.explain_rejected_fields(error.into(), &names)),
        })?;
        let edited = match returned {
            Some(returned) => Some(returned),
            None => match self.jira.issue(issue.as_str(), FIELDS).await {
                Ok(read) => Some(read),
                Err(error) => {
                    tracing::warn!(cause = %error, "edited issue could not be read back");
                    None
                }
            },
        };
        Ok(Outcome { issue: edited.map(|edited| (edited, format).into()), lost })
    }

    /// Deletes an issue permanently, optionally with its subtasks. The request is sent once.
    ///
    /// # Errors
    /// `jira_not_found`, `jira_refused` if the issue has subtasks that are not to be deleted, `jira_forbidden`;
    /// `outcome_unknown` if Jira did not confirm the deletion.
    pub async fn delete(&self, issue: &IssueRef, with_subtasks: bool) -> Result<()> {
        self.jira.delete_issue(issue, with_subtasks).await.map_err(|error| match error {
            JiraError::Unconfirmed(unread) if matches!(*unread, JiraError::Unreadable(_)) => {
                unconfirmed("The issue may be deleted all the same.", *unread)
            }
            error => error.into(),
        })
    }
}

/// The error for an unreadable response, when the request may have taken effect.
pub(super) fn unconfirmed(what: &str, unread: JiraError) -> Error {
    Error::provider_failed(
        format!("Jira returned a response that could not be read. {what}"),
        unread.to_string(),
    )
    .unconfirmed()
}

/// Rejects the edit if the issue was changed since this `updated`.
fn check_unchanged(expected: Option<OffsetDateTime>, stored: &Issue) -> Result<()> {
    let Some(expected) = expected else { return Ok(()) };
    match stored.time("updated").as_deref().and_then(moment) {
        Some(updated) if updated == expected => Ok(()),
        Some(_) => Err(Error::new(
            ErrorCode::JiraConflict,
            "The issue was changed since it was read. Read it again, then try again.",
        )),
        None => Err(Error::provider_failed(
            "Jira did not return when the issue was last updated, so expected_updated could not be checked",
            "an issue without updated",
        )),
    }
}
