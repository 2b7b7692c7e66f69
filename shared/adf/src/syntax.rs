//! The supported Markdown syntax.

use pulldown_cmark::Options;

/// The extensions to CommonMark. Subscript is enabled so that a single `~` can be told from `~~` and does not strike
/// out.
pub(super) const OPTIONS: Options = Options::ENABLE_TABLES
    .union(Options::ENABLE_STRIKETHROUGH)
    .union(Options::ENABLE_SUBSCRIPT)
    .union(Options::ENABLE_TASKLISTS)
    .union(Options::ENABLE_GFM);
