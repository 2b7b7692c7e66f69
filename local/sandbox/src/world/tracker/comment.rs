//! Comments as stored.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;
use time::OffsetDateTime;

/// The roles of every project, and the groups of every site with their ids. Everybody is in all of them but the last.
pub(crate) const ROLES: [&str; 3] = ["Administrators", "Developers", "Auditors"];
pub(crate) const GROUPS: [(&str, &str); 3] = [
    ("276f955c-63d7-42c8-9520-92d01dca0625", "jira-users"),
    ("38a87f65-2fc0-4d5d-a7b4-5d84ab9cbd42", "dockers"),
    ("5a2b2f1c-9e30-4f0b-8f0c-0f3f7c1f6a11", "auditors"),
];

#[derive(Clone)]
pub(crate) struct Comment {
    pub(crate) id: u64,
    /// Key of the account, as in the next field.
    pub(crate) author: Arc<str>,
    pub(crate) update_author: Arc<str>,
    /// An Atlassian document.
    pub(crate) body: Value,
    pub(crate) created: OffsetDateTime,
    pub(crate) updated: OffsetDateTime,
    pub(crate) visibility: Option<Visibility>,
    /// Whether customers of a service project see it; always true in other projects.
    pub(crate) public: bool,
    /// Entity properties.
    pub(crate) properties: BTreeMap<String, Value>,
}

/// Who alone sees a comment.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Visibility {
    /// Index into [`ROLES`].
    Role(usize),
    /// Index into [`GROUPS`].
    Group(usize),
}
