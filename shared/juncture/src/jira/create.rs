//! Creating an issue, once.

use std::time::Duration;

use atlassian::lenient::{id_of, text_of};
use atlassian::{Issue, IssueTypeId, JiraError, ProjectId, Refusal};
use base::deadline;
use serde::Serialize;
use serde_json::{Value, json};

use super::create_recovery;
use super::creation::Creation;
use super::issue_input::{self, IssueInput};
use super::links::Links;
use super::site::ConnectedSite;
use crate::error::{Error, ErrorCode, Result};
use crate::idempotency::{Attempt, Once, UnconfirmedSend};

/// The fields in the response.
const FIELDS: &str = "summary,status,assignee,priority,created,updated";

/// Timeout for reading back what was created. It exists already, so the response need not wait long.
pub(super) const READ_BACK: Duration = Duration::from_secs(4);

/// Time reserved for recording the outcome.
pub(super) const RESERVE: Duration = Duration::from_secs(2);

const UNREAD: &str =
    "The ticket was created, but Jira could not be asked for the rest of it: get-issue-details will have it.";

/// An issue to create.
pub struct NewTicket {
    /// The project to create it in.
    pub project: ProjectId,
    /// Its fields, which must include the summary and the issue type.
    pub input: IssueInput,
}

/// The response to a create.
#[derive(Debug, Clone, Serialize)]
struct Created {
    ticket: CreatedTicket,
    /// Set only if the issue could not be read back.
    #[serde(skip_serializing_if = "Option::is_none")]
    warning: Option<&'static str>,
}

/// A newly created issue. Unknown fields are null.
#[derive(Debug, Clone, Default, Serialize)]
pub struct CreatedTicket {
    /// Digits.
    pub id: Option<String>,
    /// `PROJ-1`.
    pub key: Option<String>,
    /// The issue's page in Jira.
    pub url: Option<String>,
    /// The title, one line.
    pub summary: Option<String>,
    /// The name of its initial status.
    pub status: Option<String>,
    /// Status id, digits.
    pub status_id: Option<String>,
    /// Status category: `new`, `indeterminate`, `done` or `undefined`.
    pub status_category: Option<String>,
    /// Display name of the assignee; null if the account shows none, or if the issue is unassigned.
    pub assignee: Option<String>,
    /// Account id of the assignee; distinguishes an account without a visible name from an unassigned issue.
    pub assignee_account_id: Option<String>,
    /// Priority name.
    pub priority: Option<String>,
    /// Priority id, digits.
    pub priority_id: Option<String>,
    /// `2024-01-01T00:00:00.000Z`.
    pub created: Option<String>,
    /// In the format of [`Self::created`].
    pub updated: Option<String>,
}

/// An issue to create on a site.
struct Creating<'a> {
    site: &'a ConnectedSite<'a>,
    ticket: NewTicket,
}

impl Creation for Creating<'_> {
    fn place(&self) -> String {
        self.ticket.project.as_str().to_owned()
    }

    async fn prepare(&mut self) -> Result<()> {
        let NewTicket { project, input } = &mut self.ticket;
        if input.needs_form() {
            let issue_type = IssueTypeId::parse(input.issue_type().unwrap_or_default())?;
            input.read_with(&self.site.create_form(project, &issue_type).await?)?;
        }
        Ok(())
    }

    async fn find(&self, attempt: &Attempt<'_>, unconfirmed: &UnconfirmedSend) -> Result<Option<Value>> {
        let Some(found) = self.site.find_marked(attempt, unconfirmed).await? else { return Ok(None) };
        let summary = self.ticket.input.summary().map(str::to_owned);
        self.site.describe(found, summary).await.map(Some)
    }

    async fn send(self, mark: Option<&str>) -> Result<Value> {
        let summary = self.ticket.input.summary().map(str::to_owned);
        let created = self.site.send_create(self.ticket, mark).await?;
        self.site.describe(created, summary).await
    }
}

