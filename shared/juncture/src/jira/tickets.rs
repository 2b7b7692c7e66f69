//! Issues in lists, in the contract's two formats.

use atlassian::{
    Condition, JiraError, Jql, Named, PageError, ProjectId, Refusal, Search, SearchPosition, SprintId,
    Status, User,
};
use serde::Serialize;
use serde_json::Value;

use super::description::DescriptionFormat;
use super::errors::{REFUSED_QUERY, expired_cursor, missing};
use super::links::{Linked, Links};
use super::site::ConnectedSite;
use super::ticket_filters::TicketFilters;
use crate::error::{Error, ErrorCode, Result};
use crate::paging::PageRequest;

/// Jira's refusal does not say, except in words of the account's language, what does not exist.
const REFUSED_FILTERS: &str =
    "Jira does not know the project, or a status or account of the filters: details has its reason";

/// An issue as `get-tickets-for-project` lists it. Fields that Jira omits or sends in an unexpected form are null.
#[derive(Debug, Clone, Serialize)]
pub struct Ticket {
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
    /// Status name.
    pub status: Option<String>,
    /// Status id, digits. Unlike the id, the name differs between sites and languages.
    pub status_id: Option<String>,
    /// Status category: `new`, `indeterminate`, `done` or `undefined`.
    pub status_category: Option<String>,
    /// Display name of the assignee; null if the account shows none, or if the issue is unassigned.
    pub assignee: Option<String>,
    /// Account id of the assignee; distinguishes an account without a visible name from an unassigned issue.
    pub assignee_account_id: Option<String>,
    /// Display name of the reporter, like [`Self::assignee`].
    pub reporter: Option<String>,
    /// Account id of the reporter, like [`Self::assignee_account_id`].
    pub reporter_account_id: Option<String>,
    /// Priority name.
    pub priority: Option<String>,
    /// Priority id, digits.
    pub priority_id: Option<String>,
    /// Name of the issue type.
    pub issue_type: Option<String>,
    /// Id of the issue type, digits.
    pub issue_type_id: Option<String>,
    /// Labels; values that are not strings are skipped.
    pub labels: Vec<String>,
    /// Key of the parent: the epic, or the parent issue of a subtask.
    pub parent: Option<String>,
    /// Id of the parent, digits. Unlike the key, it does not change if the parent moves to another project.
    pub parent_id: Option<String>,
    /// RFC 3339, in UTC.
    pub created: Option<String>,
    /// RFC 3339, in UTC.
    pub updated: Option<String>,
}

/// An issue as `get-tickets-for-sprint` lists it, with its fields nested like Jira's. Fields that Jira omits or sends
/// in an unexpected form are null.
#[derive(Debug, Clone, Serialize)]
pub struct SprintTicket {
    /// Digits.
    pub id: Option<String>,
    /// `PROJ-1`.
    pub key: Option<String>,
    /// The issue's page in Jira.
    pub url: Option<String>,
    /// Its fields.
    pub fields: Fields,
}

/// The fields of a [`SprintTicket`], with Jira's names.
#[derive(Debug, Clone, Serialize)]
pub struct Fields {
    /// The title, one line.
    pub summary: Option<String>,
    /// Markdown or an ADF document, as requested; null if there is none.
    pub description: Value,
    /// Its status.
    pub status: Option<Status>,
    /// The assignee.
    pub assignee: Option<User>,
    /// The reporter.
    pub reporter: Option<User>,
    /// RFC 3339, in UTC.
    pub created: Option<String>,
    /// RFC 3339, in UTC.
    pub updated: Option<String>,
    /// Its priority.
    pub priority: Option<Named>,
    /// Its issue type.
    pub issuetype: Option<Named>,
    /// Labels.
    pub labels: Vec<String>,
    /// The epic, or the parent issue of a subtask.
    pub parent: Option<Parent>,
}

/// The parent of an issue.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Parent {
    /// Digits.
    pub id: Option<String>,
    /// `PROJ-1`.
    pub key: Option<String>,
    /// The issue's page in Jira.
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

/// A search for issues.
pub struct TicketSearch {
    search: Search,
    filters: TicketFilters,
    /// What it means that Jira refuses the search.
    refusal: RefusalMeans,
    format: DescriptionFormat,
}

/// What it means that Jira refuses a search.
enum RefusalMeans {
    /// The project or sprint does not exist: 404 with this code and message.
    Unknown(ErrorCode, &'static str),
    /// Something in the query: 400 with this message.
    WrongQuery(&'static str),
}

impl TicketSearch {
    /// Searches a project's issues, with descriptions in this format.
    pub fn of_project(project: &ProjectId, filters: TicketFilters, format: DescriptionFormat) -> Self {
        let refusal = if filters.names_objects() {
            RefusalMeans::WrongQuery(REFUSED_FILTERS)
        } else {
            RefusalMeans::Unknown(ErrorCode::ProjectNotFound, "Project not found")
        };
        let search = Search::of(&filters.condition(project)).in_project(project);
        Self { search, filters, refusal, format }
    }

    /// Searches a sprint's issues, with descriptions in this format.
    pub fn of_sprint(sprint: &SprintId, format: DescriptionFormat) -> Self {
        let refusal = RefusalMeans::Unknown(ErrorCode::SprintNotFound, "Sprint not found");
        let search = Search::of(&Condition::sprint(sprint));
        Self { search, filters: TicketFilters::default(), refusal, format }
    }

    /// Searches with a query in JQL, for tickets that also have these fields.
    pub fn of_jql(query: Jql, fields: &[String], format: DescriptionFormat) -> Self {
        let search = Search::of_jql(query).with_fields(fields);
        let refusal = RefusalMeans::WrongQuery(REFUSED_QUERY);
        Self { search, filters: TicketFilters::default(), refusal, format }
    }

    fn explain(&self, error: JiraError) -> Error {
        let is_invalid = error.refusal() == Some(Refusal::Invalid);
        match self.refusal {
            RefusalMeans::Unknown(code, sentence) => missing(error.into(), code, sentence),
            RefusalMeans::WrongQuery(sentence) if is_invalid => Error::from(error).with_message(sentence),
            RefusalMeans::WrongQuery(_) => error.into(),
        }
    }
}

impl ConnectedSite<'_> {
    /// Runs a search and returns all its issues or one page. A page may have fewer issues than its limit and still be
    /// followed by another.
    ///
    /// # Errors
    /// 404 if the project or sprint does not exist or is not visible, 400 if a filter names something that does not exist
    /// or Jira no longer accepts the page's starting position.
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
        let convert = |ticket| of.filters.include(&ticket).then(|| T::from((ticket, of.format)));
        let recent = self.recent_issues();
        let Some(PageRequest { limit, from }) = part else {
            let all = self.jira.all_tickets(&of.search, &recent, &convert).await;
            let all = all.map_err(|error| of.explain(error))?;
            return Ok((all.into_iter().flatten().collect(), None));
        };
        let some = self.jira.some_tickets(&of.search, from.as_ref(), &recent, *limit, &convert).await;
        let (tickets, next) = some.map_err(|error| match error {
            PageError::Page(error) if from.is_some() && error.refusal() == Some(Refusal::Invalid) => {
                expired_cursor(error)
            }
            PageError::Page(error) => of.explain(error),
            PageError::Tickets(error) => error.into(),
        })?;
        Ok((tickets.into_iter().flatten().collect(), next))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{json, to_value};

    use super::*;

    #[test]
    fn fields_that_jira_omits_are_null() {
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
    fn an_unexpected_value_is_null_and_affects_nothing_else() {
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
    fn an_account_without_a_visible_name_is_not_null() {
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
