//! Links between issues.

use super::catalog::LinkType;

/// A link. With the type "Blocks", `inward` blocks `outward`, as in a request to create it.
pub(crate) struct Link {
    pub(crate) id: u64,
    pub(crate) kind: &'static LinkType,
    /// Id of the issue that the type's outward words are said of.
    pub(crate) inward: u64,
    /// Id of the other issue.
    pub(crate) outward: u64,
}
