//! Tables with rows that are shorter than the header.
//!
//! The parser pads such rows with cells, which `parse` removes again. There can be up to 2^18 in a table, and any
//! number of tables: a few kilobytes of text could take hundreds of megabytes.

use super::splice::{self, Edit};

/// How many cells a document may lack in total; a table beyond that becomes text.
const MAX_MISSING: usize = 1 << 17;

/// Escapes the delimiter row of every table that would exceed the limit.
pub(super) fn limit(text: String) -> String {
    let mut edits = Vec::new();
    // The cells missing in all tables before the current one.
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

/// A possible table.
#[derive(Default)]
struct Table {
    delimiter_row: usize,
    /// Zero outside a table.
    columns: usize,
    missing: usize,
}

fn is_delimiter_row(row: &str) -> bool {
    row.contains('|') && row.contains('-') && row.chars().all(|c| matches!(c, '|' | '-' | ':' | ' ' | '\t'))
}

/// Counts the cells of a row; up to two too many if it starts and ends with `|`.
fn cells(row: &str) -> usize {
    row.matches('|').count() + 1
}
