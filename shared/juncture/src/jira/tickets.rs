//! Tickets, in the two shapes of the contract.

use atlassian::{
    JiraError, Named, PageError, ProjectId, Refusal, Search, SearchPosition, SprintId, Status, User,
};
use serde::Serialize;
use serde_json::Value;

use super::description::DescriptionFormat;
use super::errors::missing;
use super::links::{Linked, Links};
use super::site::ConnectedSite;
use crate::error::{Error, ErrorCode, Result};
use crate::paging::PageRequest;

/// A ticket as `get-tickets-for-project` lists it. What Jira leaves out, or sends as something odd, is null.
#[derive(Debug, Clone, Serialize)]
pub struct Ticket {
    /// Digits.
    pub id: Option<String>,
    /// `PROJ-1`.
    pub key: Option<String>,
    /// Where people see it.
    pub url: Option<String>,
    /// One line.
    pub summary: Option<String>,
    /// Markdown, or the document itself, as it was asked for; null where there is none.
    pub description: Value,
    /// Name of the status.
    pub status: Option<String>,
    /// Id of the status, digits: names are the site's own, and are translated.
    pub status_id: Option<String>,
    /// What the status amounts to: `new`, `indeterminate`, `done` or `undefined`.
    pub status_category: Option<String>,
    /// The name that the assignee's account shows; null when it shows none, and when nobody is assigned.
    pub assignee: Option<String>,
    /// The assignee's Atlassian account: tells an account that shows no name from nobody.
    pub assignee_account_id: Option<String>,
    /// As [`Self::assignee`], of who reported it.
    pub reporter: Option<String>,
    /// As [`Self::assignee_account_id`], of who reported it.
    pub reporter_account_id: Option<String>,
    /// Name of the priority.
    pub priority: Option<String>,
    /// Id of the priority, digits.
    pub priority_id: Option<String>,
    /// Name of the issue type.
    pub issue_type: Option<String>,
    /// Id of the issue type, digits.
    pub issue_type_id: Option<String>,
    /// Labels; what is no text is none.
    pub labels: Vec<String>,
    /// Key of the parent: of an epic, or of the issue that this is a subtask of.
    pub parent: Option<String>,
    /// Id of the parent, digits: it stays when the parent moves to another project, and its key does not.
    pub parent_id: Option<String>,
    /// RFC 3339, in UTC.
    pub created: Option<String>,
    /// RFC 3339, in UTC.
    pub updated: Option<String>,
}

/// A ticket as `get-tickets-for-sprint` lists it: its fields lie as Jira's do. What Jira leaves out, or
/// sends as something odd, is null.
#[derive(Debug, Clone, Serialize)]
pub struct SprintTicket {
    /// Digits.
    pub id: Option<String>,
    /// `PROJ-1`.
    pub key: Option<String>,
    /// Where people see it.
    pub url: Option<String>,
    /// The fields.
    pub fields: Fields,
}

/// The fields of a [`SprintTicket`], by Jira's names.
#[derive(Debug, Clone, Serialize)]
pub struct Fields {
    /// One line.
    pub summary: Option<String>,
    /// Markdown, or the document itself, as it was asked for; null where there is none.
    pub description: Value,
    /// The status.
    pub status: Option<Status>,
    /// Who works on it.
    pub assignee: Option<User>,
    /// Who wrote it.
    pub reporter: Option<User>,
    /// RFC 3339, in UTC.
    pub created: Option<String>,
    /// RFC 3339, in UTC.
    pub updated: Option<String>,
    /// The priority.
    pub priority: Option<Named>,
    /// The issue type.
    pub issuetype: Option<Named>,
    /// Labels.
    pub labels: Vec<String>,
    /// The epic, or the issue that this is a subtask of.
    pub parent: Option<Parent>,
}

/// The issue that another belongs to.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Parent {
    /// Digits.
    pub id: Option<String>,
    /// `PROJ-1`.
    pub key: Option<String>,
    /// Where people see it.
    pub url: Option<String>,
}

impl From<(atlassian::Ticket, DescriptionFormat)> for SprintTicket {
    fn from((raw, format): (atlassian::Ticket, DescriptionFormat)) -> Self {
        let fields = raw.fields.unwrap_or_default();
        Self {
            id: raw.id,
            key: raw.key,
            url: None,
            fields: Fields {
                summary: fields.summary,
                description: format.read(&fields.description),
                status: fields.status,
                assignee: fields.assignee,
                reporter: fields.reporter,
                created: fields.created,
                updated: fields.updated,
                priority: fields.priority,
                issuetype: fields.issuetype,
                labels: fields.labels,
                parent: fields.parent.map(|atlassian::Parent { id, key }| Parent { id, key, url: None }),
            },
        }
    }
}

