//! The filters of a ticket list, which need no JQL of the caller.

use atlassian::{Condition, ProjectId, timestamp};
use serde::Deserialize;
use time::OffsetDateTime;

use super::ids::is_account_id;
use crate::error::{Error, Result};

/// How many statuses or labels a filter may list.
const MAX_ENTRIES: usize = 50;

/// Maximum length of the words to search for, in characters.
const MAX_TEXT: usize = 500;

/// Maximum length of a label, in characters.
const MAX_LABEL: usize = 255;

/// The filters, as query parameters.
#[derive(Debug, Default, Deserialize)]
pub struct FilterQuery {
    /// Names or ids, separated by commas.
    status: Option<String>,
    status_category: Option<String>,
    /// An account id, or `none`.
    assignee_account_id: Option<String>,
    /// RFC 3339.
    updated_since: Option<String>,
    /// Separated by commas.
    labels: Option<String>,
    text: Option<String>,
}

/// The parsed filters; an issue has to match all of them.
#[derive(Debug, Default)]
pub struct TicketFilters {
    condition: Option<Condition>,
    /// The exact moment; the condition has its minute.
    updated_since: Option<OffsetDateTime>,
    /// Whether the condition names something that may not exist, for which Jira refuses the search.
    names_objects: bool,
}

impl TicketFilters {
    /// Parses the filters; 400 with a message that names the filter and what to send.
    pub fn of(query: &FilterQuery) -> Result<Self> {
        let FilterQuery { status, status_category, assignee_account_id, updated_since, labels, text } = query;
        let mut filters = Self::default();
        if let Some(statuses) = status {
            filters.add(&Condition::status(&list("status", statuses)?));
        }
        if let Some(category) = status_category {
            filters.add(&Condition::status_category(known_category(category)?));
        }
        if let Some(account) = assignee_account_id {
            filters.add(&Condition::assignee(account_or_none(account)?));
        }
        if let Some(moment) = updated_since {
            let moment = timestamp::moment(moment).ok_or_else(|| {
                Error::bad_request(
                    "updated_since must be a time with its offset from UTC, such as 2024-01-02T16:45:00.000Z. In a \
                     URL, a + is written as %2B.",
                )
            })?;
            filters.add(&Condition::updated_since(moment));
            filters.updated_since = Some(moment);
        }
        for label in labels.iter().map(|labels| list("labels", labels)).collect::<Result<Vec<_>>>()?.concat()
        {
            check_label(&label)?;
            filters.add(&Condition::label(&label));
        }
        if let Some(text) = text {
            filters.add(&words(text)?);
        }
        filters.names_objects = status.is_some() || assignee_account_id.is_some();
        Ok(filters)
    }

    fn add(&mut self, condition: &Condition) {
        self.condition = Some(match self.condition.take() {
            Some(others) => others.and(condition),
            None => condition.clone(),
        });
    }

    /// The condition on issues of a project.
    pub(super) fn condition(&self, project: &ProjectId) -> Condition {
        let in_project = Condition::project(project);
        self.condition.iter().fold(in_project, Condition::and)
    }

    /// Identifies the list that these filters make of a project, so that its cursors are valid for no other list.
    pub fn list_of(&self, project: &ProjectId) -> String {
        let Some(condition) = &self.condition else { return project.as_str().to_owned() };
        let since = self.updated_since.map(OffsetDateTime::unix_timestamp_nanos);
        format!("{} {} {since:?}", project.as_str(), condition.as_str())
    }

    /// Whether Jira may refuse the search because a status or an account does not exist.
    pub(super) fn names_objects(&self) -> bool {
        self.names_objects
    }

    /// Whether an issue that Jira found was updated since the exact moment. An unknown time is taken as recent.
    pub(super) fn include(&self, ticket: &atlassian::Ticket) -> bool {
        let updated = ticket.fields.as_ref().and_then(|fields| timestamp::moment(fields.updated.as_deref()?));
        match (self.updated_since, updated) {
            (Some(since), Some(updated)) => updated >= since,
            _ => true,
        }
    }
}

fn known_category(text: &str) -> Result<&str> {
    if ["new", "indeterminate", "done"].contains(&text) {
        return Ok(text);
    }
    Err(Error::bad_request("status_category must be new, indeterminate or done"))
}

fn account_or_none(text: &str) -> Result<Option<&str>> {
    match text {
        "none" => Ok(None),
        account if is_account_id(account) => Ok(Some(account)),
        _ => Err(Error::bad_request(
            "assignee_account_id must be the id of an Atlassian account, or none for unassigned tickets",
        )),
    }
}

fn check_label(label: &str) -> Result<()> {
    if label.chars().count() > MAX_LABEL || label.contains(char::is_whitespace) {
        return Err(Error::bad_request(format!(
            "labels contains an entry that cannot be a label in Jira: a label is at most {MAX_LABEL} characters long and \
             contains no spaces"
        )));
    }
    Ok(())
}

fn words(text: &str) -> Result<Condition> {
    if text.chars().count() > MAX_TEXT {
        return Err(Error::bad_request(format!("text is longer than {MAX_TEXT} characters")));
    }
    Condition::text(text).ok_or_else(|| {
        Error::bad_request("text has no words to search for: Jira does not find signs such as ? or *")
    })
}

