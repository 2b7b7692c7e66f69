//! Issues as searches give them: few fields, many at once.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{lenient, timestamp};

/// What is asked of Jira for a ticket.
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

/// An issue as Jira sends it, as far as it is read here. A value of an unexpected kind is as good as none, and never
/// costs the others.
#[derive(Default, Deserialize)]
#[serde(default)]
pub struct Ticket {
    /// Digits.
    #[serde(deserialize_with = "lenient::id")]
    pub id: Option<String>,
    /// `PROJ-1`.
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
    /// One line.
    #[serde(deserialize_with = "lenient::text")]
    pub summary: Option<String>,
    /// An ADF document, or whatever Jira has in its place.
    pub description: Value,
    /// Where it stands.
    #[serde(deserialize_with = "lenient::object")]
    pub status: Option<Status>,
    /// Who works on it.
    #[serde(deserialize_with = "lenient::object")]
    pub assignee: Option<User>,
    /// Who wrote it.
    #[serde(deserialize_with = "lenient::object")]
    pub reporter: Option<User>,
    /// How urgent it is.
    #[serde(deserialize_with = "lenient::object")]
    pub priority: Option<Named>,
    /// Task, bug, story and so on.
    #[serde(deserialize_with = "lenient::object")]
    pub issuetype: Option<Named>,
    /// Labels; what is no text is none.
    #[serde(deserialize_with = "lenient::texts")]
    pub labels: Vec<String>,
    /// The epic, or the issue that this is a subtask of.
    #[serde(deserialize_with = "lenient::object")]
    pub parent: Option<Parent>,
    /// RFC 3339, in UTC.
    #[serde(deserialize_with = "timestamp::deserialize")]
    pub created: Option<String>,
    /// RFC 3339, in UTC.
    #[serde(deserialize_with = "timestamp::deserialize")]
    pub updated: Option<String>,
}

/// A status.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Status {
    /// Digits.
    #[serde(deserialize_with = "lenient::id")]
    pub id: Option<String>,
    /// The name.
    #[serde(deserialize_with = "lenient::text")]
    pub name: Option<String>,
    /// What the status amounts to.
    #[serde(rename = "statusCategory", deserialize_with = "lenient::object")]
    pub category: Option<StatusCategory>,
}

/// To do, in progress or done.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct StatusCategory {
    /// 2 is to do, 4 in progress, 3 done.
    #[serde(deserialize_with = "lenient::integer")]
    pub id: Option<i64>,
    /// `new`, `indeterminate` or `done`.
    #[serde(deserialize_with = "lenient::text")]
    pub key: Option<String>,
    /// The colour that Jira shows it in.
    #[serde(rename = "colorName", deserialize_with = "lenient::text")]
    pub color_name: Option<String>,
}

/// A person. One whose account shows no name is there all the same, with the account alone; nobody is null.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct User {
    /// The Atlassian account.
    #[serde(rename = "accountId", deserialize_with = "lenient::text")]
    pub account_id: Option<String>,
    /// The name that the account shows, if it shows one.
    #[serde(rename = "displayName", deserialize_with = "lenient::text")]
    pub display_name: Option<String>,
}

/// A priority, or an issue type.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Named {
    /// Digits.
    #[serde(deserialize_with = "lenient::id")]
    pub id: Option<String>,
    /// The name.
    #[serde(deserialize_with = "lenient::text")]
    pub name: Option<String>,
}

/// The issue that another belongs to.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Parent {
    /// Digits.
    #[serde(deserialize_with = "lenient::id")]
    pub id: Option<String>,
    /// `PROJ-1`.
    #[serde(deserialize_with = "lenient::text")]
    pub key: Option<String>,
}