impl From<(atlassian::Ticket, DescriptionFormat)> for Ticket {
    fn from(raw: (atlassian::Ticket, DescriptionFormat)) -> Self {
        let SprintTicket { id, key, url, fields } = raw.into();
        let person =
            |user: Option<User>| user.map_or((None, None), |user| (user.display_name, user.account_id));
        let (assignee, assignee_account_id) = person(fields.assignee);
        let (reporter, reporter_account_id) = person(fields.reporter);
        let status = fields.status.unwrap_or_default();
        let priority = fields.priority.unwrap_or_default();
        let issue_type = fields.issuetype.unwrap_or_default();
        let parent = fields.parent.unwrap_or_default();
        Self {
            id,
            key,
            url,
            summary: fields.summary,
            description: fields.description,
            status: status.name,
            status_id: status.id,
            status_category: status.category.and_then(|category| category.key),
            assignee,
            assignee_account_id,
            reporter,
            reporter_account_id,
            priority: priority.name,
            priority_id: priority.id,
            issue_type: issue_type.name,
            issue_type_id: issue_type.id,
            labels: fields.labels,
            parent: parent.key,
            parent_id: parent.id,
            created: fields.created,
            updated: fields.updated,
        }
    }
}

impl Linked for SprintTicket {
    fn link(&mut self, links: &Links) {
        self.url = links.browse(self.key.as_deref());
        if let Some(parent) = &mut self.fields.parent {
            parent.url = links.browse(parent.key.as_deref());
        }
    }
}

impl Linked for Ticket {
    fn link(&mut self, links: &Links) {
        self.url = links.browse(self.key.as_deref());
    }
}

/// What to search for.
pub struct TicketSearch {
    search: Search,
    /// The code and the sentence of a 404 for a query about something that does not exist.
    unknown: (ErrorCode, &'static str),
    format: DescriptionFormat,
}

impl TicketSearch {
    /// The tickets of a project, with the descriptions in this form.
    pub fn of_project(project: &ProjectId, format: DescriptionFormat) -> Self {
        let unknown = (ErrorCode::ProjectNotFound, "Project not found");
        Self { search: Search::of_project(project), unknown, format }
    }

    /// The tickets of a sprint, with the descriptions in this form.
    pub fn of_sprint(sprint: &SprintId, format: DescriptionFormat) -> Self {
        let unknown = (ErrorCode::SprintNotFound, "Sprint not found");
        Self { search: Search::of_sprint(sprint), unknown, format }
    }

    fn explain(&self, error: JiraError) -> Error {
        missing(error.into(), self.unknown.0, self.unknown.1)
    }
}

impl ConnectedSite<'_> {
    /// The tickets of a search: all of them, or one part, which may be shorter than its limit and still be followed by
    /// another.
    ///
    /// # Errors
    /// 404 when what the search is about does not exist or is hidden, 400 when the part begins at a place that Jira has
    /// forgotten; what Jira refuses or fails at.
    pub async fn tickets<T: From<(atlassian::Ticket, DescriptionFormat)> + Linked>(
        &self,
        search: &TicketSearch,
        part: Option<&PageRequest<SearchPosition>>,
    ) -> Result<(Vec<T>, Option<SearchPosition>)> {
        self.linked(self.find_tickets(search, part)).await
    }

