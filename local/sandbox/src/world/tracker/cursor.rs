//! The result list of a search that has further pages.

use std::sync::Arc;

use time::OffsetDateTime;

pub(crate) struct Cursor {
    pub(crate) token: String,
    /// The search that the token belongs to.
    pub(crate) query: String,
    pub(crate) results: Arc<[u64]>,
    pub(crate) offset: usize,
    /// The number of the page, from 0.
    pub(crate) page: usize,
    pub(crate) created: OffsetDateTime,
}
