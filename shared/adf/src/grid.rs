//! The columns of a table whose cells reach over several rows and columns.

use serde_json::Value;

use super::model::Block;
use super::read_inline::{content, number};

/// Further columns, and the number is a mistake.
const MAX_COLUMNS: usize = 100;

/// How many cells of a table may be filled in; its cells reach no further then.
const MAX_FILLED: usize = 10_000;

/// Puts each cell into its column. The places that it reaches over beside the first are empty.
#[derive(Default)]
pub(super) struct Grid {
    /// How many more rows a cell above reaches over, by column.
    reached: Vec<usize>,
    /// Of the cells so far.
    pub(super) columns: usize,
    filled: usize,
    /// Where the cells of the last row begin.
    starts: Vec<usize>,
}

impl Grid {
    /// The cells of the next row, each as `read` gives it; none for a row that has nothing in it.
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

    /// The column of each cell of the last row.
    pub(super) fn starts(&self) -> &[usize] {
        &self.starts
    }

    /// Whether a cell above reaches over a column of this row; asked once for each.
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
