//! Links between issues.

use super::Tracker;
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

/// No id of another kind is in this range, so that a mix-up finds nothing.
const FIRST_LINK: u64 = 900_001;

impl Tracker {
    /// Adds a link, unless there is one like it. Returns whether it was added.
    pub(crate) fn link(&mut self, kind: &'static LinkType, inward: u64, outward: u64) -> bool {
        let is_same = |link: &Link| (link.kind.id, link.inward, link.outward) == (kind.id, inward, outward);
        if self.links.values().any(is_same) {
            return false;
        }
        self.last_link = (self.last_link + 1).max(FIRST_LINK);
        let id = self.last_link;
        self.links.insert(id, Link { id, kind, inward, outward });
        true
    }

    /// The links of an issue, in both directions.
    pub(crate) fn links_of(&self, issue: u64) -> impl Iterator<Item = &Link> {
        self.links.values().filter(move |link| link.inward == issue || link.outward == issue)
    }
}
