//! Which Markdown is spoken.

use pulldown_cmark::Options;

/// What is Markdown beyond CommonMark. A `~` alone strikes nothing out: as a subscript it is told from `~~`.
pub(super) const OPTIONS: Options = Options::ENABLE_TABLES
    .union(Options::ENABLE_STRIKETHROUGH)
    .union(Options::ENABLE_SUBSCRIPT)
    .union(Options::ENABLE_TASKLISTS)
    .union(Options::ENABLE_GFM);
