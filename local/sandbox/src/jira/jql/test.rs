//! Clauses that are ready to be held against issues.

use std::sync::Arc;

use serde_json::Value;
use time::OffsetDateTime;

use super::super::tracker::Issue;

pub(in super::super) enum Test {
    All(Vec<Test>),
    Any(Vec<Test>),
    Not(Box<Test>),
    /// Ids, as in the next ones.
    Project(Vec<u64>),
    Issue(Vec<u64>),
    /// In any of these, now or before.
    Sprint(Vec<u64>),
    Parent(Vec<u64>),
    IssueType(Vec<&'static str>),
    Status(Vec<&'static str>),
    Priority(Vec<&'static str>),
    Label(Vec<String>),
    /// Account keys.
    Assignee(Vec<Arc<str>>),
    Reporter(Vec<Arc<str>>),
    Empty(Part),
    /// Contains this, in lower case.
    Summary(String),
    Time {
        updated: bool,
        since: OffsetDateTime,
        before: bool,
    },
    /// The value at a path inside an entity property.
    Property {
        key: String,
        path: Vec<String>,
        values: Vec<String>,
    },
}

/// What can be empty.
pub(in super::super) enum Part {
    Sprint,
    Parent,
    Priority,
    Labels,
    Assignee,
    Reporter,
    Resolution,
    Due,
    Description,
}

impl Test {
    pub(in super::super) fn holds(&self, issue: &Issue) -> bool {
        let named = |accounts: &[Arc<str>], account: &Option<Arc<str>>| {
            account.as_ref().is_some_and(|account| accounts.contains(account))
        };
        match self {
            Self::All(tests) => tests.iter().all(|test| test.holds(issue)),
            Self::Any(tests) => tests.iter().any(|test| test.holds(issue)),
            Self::Not(test) => !test.holds(issue),
            Self::Project(ids) => ids.contains(&issue.project),
            Self::Issue(ids) => ids.contains(&issue.id),
            Self::Sprint(ids) => issue.sprints.iter().any(|id| ids.contains(id)),
            Self::Parent(ids) => issue.parent.is_some_and(|id| ids.contains(&id)),
            Self::IssueType(ids) => ids.contains(&issue.issue_type.id),
            Self::Status(ids) => ids.contains(&issue.status.id),
            Self::Priority(ids) => issue.priority.is_some_and(|priority| ids.contains(&priority.id)),
            Self::Label(labels) => issue.labels.iter().any(|label| labels.contains(label)),
            Self::Assignee(accounts) => named(accounts, &issue.assignee),
            Self::Reporter(accounts) => named(accounts, &issue.reporter),
            Self::Empty(part) => part.is_empty(issue),
            Self::Summary(text) => issue.summary.to_lowercase().contains(text),
            Self::Time { updated, since, before } => {
                let time = if *updated { issue.updated } else { issue.created };
                if *before { time < *since } else { time >= *since }
            }
            Self::Property { key, path, values } => {
                let property = issue.properties.get(key);
                let value = path.iter().fold(property, |value, name| value?.get(name));
                value.is_some_and(|value| match value {
                    Value::String(text) => values.contains(text),
                    other => values.contains(&other.to_string()),
                })
            }
        }
    }
}

impl Part {
    fn is_empty(&self, issue: &Issue) -> bool {
        match self {
            Self::Sprint => issue.sprints.is_empty(),
            Self::Parent => issue.parent.is_none(),
            Self::Priority => issue.priority.is_none(),
            Self::Labels => issue.labels.is_empty(),
            Self::Assignee => issue.assignee.is_none(),
            Self::Reporter => issue.reporter.is_none(),
            Self::Resolution => !issue.status.is_done(),
            Self::Due => issue.due.is_none(),
            Self::Description => issue.description.is_none(),
        }
    }
}
