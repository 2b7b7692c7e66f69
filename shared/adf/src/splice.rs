//! Applies several small edits to a text at once.

use std::ops::Range;

/// A range of a text and its replacement.
#[derive(Debug)]
pub(super) struct Edit {
    range: Range<usize>,
    new: &'static str,
}

impl Edit {
    pub(super) fn insert(at: usize, new: &'static str) -> Self {
        Self { range: at..at, new }
    }

    pub(super) fn remove(range: Range<usize>) -> Self {
        Self { range, new: "" }
    }
}

/// Applies the edits. The same edit may occur twice; otherwise edits must not overlap.
pub(super) fn apply(text: &str, mut edits: Vec<Edit>) -> String {
    edits.sort_by_key(|edit| edit.range.start);
    let mut out = String::with_capacity(text.len() + edits.len());
    let mut from = 0;
    for Edit { range, new } in edits {
        out.push_str(text.get(from..range.start).unwrap_or_default());
        out.push_str(new);
        from = from.max(range.end);
    }
    out.push_str(text.get(from..).unwrap_or_default());
    out
}
