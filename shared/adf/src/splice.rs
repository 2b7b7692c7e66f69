//! Small changes to a text, made in one go.

use std::ops::Range;

/// A piece of a text, and what takes its place.
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

/// Makes the changes, which may repeat and do not overlap otherwise.
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
