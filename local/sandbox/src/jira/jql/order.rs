//! `ORDER BY`.

use std::cmp::Ordering;

use crate::jira::view::View;
use crate::world::tracker::issue::Issue;

/// A field to sort by.
pub(in crate::jira) struct Order {
    /// As written in the query.
    pub(super) field: String,
    by: By,
    pub(super) descending: bool,
}

enum By {
    Id,
    Key,
    Created,
    Updated,
}

impl Order {
    pub(super) fn new(field: &str, descending: bool) -> Result<Self, String> {
        let by = match field.to_lowercase().as_str() {
            "id" => By::Id,
            "key" => By::Key,
            "created" => By::Created,
            "updated" => By::Updated,
            _ => {
                return Err(format!(
                    "Field '{field}' does not exist or you do not have permission to view it"
                ));
            }
        };
        Ok(Self { field: field.to_owned(), by, descending })
    }

    /// Newest first by id, which is Jira's default order.
    pub(in crate::jira) fn default_order() -> Self {
        Self { field: "id".to_owned(), by: By::Id, descending: true }
    }

    pub(in crate::jira) fn compare(&self, view: &View, a: &Issue, b: &Issue) -> Ordering {
        let project =
            |issue: &Issue| view.site.projects.iter().find(|p| p.id == issue.project).map(|p| &p.key);
        let ordering = match self.by {
            By::Id => a.id.cmp(&b.id),
            By::Key if a.project == b.project => a.number.cmp(&b.number),
            By::Key => project(a).cmp(&project(b)),
            By::Created => a.created.cmp(&b.created),
            By::Updated => a.updated.cmp(&b.updated),
        };
        if self.descending { ordering.reverse() } else { ordering }
    }
}
