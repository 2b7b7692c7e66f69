//! The columns of a table with cells that span rows and columns.

use serde_json::Value;

use super::model::Block;
use super::read_inline::{content, number};

/// The maximum number of columns a cell can span; a higher number is a mistake.
const MAX_COLUMNS: usize = 100;

/// How many cells may be filled in for a table's spans; further spans are ignored.
const MAX_FILLED: usize = 10_000;

/// Puts each cell into its column. The other positions that a cell spans are empty.
#[derive(Default)]
pub(super) struct Grid {
    /// For each column, how many more rows a cell from above spans.
    reached: Vec<usize>,
    /// The number of columns with cells so far.
    pub(super) columns: usize,
    filled: usize,
    /// The column of each cell in the last row.
    starts: Vec<usize>,
}

impl Grid {
    /// Returns the cells of the next row, each read by `read`, or `None` for an empty row.
    pub(super) fn row(
        &mut self,
        row: &Value,
        read: impl Fn(&Value) -> Vec<Block>,
    ) -> Option<Vec<Vec<Block>>> {
        let mut cells: Vec<Vec<Block>> = Vec::new();
        self.starts.clear();
        for cell in content(row) {
            while self.is_reached(cells.len()) {
                cells.push(Vec::new());
            }
            let from = cells.len();
            self.starts.push(from);
            cells.push(read(cell));
            self.columns = self.columns.max(cells.len());
            let rows = self.span(cell, "rowspan", usize::MAX);
            for column in from..from + self.span(cell, "colspan", MAX_COLUMNS) {
                if column > from {
                    cells.push(Vec::new());
                    self.filled += 1;
                }
                if let Some(reached) = self.reached.get_mut(column) {
                    *reached = reached.saturating_sub(1);
                }
                if rows > 1 {
                    self.reached.resize(self.reached.len().max(column + 1), 0);
                    self.reached[column] = rows - 1;
                }
            }
        }
        while cells.len() < self.reached.len() {
            self.is_reached(cells.len());
            cells.push(Vec::new());
        }
        while self.reached.last() == Some(&0) {
            self.reached.pop();
        }
        (!cells.is_empty()).then_some(cells)
    }

    /// Returns the column of each cell in the last row.
    pub(super) fn starts(&self) -> &[usize] {
        &self.starts
    }

    /// Whether a cell from above spans this column of the current row. Called once for each.
    fn is_reached(&mut self, column: usize) -> bool {
        let Some(rows) = self.reached.get_mut(column).filter(|rows| **rows > 0) else { return false };
        *rows -= 1;
        self.filled += 1;
        if self.filled >= MAX_FILLED {
            self.reached.clear();
        }
        true
    }

    fn span(&self, cell: &Value, name: &str, most: usize) -> usize {
        let span = cell.get("attrs").and_then(|attrs| attrs.get(name)).and_then(number).unwrap_or(1);
        if self.filled < MAX_FILLED { usize::try_from(span).unwrap_or(most).clamp(1, most) } else { 1 }
    }
}
