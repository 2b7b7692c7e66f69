//! Tables whose rows are shorter than their header.
//!
//! The parser fills such rows with cells, which `parse` leaves out again. There may be as many as 2^18 in a table,
//! and as many tables as fit: a few kilobytes would take hundreds of megabytes.

use super::splice::{self, Edit};

/// How many cells a document may lack; a table that lacks more is text.
const MAX_MISSING: usize = 1 << 17;

/// Escapes the delimiter row of each table that would make a text lack more.
pub(super) fn limit(text: String) -> String {
    let mut edits = Vec::new();
    // The cells that the tables so far lack, the last one aside.
    let mut missing = 0;
    let mut table = Table::default();
    let mut line_start = 0;
    for line in text.split_inclusive('\n') {
        let row = line.trim_start_matches([' ', '\t', '>']);
        let at = line_start + line.len() - row.len();
        line_start += line.len();
        let row = row.trim_end();
        if row.is_empty() || is_delimiter_row(row) {
            missing += table.missing;
            table =
                Table { delimiter_row: at, columns: if row.is_empty() { 0 } else { cells(row) }, missing: 0 };
        } else {
            table.missing += table.columns.saturating_sub(cells(row));
        }
        if missing + table.missing > MAX_MISSING {
            edits.push(Edit::insert(table.delimiter_row, "\\"));
            table = Table::default();
        }
    }
    if edits.is_empty() { text } else { splice::apply(&text, edits) }
}

/// What may be a table.
#[derive(Default)]
struct Table {
    delimiter_row: usize,
    /// None where there is no table.
    columns: usize,
    missing: usize,
}

fn is_delimiter_row(row: &str) -> bool {
    row.contains('|') && row.contains('-') && row.chars().all(|c| matches!(c, '|' | '-' | ':' | ' ' | '\t'))
}

/// As many as a row has, or up to two more where it begins and ends with `|`.
fn cells(row: &str) -> usize {
    row.matches('|').count() + 1
}
