//! Clauses that are ready to be held against issues.

use std::sync::Arc;

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
    IssueType(Vec<&'static str>),
    Status(Vec<&'static str>),
    Label(Vec<String>),
    /// Account keys.
    Assignee(Vec<Arc<str>>),
    Empty(Part),
    /// Contains this, in lower case.
    Summary(String),
    Time {
        updated: bool,
        since: OffsetDateTime,
        before: bool,
    },
}

/// What can be empty.
pub(in super::super) enum Part {
    Sprint,
    Labels,
    Assignee,
}

impl Test {
    pub(in super::super) fn holds(&self, issue: &Issue) -> bool {
        match self {
            Self::All(tests) => tests.iter().all(|test| test.holds(issue)),
            Self::Any(tests) => tests.iter().any(|test| test.holds(issue)),
            Self::Not(test) => !test.holds(issue),
            Self::Project(ids) => ids.contains(&issue.project),
            Self::Issue(ids) => ids.contains(&issue.id),
            Self::Sprint(ids) => issue.sprints.iter().any(|id| ids.contains(id)),
            Self::IssueType(ids) => ids.contains(&issue.issue_type.id),
            Self::Status(ids) => ids.contains(&issue.status.id),
            Self::Label(labels) => issue.labels.iter().any(|label| labels.contains(label)),
            Self::Assignee(accounts) => {
                issue.assignee.as_ref().is_some_and(|account| accounts.contains(account))
            }
            Self::Empty(part) => part.is_empty(issue),
            Self::Summary(text) => issue.summary.to_lowercase().contains(text),
            Self::Time { updated, since, before } => {
                let time = if *updated { issue.updated } else { issue.created };
                if *before { time < *since } else { time >= *since }
            }
        }
    }
}

impl Part {
    fn is_empty(&self, issue: &Issue) -> bool {
        match self {
            Self::Sprint => issue.sprints.is_empty(),
            Self::Labels => issue.labels.is_empty(),
            Self::Assignee => issue.assignee.is_none(),
        }
    }
}
