//! The history of an issue.

use atlassian::IssueRef;
use serde::Serialize;

use super::site::ConnectedSite;
use crate::error::Result;
use crate::paging::PageRequest;

/// A change of an issue. Fields that Jira omits or sends in an unexpected form are null.
#[derive(Debug, Clone, Serialize)]
pub struct IssueChange {
    /// Digits.
    pub id: Option<String>,
    /// Display name of whoever made it; null if the account shows none.
    pub author: Option<String>,
    /// Account id of the author.
    pub author_account_id: Option<String>,
    /// `2024-01-01T10:00:00.000Z`.
    pub created: Option<String>,
    /// The changed fields.
    pub items: Vec<FieldChange>,
}

/// A field's value before and after a change.
#[derive(Debug, Clone, Serialize)]
pub struct FieldChange {
    /// The field's name.
    pub field: Option<String>,
    /// The field's id; null for what is not a field, such as a link.
    pub field_id: Option<String>,
    /// Id before the change, if the value has one.
    pub from: Option<String>,
    /// Text before the change.
    pub from_text: Option<String>,
    /// Id after the change, if the value has one.
    pub to: Option<String>,
    /// Text after the change.
    pub to_text: Option<String>,
}

impl From<atlassian::FieldChange> for FieldChange {
    fn from(change: atlassian::FieldChange) -> Self {
        let atlassian::FieldChange { field, field_id, from, from_text, to, to_text } = change;
        Self { field, field_id, from, from_text, to, to_text }
    }
}

impl From<atlassian::Change> for IssueChange {
    fn from(change: atlassian::Change) -> Self {
        let author = change.author.unwrap_or_default();
        Self {
            id: change.id,
            author: author.display_name,
            author_account_id: author.account_id,
            created: change.created,
            items: change.items.into_iter().flatten().map(FieldChange::from).collect(),
        }
    }
}

impl ConnectedSite<'_> {
    /// Returns the changes of an issue, oldest first, all of them or one page, and where the next page starts. One call
    /// for every hundred changes.
    ///
    /// # Errors
    /// `jira_not_found` if the issue does not exist or is not visible.
    pub async fn changelog(
        &self,
        issue: &IssueRef,
        part: Option<&PageRequest<usize>>,
    ) -> Result<(Vec<IssueChange>, Option<usize>)> {
        let (from, limit) = part.map_or((0, usize::MAX), |part| (part.from.unwrap_or(0), part.limit));
        let (changes, next) = self.jira.changelog(issue, from, limit).await?;
        Ok((changes.into_iter().map(IssueChange::from).collect(), next))
    }
}
