//! Changing and deleting an issue.

use adf::Lost;
use atlassian::timestamp::moment;
use atlassian::{Issue, IssueRef, JiraError};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use time::OffsetDateTime;

use super::description::DescriptionFormat;
use super::issue_details::{NameAndIcon, User};
use super::issue_input::{self, IssueFields, IssueInput};
use super::links::{Linked, Links};
use super::site::ConnectedSite;
use crate::error::{Error, ErrorCode, Result};

/// What an edit must know before.
const STORED: &str = "description,updated";

/// What the answer to an edit shows.
const FIELDS: &str = "summary,description,priority,issuetype,assignee,updated";

/// What is to become of an issue.
pub struct Edit {
    input: IssueInput,
    /// When the issue was last changed, as far as the caller knows.
    expected_updated: Option<OffsetDateTime>,
    refuses_loss: bool,
    format: DescriptionFormat,
}

/// How an edit is made, as it stands in a body.
#[derive(Debug, Default, Deserialize)]
pub struct EditOptions {
    /// The issue's `updated` as it was read; if Jira has another one by now, nothing is changed.
    expected_updated: Option<String>,
    /// `report` or `refuse`: what to do if the description would lose what Markdown cannot say.
    on_loss: Option<String>,
    /// The form of the description in the answer.
    description_format: Option<String>,
}

impl Edit {
    /// Reads what a body has of an edit.
    ///
    /// # Errors
    /// 400 with a sentence that names the field and what to send.
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
        let refuses_loss = match options.on_loss.as_deref() {
            None | Some("report") => false,
            Some("refuse") => true,
            Some(_) => return Err(Error::bad_request("on_loss must be report or refuse")),
        };
        let format = DescriptionFormat::parse(options.description_format.as_deref())?;
        Ok(Self { input, expected_updated: expected.transpose()?, refuses_loss, format })
    }
}

/// What an edit came to.
pub struct Outcome {
    /// The issue as it is now; `None` where Jira could not be asked for it: the change is made all the same.
    pub issue: Option<EditedIssue>,
    /// What the description had that Markdown cannot say, and has no longer.
    pub lost: Vec<Lost>,
}

/// An issue after an edit. What Jira leaves out, or sends as something odd, is null.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct EditedIssue {
    /// Digits.
    pub id: Option<String>,
    /// `PROJ-1`.
    pub key: Option<String>,
    /// Where people see it.
    pub url: Option<String>,
    /// The title, one line.
    pub summary: Option<String>,
    /// Markdown, or the document itself, as it was asked for; null where there is none.
    pub description: Value,
    /// How urgent it is.
    pub priority: Option<NameAndIcon>,
    /// Task, bug, story and so on.
    pub issue_type: Option<NameAndIcon>,
    /// Who works on it.
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
    /// Changes an issue and gives it as it is then, in one call. Jira may change an issue and not return it; then
    /// it is read once.
    ///
    /// One call more, before, is made for a description in Markdown, so that it keeps what Markdown cannot say
    /// ([`adf::edit`]), and for `expected_updated`.
    ///
    /// The last writer wins, field by field. Writing the same twice is harmless, so an edit is repeated as a read
    /// is. Where nothing is to change, the issue is read.
    ///
    /// # Errors
    /// `jira_not_found`, `jira_refused` with Jira's field errors, `jira_conflict` when somebody else was just
    /// writing or has written since `expected_updated`, `jira_forbidden`, `would_lose`; `outcome_unknown` when the
    /// answer makes no sense.
    pub async fn edit(&self, issue: &IssueRef, edit: Edit) -> Result<Outcome> {
        self.linked(self.change(issue, edit)).await
    }

    async fn change(&self, issue: &IssueRef, edit: Edit) -> Result<Outcome> {
        let Edit { mut input, expected_updated, refuses_loss, format } = edit;
        let mut lost = Vec::new();
        if input.markdown().is_some() || expected_updated.is_some() {
            let stored = self.jira.issue(issue.as_str(), STORED).await?;
            check_unchanged(expected_updated, &stored)?;
            lost = keep_what_markdown_cannot_say(&mut input, stored.field("description"))?;
            if refuses_loss && !lost.is_empty() {
                return Err(would_lose(&lost));
            }
        }
        let fields = input.into_fields();
        if fields.is_empty() {
            let read = self.jira.issue(issue.as_str(), FIELDS).await?;
            return Ok(Outcome { issue: Some((read, format).into()), lost });
        }
        let returned = self.jira.edit_issue(issue, fields).await.map_err(|error| match error {
            JiraError::Unconfirmed(unread) => unconfirmed("The issue may be changed all the same.", *unread),
            error => issue_input::refused_length(&error).unwrap_or_else(|| error.into()),
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

    /// Deletes an issue for good, with its sub-tasks if that is wanted; sent once.
    ///
    /// # Errors
    /// `jira_not_found`, `jira_refused` for an issue that has sub-tasks which are not to be deleted,
    /// `jira_forbidden`; `outcome_unknown` when Jira did not say whether it is done.
    pub async fn delete(&self, issue: &IssueRef, with_subtasks: bool) -> Result<()> {
        self.jira.delete_issue(issue, with_subtasks).await.map_err(|error| match error {
            JiraError::Unconfirmed(unread) if matches!(*unread, JiraError::Unreadable(_)) => {
                unconfirmed("The issue may be deleted all the same.", *unread)
            }
            error => error.into(),
        })
    }
}

/// An answer that cannot be read and leaves open whether the call had its effect.
fn unconfirmed(what: &str, unread: JiraError) -> Error {
    Error::provider_failed(
        format!("Jira returned a response that could not be read. {what}"),
        unread.to_string(),
    )
    .unconfirmed()
}

/// Refuses an edit of an issue that has changed since its `updated` was this.
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

/// Makes the description that is written as Markdown an edit of the one that Jira has, and says what that loses.
fn keep_what_markdown_cannot_say(input: &mut IssueInput, stored: &Value) -> Result<Vec<Lost>> {
    let Some(markdown) = input.markdown() else { return Ok(Vec::new()) };
    let edited =
        adf::edit(stored, markdown).map_err(|large| Error::bad_request(format!("description {large}")))?;
    let is_changed = edited.document.as_json() != stored;
    input.set_description(Some(edited.document).filter(|_| is_changed));
    Ok(edited.lost)
}

fn would_lose(lost: &[Lost]) -> Error {
    let list: Vec<String> = lost.iter().map(|lost| format!("{} ({})", lost.kind, lost.count)).collect();
    let sentence = format!(
        "The description would lose what Markdown cannot say: {}. Nothing was changed. Send on_loss: \"report\" to edit \
         it all the same, or the description as an ADF document.",
        list.join(", ")
    );
    Error::new(ErrorCode::WouldLose, sentence).with_details(json!({ "lost": lost }))
}
