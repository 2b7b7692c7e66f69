//! The history of issues: who changed which fields, from what to what.

use std::sync::Arc;

use time::OffsetDateTime;

/// A change of one or more fields.
#[derive(Clone)]
pub(crate) struct Change {
    pub(crate) id: u64,
    /// Key of the account.
    pub(crate) author: Arc<str>,
    pub(crate) created: OffsetDateTime,
    pub(crate) fields: Vec<FieldChange>,
}

/// A field's value before and after a change, each as an id, if it has one, and as text.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct FieldChange {
    /// The name that the history shows.
    pub(crate) field: &'static str,
    /// The field's id; links have none.
    pub(crate) id: Option<&'static str>,
    pub(crate) from: Side,
    pub(crate) to: Side,
}

/// A field's id and text.
pub(crate) type Side = (Option<String>, Option<String>);

impl FieldChange {
    /// A change of a field that the history calls by its id.
    pub(crate) fn of(field: &'static str, from: Side, to: Side) -> Self {
        Self { field, id: Some(field), from, to }
    }
}
