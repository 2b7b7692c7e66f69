//! Conditions on issues, with all names in the query resolved.

use std::sync::Arc;

use serde_json::Value;
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
    /// The summary, and with `true` the description too, contains words that begin with all of these, in lower case.
    Text(bool, Vec<String>),
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
            Self::Text(everywhere, words) => {
                let mut text = issue.summary.to_lowercase();
                if let Some(document) = issue.description.as_deref().filter(|_| *everywhere) {
                    let document = serde_json::from_str(document).unwrap_or_default();
                    add_text(&document, &mut text);
                }
                words.iter().all(|word| text.contains(word.trim_end_matches('*')))
            }
            Self::Time { updated, since, before } => {
                let time = if *updated { issue.updated } else { issue.created };
                if *before { time < *since } else { time >= *since }
            }
        }
    }
}

/// Adds the text in a document, in lower case.
fn add_text(node: &Value, text: &mut String) {
    if let Some(own) = node["text"].as_str() {
        text.push(' ');
        text.push_str(&own.to_lowercase());
    }
    node["content"].as_array().into_iter().flatten().for_each(|child| add_text(child, text));
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