impl ConnectedSite<'_> {
    /// Creates an issue. The request is sent once, and again only after a 429, which means that nothing was done.
    ///
    /// One more request is made first, for the form, if there are values that need it.
    ///
    /// With an `Idempotency-Key`, the issue is marked with an entity property, so that after a lost connection to Jira
    /// the next request can find out whether the issue exists.
    ///
    /// # Errors
    /// `jira_refused` with Jira's field errors, `jira_not_found` for the project or the issue type, `jira_forbidden`;
    /// `outcome_unknown` if the issue may have been created; those of `Self::once`.
    pub async fn create(&self, once: &Once<'_>, ticket: NewTicket) -> Result<Value> {
        let (mut answer, links) = self.with_links(self.once(once, Creating { site: self, ticket })).await?;
        complete(&mut answer, &links);
        Ok(answer)
    }

    async fn send_create(&self, ticket: NewTicket, mark: Option<&str>) -> Result<Issue> {
        let names = ticket.input.names();
        let mut fields = ticket.input.into_fields();
        let issue_type = fields.get("issuetype").and_then(|it| text_of(&it["id"]));
        fields.retain(|_, value| is_set(value));
        let project = ticket.project.as_str();
        let project =
            if ticket.project.is_number() { json!({ "id": project }) } else { json!({ "key": project }) };
        fields.insert("project".to_owned(), project);
        let properties = mark.map(|mark| json!([create_recovery::property(mark)]));
        match self.jira.create_issue(fields, properties).await {
            Ok(issue) => Ok(issue),
            Err(error) => {
                let refused = self.refusal(error, &ticket.project, issue_type.as_deref()).await;
                Err(self.explain_rejected_fields(refused, &names))
            }
        }
    }

    /// Jira rejects an unknown project or issue type with 400, like any invalid field. Only the field name is checked,
    /// because the message is in the account's language.
    ///
    /// An issue type is also rejected if it is a subtask type, which needs a parent. So this asks Jira whether it is
    /// one.
    async fn refusal(&self, error: JiraError, project: &ProjectId, issue_type: Option<&str>) -> Error {
        if let Some(too_long) = issue_input::refused_length(&error) {
            return too_long;
        }
        let is_unknown = is_about(&error, "project")
            || is_about(&error, "issuetype") && !self.is_subtask(project, issue_type).await;
        let error = Error::from(error);
        if is_unknown { error.with_code(ErrorCode::JiraNotFound) } else { error }
    }

    /// Whether the project has this issue type and it is a subtask type.
    async fn is_subtask(&self, project: &ProjectId, issue_type: Option<&str>) -> bool {
        let types = self.jira.issue_types(project).await.unwrap_or_default();
        let is_named = |id: &Option<String>| id.as_deref().is_some_and(|id| Some(id) == issue_type);
        types.iter().any(|it| it.subtask == Some(true) && is_named(&it.id))
    }

    /// Reads the issue back for the response and, in parallel, records it for searches. Never fails, because the issue
    /// exists.
    async fn describe(&self, made: Issue, summary: Option<String>) -> Result<Value> {
        let limit = READ_BACK.min(deadline::remaining().saturating_sub(RESERVE));
        let Issue { id, key, .. } = made;
        let name = id.as_deref().or(key.as_deref()).unwrap_or_default();
        let read = tokio::time::timeout(limit, self.jira.issue(name, FIELDS));
        // Searches are given the numeric ids of recent issues.
        let remember = async {
            if let Some(id) = &id {
                self.remember_issue(id).await;
            }
        };
        let (read, ()) = tokio::join!(read, remember);
        let created = match read {
            Ok(Ok(raw)) => {
                let ticket = CreatedTicket {
                    summary: raw.text("summary").or(summary),
                    status: text_of(&raw.field("status")["name"]),
                    status_id: id_of(&raw.field("status")["id"]),
                    status_category: text_of(&raw.field("status")["statusCategory"]["key"]),
                    assignee: text_of(&raw.field("assignee")["displayName"]),
                    assignee_account_id: text_of(&raw.field("assignee")["accountId"]),
                    priority: text_of(&raw.field("priority")["name"]),
                    priority_id: id_of(&raw.field("priority")["id"]),
                    created: raw.time("created"),
                    updated: raw.time("updated"),
                    id: id.or(raw.id),
                    key: key.or(raw.key),
                    url: None,
                };
                Created { ticket, warning: None }
            }
            unread => {
                let cause = match unread {
                    Ok(read) => read.err().map(|error| error.to_string()),
                    Err(late) => Some(late.to_string()),
                };
                tracing::warn!(cause, "created issue could not be read back");
                let ticket = CreatedTicket { id, key, summary, ..CreatedTicket::default() };
                Created { ticket, warning: Some(UNREAD) }
            }
        };
        serde_json::to_value(created).map_err(Error::internal)
    }
}

