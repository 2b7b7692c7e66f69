//! Tickets, in the two shapes of the contract.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::timestamp;
use crate::adf;

/// What is asked of Jira for a ticket.
pub(super) const FIELDS: [&str; 11] = [
    "summary",
    "description",
    "status",
    "assignee",
    "reporter",
    "priority",
    "issuetype",
    "labels",
    "parent",
    "created",
    "updated",
];

/// A ticket as `get-tickets-for-project` lists it. What Jira leaves out is null.
#[derive(Debug, Clone, Serialize)]
pub struct Ticket {
    /// Digits.
    pub id: String,
    /// `PROJ-1`.
    pub key: String,
    /// One line.
    pub summary: Option<String>,
    /// Markdown.
    pub description: Option<String>,
    /// Name of the status.
    pub status: Option<String>,
    /// The name that the assignee's account shows.
    pub assignee: Option<String>,
    /// The name that the reporter's account shows.
    pub reporter: Option<String>,
    /// Name of the priority.
    pub priority: Option<String>,
    /// Name of the issue type.
    pub issue_type: Option<String>,
    /// Labels.
    pub labels: Vec<String>,
    /// Key of the parent: of an epic, or of the issue that this is a subtask of.
    pub parent: Option<String>,
    /// RFC 3339, in UTC.
    pub created: Option<String>,
    /// RFC 3339, in UTC.
    pub updated: Option<String>,
}

/// A ticket as `get-tickets-for-sprint` lists it: its fields lie as Jira's do. What Jira leaves out is null.
#[derive(Debug, Clone, Serialize)]
pub struct SprintTicket {
    /// Digits.
    pub id: String,
    /// `PROJ-1`.
    pub key: String,
    /// The fields.
    pub fields: Fields,
}

/// The fields of a [`SprintTicket`], by Jira's names.
#[derive(Debug, Clone, Serialize)]
pub struct Fields {
    /// One line.
    pub summary: Option<String>,
    /// Markdown.
    pub description: Option<String>,
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

/// A status.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Status {
    /// Digits.
    pub id: Option<String>,
    /// The name.
    pub name: Option<String>,
    /// What the status amounts to.
    #[serde(rename = "statusCategory")]
    pub category: Option<StatusCategory>,
}

/// To do, in progress or done.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct StatusCategory {
    /// 2 is to do, 4 in progress, 3 done.
    pub id: Option<i64>,
    /// `new`, `indeterminate` or `done`.
    pub key: Option<String>,
    /// The colour that Jira shows it in.
    #[serde(rename = "colorName")]
    pub color_name: Option<String>,
}

/// A person.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct User {
    /// The Atlassian account.
    #[serde(rename = "accountId")]
    pub account_id: Option<String>,
    /// The name that the account shows.
    #[serde(rename = "displayName")]
    pub display_name: Option<String>,
}

/// A priority, or an issue type.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Named {
    /// Digits.
    pub id: Option<String>,
    /// The name.
    pub name: Option<String>,
}

/// The issue that another belongs to.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Parent {
    /// Digits.
    pub id: Option<String>,
    /// `PROJ-1`.
    pub key: Option<String>,
}

/// An issue as Jira sends it, as far as it is read here.
#[derive(Deserialize)]
pub struct RawTicket {
    pub(super) id: String,
    #[serde(default)]
    key: String,
    #[serde(default)]
    fields: RawFields,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct RawFields {
    summary: Option<String>,
    description: Option<Value>,
    status: Option<Status>,
    assignee: Option<User>,
    reporter: Option<User>,
    priority: Option<Named>,
    issuetype: Option<Named>,
    labels: Option<Vec<String>>,
    parent: Option<Parent>,
    #[serde(deserialize_with = "timestamp::deserialize")]
    created: Option<String>,
    #[serde(deserialize_with = "timestamp::deserialize")]
    updated: Option<String>,
}

impl From<RawTicket> for SprintTicket {
    fn from(raw: RawTicket) -> Self {
        let fields = raw.fields;
        Self {
            id: raw.id,
            key: raw.key,
            fields: Fields {
                summary: fields.summary,
                description: fields.description.as_ref().map(adf::to_markdown),
                status: fields.status,
                assignee: fields.assignee,
                reporter: fields.reporter,
                created: fields.created,
                updated: fields.updated,
                priority: fields.priority,
                issuetype: fields.issuetype,
                labels: fields.labels.unwrap_or_default(),
                parent: fields.parent,
            },
        }
    }
}

impl From<RawTicket> for Ticket {
    fn from(raw: RawTicket) -> Self {
        let SprintTicket { id, key, fields } = raw.into();
        Self {
            id,
            key,
            summary: fields.summary,
            description: fields.description,
            status: fields.status.and_then(|status| status.name),
            assignee: fields.assignee.and_then(|user| user.display_name),
            reporter: fields.reporter.and_then(|user| user.display_name),
            priority: fields.priority.and_then(|priority| priority.name),
            issue_type: fields.issuetype.and_then(|issue_type| issue_type.name),
            labels: fields.labels,
            parent: fields.parent.and_then(|parent| parent.key),
            created: fields.created,
            updated: fields.updated,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{json, to_value};

    use super::*;

    #[test]
    fn what_jira_leaves_out_is_null() {
        let raw = || serde_json::from_value::<RawTicket>(json!({ "id": "1", "key": "A-1" })).unwrap();
        let flat = to_value(Ticket::from(raw())).unwrap();
        let nested = to_value(SprintTicket::from(raw())).unwrap();
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
}
