//! Creating a ticket, once.
//!
//! <https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-issues/#api-rest-api-3-issue-post>

use std::time::Duration;

use base::deadline;
use http::{Method, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::client::{Call, JiraSite};
use super::ids::ProjectId;
use super::input::{self, IssueInput};
use super::issue::{self, OneIssue, RawIssue, text};
use super::links::Links;
use super::marked;
use crate::error::{Error, Result};
use crate::idempotency::{Attempt, Begun, IdempotencyStore};
use crate::lenient;

/// What the answer shows of the ticket.
const FIELDS: &str = "summary,status,assignee,priority,created,updated";

/// How long the read after a create may take; the ticket exists, so the answer need not wait for it.
const READ_BACK: Duration = Duration::from_secs(4);

/// What is kept back for recording the outcome.
const RESERVE: Duration = Duration::from_secs(2);

const UNREAD: &str =
    "The ticket was created, but Jira could not be asked for the rest of it: get-issue-details will have it.";

/// A ticket to be made.
pub struct NewTicket {
    /// Where.
    pub project: ProjectId,
    /// Its fields; summary and issue type among them.
    pub input: IssueInput,
}

/// The answer to a create.
#[derive(Debug, Clone, Serialize)]
pub struct Created {
    /// The ticket.
    pub ticket: CreatedTicket,
    /// There only when something could not be found out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub warning: Option<&'static str>,
}

/// A ticket that was just made. What is not known is null.
#[derive(Debug, Clone, Default, Serialize)]
pub struct CreatedTicket {
    /// Digits.
    pub id: Option<String>,
    /// `PROJ-1`.
    pub key: Option<String>,
    /// Where people see it.
    pub url: Option<String>,
    /// The title, one line.
    pub summary: Option<String>,
    /// The name of the status that it starts with.
    pub status: Option<String>,
    /// Id of the status, digits.
    pub status_id: Option<String>,
    /// What the status amounts to: `new`, `indeterminate`, `done` or `undefined`.
    pub status_category: Option<String>,
    /// Who works on it, by the name that the account shows; null when it shows none, and when nobody is assigned.
    pub assignee: Option<String>,
    /// The assignee's Atlassian account: tells an account that shows no name from nobody.
    pub assignee_account_id: Option<String>,
    /// The name of its priority.
    pub priority: Option<String>,
    /// Id of its priority, digits.
    pub priority_id: Option<String>,
    /// `2024-01-01T00:00:00.000Z`.
    pub created: Option<String>,
    /// As [`Self::created`].
    pub updated: Option<String>,
}

/// The issue types of a project.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct IssueTypes {
    #[serde(deserialize_with = "lenient::objects")]
    issue_types: Vec<Option<IssueType>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct IssueType {
    #[serde(deserialize_with = "lenient::id")]
    id: Option<String>,
    #[serde(deserialize_with = "lenient::flag")]
    subtask: Option<bool>,
}

/// How Jira names an issue: by its id, its key, or both.
#[derive(Debug, Clone)]
pub(super) struct Named {
    pub(super) id: Option<String>,
    pub(super) key: Option<String>,
}

impl From<RawIssue> for Named {
    fn from(raw: RawIssue) -> Self {
        Self { id: raw.id, key: raw.key }
    }
}

impl JiraSite<'_> {
    /// Creates a ticket. Jira is asked once, and again only after a 429, which says that nothing was done.
    ///
    /// # Errors
    /// `jira_refused` with Jira's field errors, `jira_not_found` for the project or the issue type,
    /// `jira_forbidden`; `outcome_unknown` when the ticket may exist all the same.
    pub async fn create(&self, ticket: NewTicket) -> Result<Created> {
        let summary = ticket.input.summary().map(str::to_owned);
        let create = async { Ok(self.describe(self.send_create(ticket, None).await?, summary).await) };
        let (mut created, links) = self.with_links(create).await?;
        created.ticket.url = links.browse(created.ticket.key.as_deref());
        Ok(created)
    }

    /// Creates a ticket once for all requests with this `Idempotency-Key` and body, whose digest is `request`:
    /// the first one's answer is everybody's.
    ///
    /// The ticket bears a mark (an entity property), so that a request whose forerunner lost its connection to
    /// Jira can tell whether the ticket exists.
    ///
    /// # Errors
    /// As [`Self::create`] and [`IdempotencyStore::begin`].
    pub async fn create_once(
        &self,
        once: &IdempotencyStore,
        idempotency_key: &str,
        request: &str,
        ticket: NewTicket,
    ) -> Result<Value> {
        let key = self.once_key(idempotency_key);
        let create = async {
            let claim = match once.begin(&key, request).await? {
                Begun::Replay(answer) => return Ok(answer),
                Begun::Attempt(claim) => claim,
            };
            let outcome = claim.hold(self.create_claimed(&claim, ticket)).await;
            claim.finish(outcome).await
        };
        let (mut answer, links) = self.with_links(create).await?;
        complete(&mut answer, &links);
        Ok(answer)
    }

    async fn create_claimed(&self, claim: &Attempt<'_>, ticket: NewTicket) -> Result<Value> {
        let summary = ticket.input.summary().map(str::to_owned);
        let known = match claim.unconfirmed_send() {
            Some(doubt) => self.find_marked(claim, doubt).await.map_err(still_in_doubt)?,
            None => None,
        };
        let named = match known {
            Some(named) => named,
            None => {
                claim.about_to_send(ticket.project.as_str()).await?;
                self.send_create(ticket, Some(claim.key().digest())).await?
            }
        };
        serde_json::to_value(self.describe(named, summary).await).map_err(Error::internal)
    }

    async fn send_create(&self, ticket: NewTicket, mark: Option<&str>) -> Result<Named> {
        let mut fields = ticket.input.into_fields();
        // Nothing is there yet that could be emptied.
        fields.retain(|_, value| !value.is_null());
        let project = ticket.project.as_str();
        let project =
            if ticket.project.is_number() { json!({ "id": project }) } else { json!({ "key": project }) };
        fields.insert("project".to_owned(), project);
        let mut body = json!({ "fields": fields });
        if let Some(mark) = mark {
            body["properties"] = json!([marked::property(mark)]);
        }
        let issue_type = body["fields"]["issuetype"]["id"].as_str();
        let call = Call {
            method: Method::POST,
            path: &["rest", "api", "3", "issue"],
            query: &[],
            body: Some(&body),
            scopes: "write:jira-work",
            repeatable: false,
        };
        let answer = match self.answer(call).await {
            Ok(answer) => answer,
            Err(error) => {
                let error = input::refused_length(error);
                return Err(self.refusal(error, ticket.project.as_str(), issue_type).await);
            }
        };
        let OneIssue(raw) = lenient::from_slice(&answer).map_err(|error| {
            Error::provider_failed("Jira gave an answer that cannot be read", error)
                .with_code("outcome_unknown")
        })?;
        Ok(raw.into())
    }

    /// Jira refuses an unknown project or issue type as it refuses a field: with 400. The field that it names tells,
    /// not what it says of it, which is in the account's language.
    ///
    /// One thing else is said of an issue type: that it is one of sub-tasks, which need a parent. So Jira is asked
    /// whether it is.
    async fn refusal(&self, error: Error, project: &str, issue_type: Option<&str>) -> Error {
        let is_unknown = is_about(&error, "project")
            || is_about(&error, "issuetype") && !self.is_subtask(project, issue_type).await;
        if is_unknown { error.with_code("jira_not_found").with_status(StatusCode::NOT_FOUND) } else { error }
    }

    /// Whether a project has an issue type, and it is one of sub-tasks.
    ///
    /// <https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-issues/#api-rest-api-3-issue-createmeta-projectidorkey-issuetypes-get>
    async fn is_subtask(&self, project: &str, issue_type: Option<&str>) -> bool {
        let path = ["rest", "api", "3", "issue", "createmeta", project, "issuetypes"];
        let query = [("maxResults", "200")];
        let types: Result<IssueTypes> = self.call(Call::get(&path, &query, "read:jira-work")).await;
        let types = types.map_or_else(|_| Vec::new(), |types| types.issue_types);
        let is_named = |id: &Option<String>| id.as_deref().is_some_and(|id| Some(id) == issue_type);
        types.iter().flatten().any(|it| it.subtask == Some(true) && is_named(&it.id))
    }

    /// What the answer shows, while searches are told of the ticket; never fails, for the ticket exists.
    async fn describe(&self, named: Named, summary: Option<String>) -> Created {
        let limit = READ_BACK.min(deadline::remaining().saturating_sub(RESERVE));
        let Named { id, key } = named;
        let name = id.as_deref().or(key.as_deref()).unwrap_or_default();
        let read = tokio::time::timeout(limit, self.read_issue(name, FIELDS));
        // Searches are told of tickets by their ids alone.
        let remember = async {
            if let Some(id) = &id {
                self.remember_issue(id).await;
            }
        };
        let (read, ()) = tokio::join!(read, remember);
        match read {
            Ok(Ok(raw)) => {
                let ticket = CreatedTicket {
                    summary: raw.text("summary").or(summary),
                    status: text(&raw.field("status")["name"]),
                    status_id: issue::id(&raw.field("status")["id"]),
                    status_category: text(&raw.field("status")["statusCategory"]["key"]),
                    assignee: text(&raw.field("assignee")["displayName"]),
                    assignee_account_id: text(&raw.field("assignee")["accountId"]),
                    priority: text(&raw.field("priority")["name"]),
                    priority_id: issue::id(&raw.field("priority")["id"]),
                    created: raw.time("created"),
                    updated: raw.time("updated"),
                    id: id.or(raw.id),
                    key: key.or(raw.key),
                    url: None,
                };
                Created { ticket, warning: None }
            }
            unread => {
                let cause = unread.map_or_else(|late| late.to_string(), |read| format!("{:?}", read.err()));
                tracing::warn!(cause, "a created ticket could not be read");
                let ticket = CreatedTicket { id, key, summary, ..CreatedTicket::default() };
                Created { ticket, warning: Some(UNREAD) }
            }
        }
    }
}