/// Completes a stored response: adds the link, which is not stored, and nulls for fields that older versions did not
/// store.
fn complete(answer: &mut Value, links: &Links) {
    let Some(ticket) = answer.get_mut("ticket").and_then(Value::as_object_mut) else { return };
    for name in ["status_id", "status_category", "priority_id"] {
        ticket.entry(name).or_insert(Value::Null);
    }
    let url = links.browse(ticket.get("key").and_then(Value::as_str));
    ticket.insert("url".to_owned(), url.into());
}

/// Whether a value is worth sending for a new issue, which has nothing to clear. Jira refuses even an empty list if the
/// field is not on the screen.
fn is_set(value: &Value) -> bool {
    !value.is_null() && value.as_array().is_none_or(|list| !list.is_empty())
}

/// Whether Jira rejected the field with this name.
fn is_about(error: &JiraError, field: &str) -> bool {
    error.refusal() == Some(Refusal::Invalid)
        && error.response().is_some_and(|response| response.field(field).is_some())
}

#[cfg(test)]
mod tests {
    use atlassian::JiraErrorResponse;
    use http::{HeaderMap, StatusCode};

    use super::*;
    use crate::provider::NamedSite;

    fn refused(body: &Value) -> JiraError {
        let body = body.to_string();
        let response = JiraErrorResponse::read(StatusCode::BAD_REQUEST, &HeaderMap::new(), body.as_bytes());
        JiraError::Refused { response: Box::new(response), scopes: "" }
    }

    #[test]
    fn what_clears_a_field_is_not_sent_for_a_new_issue() {
        assert!(!is_set(&json!(null)) && !is_set(&json!([])));
        for value in [json!(0), json!(false), json!(""), json!(["a"]), json!({})] {
            assert!(is_set(&value), "{value}");
        }
    }

    #[test]
    fn a_stored_response_of_an_older_version_is_completed() {
        let site = NamedSite::new(None, Some("https://harbour.atlassian.net"));
        let mut kept = json!({ "ticket": { "key": "SHIP-1", "status": "To Do", "priority_id": "2" } });
        complete(&mut kept, &Links::to(&site));
        let expected = json!({ "ticket": { "key": "SHIP-1", "url": "https://harbour.atlassian.net/browse/SHIP-1",
            "status": "To Do", "status_id": null, "status_category": null, "priority_id": "2" } });
        assert_eq!(kept, expected);
        // The site URL may have been known when the response was stored, and not now.
        complete(&mut kept, &Links::default());
        assert_eq!(kept["ticket"]["url"], Value::Null);
    }

    #[test]
    fn jiras_field_names_decide_and_not_its_messages() {
        for said in
            ["valid project is required", "Gib ein gültiges Projekt an", "プロジェクトを指定してください。"]
        {
            let error = refused(&json!({ "errorMessages": [], "errors": { "project": said } }));
            assert!(is_about(&error, "project") && !is_about(&error, "issuetype"), "{said}");
        }
        for other in [
            json!({ "errors": { "summary": "Specify a valid project" } }),
            json!({ "errorMessages": ["valid project is required"], "errors": {} }),
            json!({ "errors": ["valid project is required"] }),
            json!({ "errors": { "project": null } }),
        ] {
            assert!(!is_about(&refused(&other), "project"), "{other}");
        }
    }
}
