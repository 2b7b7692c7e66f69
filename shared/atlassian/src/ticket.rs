//! Issues as search returns them: few fields, many at once.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{lenient, timestamp};

/// The fields requested for an issue.
pub const FIELDS: [&str; 11] = [
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

/// An issue as sent by Jira, reduced to what is used here. A value of an unexpected type is treated as missing and
/// affects nothing else.
#[derive(Default, Deserialize)]
#[serde(default)]
pub struct Ticket {
    /// The numeric id.
    #[serde(deserialize_with = "lenient::id")]
    pub id: Option<String>,
    /// The key, `PROJ-1`.
    #[serde(deserialize_with = "lenient::text")]
    pub key: Option<String>,
    /// The fields.
    #[serde(deserialize_with = "lenient::object")]
    pub fields: Option<TicketFields>,
}

/// The fields of a [`Ticket`], by Jira's names.
#[derive(Default, Deserialize)]
#[serde(default)]
pub struct TicketFields {
    /// The summary, one line.
    #[serde(deserialize_with = "lenient::text")]
    pub summary: Option<String>,
    /// An ADF document, or whatever Jira sends instead.
    pub description: Value,
    /// The workflow status.
    #[serde(deserialize_with = "lenient::object")]
    pub status: Option<Status>,
    /// The assignee.
    #[serde(deserialize_with = "lenient::object")]
    pub assignee: Option<User>,
    /// The reporter.
    #[serde(deserialize_with = "lenient::object")]
    pub reporter: Option<User>,
    /// The priority.
    #[serde(deserialize_with = "lenient::object")]
    pub priority: Option<Named>,
    /// The issue type: task, bug, story and so on.
    #[serde(deserialize_with = "lenient::object")]
    pub issuetype: Option<Named>,
    /// The labels; elements that are not strings are skipped.
    #[serde(deserialize_with = "lenient::texts")]
    pub labels: Vec<String>,
    /// The epic, or the parent of a subtask.
    #[serde(deserialize_with = "lenient::object")]
    pub parent: Option<Parent>,
    /// When the issue was created; RFC 3339, in UTC.
    #[serde(deserialize_with = "timestamp::deserialize")]
    pub created: Option<String>,
    /// When the issue was last updated; RFC 3339, in UTC.
    #[serde(deserialize_with = "timestamp::deserialize")]
    pub updated: Option<String>,
    /// Every other field; Jira sends those that were requested.
    #[serde(flatten)]
    pub others: Map<String, Value>,
}

/// A workflow status.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Status {
    /// The numeric id.
    #[serde(deserialize_with = "lenient::id")]
    pub id: Option<String>,
    /// The name.
    #[serde(deserialize_with = "lenient::text")]
    pub name: Option<String>,
    /// The category that the status belongs to.
    #[serde(rename = "statusCategory", deserialize_with = "lenient::object")]
    pub category: Option<StatusCategory>,
}

/// A status category: to do, in progress or done.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct StatusCategory {
    /// 2 is to do, 4 in progress, 3 done.
    #[serde(deserialize_with = "lenient::integer")]
    pub id: Option<i64>,
    /// `new`, `indeterminate` or `done`.
    #[serde(deserialize_with = "lenient::text")]
    pub key: Option<String>,
    /// The colour in Jira's UI.
    #[serde(rename = "colorName", deserialize_with = "lenient::text")]
    pub color_name: Option<String>,
}

/// A person; present with only the account id if the account shows no name.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct User {
    /// The Atlassian account id.
    #[serde(rename = "accountId", deserialize_with = "lenient::text")]
    pub account_id: Option<String>,
    /// The name that the account shows, if any.
    #[serde(rename = "displayName", deserialize_with = "lenient::text")]
    pub display_name: Option<String>,
}

/// A priority or an issue type.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Named {
    /// The numeric id.
    #[serde(deserialize_with = "lenient::id")]
    pub id: Option<String>,
    /// The name.
    #[serde(deserialize_with = "lenient::text")]
    pub name: Option<String>,
}

/// The parent of an issue.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Parent {
    /// The numeric id.
    #[serde(deserialize_with = "lenient::id")]
    pub id: Option<String>,
    /// The key, `PROJ-1`.
    #[serde(deserialize_with = "lenient::text")]
    pub key: Option<String>,
}