/// Parses a list separated by commas. An entry in double quotes may contain commas.
fn list(name: &str, text: &str) -> Result<Vec<String>> {
    let refuse = || {
        Error::bad_request(format!(
            "{name} must be a list separated by commas, without empty entries. An entry that contains a comma is written \
             in double quotes."
        ))
    };
    let mut entries = Vec::new();
    let mut rest = Some(text);
    while let Some(next) = rest {
        let next = next.trim_start();
        let (entry, after) = match next.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"').ok_or_else(refuse)?,
            None => next.split_at(next.find(',').unwrap_or(next.len())),
        };
        if entry.trim().is_empty() {
            return Err(refuse());
        }
        entries.push(entry.trim().to_owned());
        rest = match after.trim_start() {
            "" => None,
            more => Some(more.strip_prefix(',').ok_or_else(refuse)?),
        };
    }
    if entries.len() > MAX_ENTRIES {
        return Err(Error::bad_request(format!("{name} has more than {MAX_ENTRIES} entries")));
    }
    Ok(entries)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn filters(query: &str) -> Result<TicketFilters> {
        let uri = format!("https://api.example.com/x?{query}");
        let request = http::Request::builder().uri(uri).body(Default::default()).unwrap();
        TicketFilters::of(&runtime::query(&request)?)
    }

    fn jql(query: &str) -> String {
        let project = ProjectId::parse("SHIP").unwrap();
        let jql = filters(query).unwrap().condition(&project).as_str().to_owned();
        jql.strip_prefix("project = \"SHIP\"").unwrap().to_owned()
    }

    #[test]
    fn filters_are_conditions_on_the_project() {
        for (query, expected) in [
            ("", ""),
            ("status=&labels=&text=&assignee_account_id=", ""),
            ("status=To%20Do", " AND status in (\"To Do\")"),
            (
                "status=10001, In Progress,\"Waiting, for ever\"",
                " AND status in (10001, \"In Progress\", \"Waiting, for ever\")",
            ),
            ("status=5\" pipe", " AND status in (\"5\\\" pipe\")"),
            ("status_category=indeterminate", " AND statusCategory = \"indeterminate\""),
            ("assignee_account_id=none", " AND assignee is EMPTY"),
            ("assignee_account_id=557058:a-b", " AND assignee = \"557058:a-b\""),
            ("updated_since=2024-11-29T10:44:51.887%2B0000", " AND updated >= 1732877040000"),
            ("labels=a,b", " AND labels = \"a\" AND labels = \"b\""),
            ("text=rope \"", " AND text ~ \"rope\""),
            ("text=rope&labels=a&status=3", " AND status in (3) AND labels = \"a\" AND text ~ \"rope\""),
        ] {
            let query = query.replace(' ', "%20").replace('"', "%22");
            assert_eq!(jql(&query), expected, "{query}");
        }
    }

    #[test]
    fn a_wrong_filter_is_named() {
        let many = vec!["a"; 51].join(",");
        let long = "a".repeat(501);
        for (query, name) in [
            ("status=,", "status"),
            ("status=a,,b", "status"),
            ("status=%22a", "status"),
            ("status=%22a%22b", "status"),
            ("status=%22%22", "status"),
            ("status=%20", "status"),
            (&format!("labels={many}"), "labels"),
            ("labels=a%20b", "labels"),
            (&format!("labels={long}"), "labels"),
            ("status_category=Done", "status_category"),
            ("assignee_account_id=Ada%20Admin", "assignee_account_id"),
            ("updated_since=2024-01-02", "updated_since"),
            ("updated_since=2024-01-02T16:45:00", "updated_since"),
            ("updated_since=-7d", "updated_since"),
            ("text=%3F*", "text"),
            (&format!("text={long}"), "text"),
        ] {
            let refused = filters(query).unwrap_err();
            assert!(refused.message().starts_with(name), "{query}: {}", refused.message());
            assert_eq!(refused.status(), 400);
        }
    }

    #[test]
    fn each_list_has_its_own_cursors() {
        let project = ProjectId::parse("10000").unwrap();
        let list = |query: &str| filters(query).unwrap().list_of(&project);
        assert_eq!(list(""), "10000", "cursors from before there were filters stay valid");
        let lists = [
            "labels=a",
            "labels=a,b",
            "text=a",
            "updated_since=2024-01-01T00:00:00.000Z",
            "updated_since=2024-01-01T00:00:00.001Z",
        ];
        let distinct: std::collections::BTreeSet<String> = lists.into_iter().map(list).collect();
        assert_eq!(distinct.len(), lists.len());
        assert_eq!(list("labels=a,b"), list("labels=a,%20b"));
    }

    #[test]
    fn issues_of_the_same_minute_are_compared_exactly() {
        let filters = filters("updated_since=2024-01-01T10:00:30.500Z").unwrap();
        let ticket = |updated: serde_json::Value| {
            serde_json::from_value(json!({ "id": "1", "fields": { "updated": updated } })).unwrap()
        };
        assert!(!filters.include(&ticket(json!("2024-01-01T10:00:30.499+0000"))));
        assert!(filters.include(&ticket(json!("2024-01-01T10:00:30.500+0000"))));
        assert!(filters.include(&ticket(json!("2024-01-01T12:00:30.500+0200"))));
        assert!(filters.include(&ticket(json!(null))));
        assert!(TicketFilters::default().include(&ticket(json!("2000-01-01T00:00:00.000+0000"))));
    }
}
