//! Conditions on issues, with all names in the query resolved.

use std::sync::Arc;

use time::OffsetDateTime;

use crate::world::tracker::issue::Issue;

pub(in crate::jira) enum Condition {
    All(Vec<Condition>),
    Any(Vec<Condition>),
    Not(Box<Condition>),
    /// Ids, like the two after it.
    Project(Vec<u64>),
    Issue(Vec<u64>),
    /// In any of these sprints, now or before.
    Sprint(Vec<u64>),
    IssueType(Vec<&'static str>),
    Status(Vec<&'static str>),
    Label(Vec<String>),
    /// Account keys.
    Assignee(Vec<Arc<str>>),
    Empty(EmptyField),
    /// The summary contains this text, in lower case.
    Summary(String),
    Time {
        updated: bool,
        since: OffsetDateTime,
        before: bool,
    },
}

/// A field that can be empty.
pub(in crate::jira) enum EmptyField {
    Sprint,
    Labels,
    Assignee,
}

impl Condition {
    pub(in crate::jira) fn matches(&self, issue: &Issue) -> bool {
        match self {
            Self::All(conditions) => conditions.iter().all(|condition| condition.matches(issue)),
            Self::Any(conditions) => conditions.iter().any(|condition| condition.matches(issue)),
            Self::Not(condition) => !condition.matches(issue),
            Self::Project(ids) => ids.contains(&issue.project),
            Self::Issue(ids) => ids.contains(&issue.id),
            Self::Sprint(ids) => issue.sprints.iter().any(|id| ids.contains(id)),
            Self::IssueType(ids) => ids.contains(&issue.issue_type.id),
            Self::Status(ids) => ids.contains(&issue.status.id),
            Self::Label(labels) => issue.labels.iter().any(|label| labels.contains(label)),
            Self::Assignee(accounts) => {
                issue.assignee.as_ref().is_some_and(|account| accounts.contains(account))
            }
            Self::Empty(field) => field.is_empty(issue),
            Self::Summary(text) => issue.summary.to_lowercase().contains(text),
            Self::Time { updated, since, before } => {
                let time = if *updated { issue.updated } else { issue.created };
                if *before { time < *since } else { time >= *since }
            }
        }
    }
}

impl EmptyField {
    fn is_empty(&self, issue: &Issue) -> bool {
        match self {
            Self::Sprint => issue.sprints.is_empty(),
            Self::Labels => issue.labels.is_empty(),
            Self::Assignee => issue.assignee.is_none(),
        }
    }
}
