//! The results of a search that has more pages.

use std::sync::Arc;

use time::OffsetDateTime;

pub(crate) struct Cursor {
    pub(crate) token: String,
    /// The search that the token belongs to.
    pub(crate) query: String,
    pub(crate) results: Arc<[u64]>,
    pub(crate) offset: usize,
    /// The page number, starting at 0.
    pub(crate) page: usize,
    pub(crate) created: OffsetDateTime,
}