/// Gives an answer that was kept its link, which is not kept, and as null what the version that kept it did not know.
fn complete(answer: &mut Value, links: &Links) {
    let Some(ticket) = answer.get_mut("ticket").and_then(Value::as_object_mut) else { return };
    for name in ["status_id", "status_category", "priority_id"] {
        ticket.entry(name).or_insert(Value::Null);
    }
    let url = links.browse(ticket.get("key").and_then(Value::as_str));
    ticket.insert("url".to_owned(), url.into());
}

/// When Jira cannot be asked for the ticket, it may still exist.
fn still_in_doubt(error: Error) -> Error {
    let is_jiras = error.status().is_server_error() && error.code() != "storage_unavailable";
    if is_jiras { error.with_code("outcome_unknown") } else { error }
}

/// Whether Jira refused a field of this name.
fn is_about(error: &Error, field: &str) -> bool {
    error.code() == "jira_refused"
        && error.details().is_some_and(|details| !details["fields"][field].is_null())
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;

    use super::*;
    use crate::jira::failure::Failure;
    use crate::provider::jira::NamedSite;

    fn refused(body: &Value) -> Error {
        let body = body.to_string();
        Failure::read(StatusCode::BAD_REQUEST, &HeaderMap::new(), body.as_bytes()).into_error("")
    }

    #[test]
    fn an_answer_of_the_former_version_gets_what_it_lacks() {
        let site = NamedSite::new(None, Some("https://harbour.atlassian.net"));
        let mut kept = json!({ "ticket": { "key": "SHIP-1", "status": "To Do", "priority_id": "2" } });
        complete(&mut kept, &Links::to(&site));
        let expected = json!({ "ticket": { "key": "SHIP-1", "url": "https://harbour.atlassian.net/browse/SHIP-1",
            "status": "To Do", "status_id": null, "status_category": null, "priority_id": "2" } });
        assert_eq!(kept, expected);
        // Where the site is may have been known then, and not now.
        complete(&mut kept, &Links::default());
        assert_eq!(kept["ticket"]["url"], Value::Null);
    }

    #[test]
    fn the_field_that_jira_names_tells_and_not_its_words() {
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