    async fn find_tickets<T: From<(atlassian::Ticket, DescriptionFormat)>>(
        &self,
        of: &TicketSearch,
        part: Option<&PageRequest<SearchPosition>>,
    ) -> Result<(Vec<T>, Option<SearchPosition>)> {
        let convert = |ticket| T::from((ticket, of.format));
        let recent = self.recent_issues();
        let Some(PageRequest { limit, from }) = part else {
            let all = self.jira.all_tickets(&of.search, &recent, &convert).await;
            return Ok((all.map_err(|error| of.explain(error))?, None));
        };
        let some = self.jira.some_tickets(&of.search, from.as_ref(), &recent, *limit, &convert).await;
        some.map_err(|error| match error {
            PageError::Page(error) if from.is_some() && error.refusal() == Some(Refusal::Invalid) => {
                Error::bad_request("The cursor has expired; start again without it")
                    .because(Error::from(error).cause_chain().unwrap_or_default())
            }
            PageError::Page(error) => of.explain(error),
            PageError::Tickets(error) => error.into(),
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{json, to_value};

    use super::*;

    #[test]
    fn what_jira_leaves_out_is_null() {
        let raw = || serde_json::from_value::<atlassian::Ticket>(json!({ "id": "1", "key": "A-1" })).unwrap();
        let flat = to_value(Ticket::from((raw(), DescriptionFormat::default()))).unwrap();
        let nested = to_value(SprintTicket::from((raw(), DescriptionFormat::default()))).unwrap();
        for (name, value) in flat.as_object().unwrap().iter().chain(nested["fields"].as_object().unwrap()) {
            let expected = match name.as_str() {
                "id" => json!("1"),
                "key" => json!("A-1"),
                "labels" => json!([]),
                _ => json!(null),
            };
            assert_eq!(value, &expected, "{name}");
        }
    }

    #[test]
    fn an_odd_value_is_null_and_costs_nothing_else() {
        let fine = || {
            json!({
                "summary": "Load the grain", "description": "plain", "labels": ["a"], "parent": { "id": "2", "key": "A-2" },
                "status": { "id": "3", "name": "Done", "statusCategory": { "id": 3, "key": "done", "colorName": "green" } },
                "assignee": { "accountId": "5:a", "displayName": "Sam" },
                "reporter": { "accountId": "5:b", "displayName": "Ada" },
                "priority": { "id": "1", "name": "High" }, "issuetype": { "id": "4", "name": "Task" },
                "created": "2024-01-01T00:00:00.000+0000", "updated": "2024-01-02T00:00:00.000+0000",
            })
        };
        let read = |fields: Value| {
            let raw = || {
                serde_json::from_value::<atlassian::Ticket>(
                    json!({ "id": "1", "key": "A-1", "fields": fields }),
                )
                .unwrap()
            };
            (
                to_value(Ticket::from((raw(), DescriptionFormat::default()))).unwrap(),
                to_value(SprintTicket::from((raw(), DescriptionFormat::default()))).unwrap()["fields"]
                    .clone(),
            )
        };
        let (flat, nested) = read(fine());
        assert!(flat.as_object().unwrap().iter().all(|(name, it)| name == "url" || !it.is_null()), "{flat}");
        for name in atlassian::TICKET_FIELDS {
            for odd in [json!(null), json!(7), json!(true), json!([null]), json!({ "name": 7 })] {
                let mut fields = fine();
                fields[name] = odd.clone();
                let (odd_flat, odd_nested) = read(fields);
                for (whole, with_odd) in [(&flat, &odd_flat), (&nested, &odd_nested)] {
                    for (field, value) in whole.as_object().unwrap() {
                        let is_its = field.starts_with(name)
                            || (field.starts_with("issue_type") && name == "issuetype");
                        if !is_its {
                            assert_eq!(&with_odd[field], value, "{field}, of {name}: {odd}");
                        } else if field == "labels" {
                            assert_eq!(with_odd[field], json!([]), "{odd}");
                        } else if whole == &flat && name != "description" {
                            assert_eq!(with_odd[field], json!(null), "{field}: {odd}");
                        }
                    }
                }
            }
        }
        for odd in [json!(null), json!([]), json!("none"), json!(7)] {
            assert_eq!(read(odd).0["summary"], json!(null));
        }
    }

    #[test]
    fn an_account_that_shows_no_name_is_not_nobody() {
        let fields = json!({ "assignee": { "accountId": "5:a", "displayName": null }, "reporter": null });
        let raw = || {
            serde_json::from_value::<atlassian::Ticket>(json!({ "id": 1, "key": "A-1", "fields": fields }))
                .unwrap()
        };
        let flat = to_value(Ticket::from((raw(), DescriptionFormat::default()))).unwrap();
        assert_eq!((&flat["assignee"], &flat["assignee_account_id"]), (&json!(null), &json!("5:a")));
        assert_eq!((&flat["reporter"], &flat["reporter_account_id"]), (&json!(null), &json!(null)));
        assert_eq!(flat["id"], "1");
        let nested = to_value(SprintTicket::from((raw(), DescriptionFormat::default()))).unwrap();
        assert_eq!(nested["fields"]["assignee"], json!({ "accountId": "5:a", "displayName": null }));
        assert_eq!(nested["fields"]["reporter"], json!(null));
    }
}
