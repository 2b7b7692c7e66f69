//! Merges tables, pairing rows as blocks are paired, and cells by column.

use serde_json::Value;

use super::Merger;
use super::list::partners;
use super::node::with_content;
use super::shape::shown;
use crate::grid::Grid;
use crate::model::{Block, Inline};
use crate::normalize::Place;
use crate::parse::placed_blocks;
use crate::read_inline::{content, kind};
use crate::render::placed_document;
use crate::{normalize, read};

type Cells = Vec<Vec<Block>>;

impl Merger {
    /// Merges new rows into a table. `None` if a cell would span others that have content, or rows that have moved.
    pub(super) fn table(&mut self, node: &Value, new: &[Cells]) -> Option<Value> {
        let rows = content(node);
        let (columns, has_tall) = columns(rows)?;
        let written = read::children(std::slice::from_ref(node), 0);
        let read = placed_blocks(&placed_document(&written).0);
        let read =
            normalize::normalize(read.into_iter().map(|placed| placed.block).collect(), Place::Document);
        let [Block::Table(old)] = read.as_slice() else { return None };
        if old.len() != rows.len() {
            return None;
        }
        let row_shown = |row: &Cells| row.iter().map(|cell| shown(cell)).collect::<String>();
        let partners = partners(old, new, row_shown);
        let stays = |(at, partner): (usize, &Option<usize>)| *partner == Some(at);
        if has_tall && !(old.len() == new.len() && partners.iter().enumerate().all(stays)) {
            return None;
        }
        let mut merged = Vec::with_capacity(new.len());
        for (cells, partner) in new.iter().zip(partners) {
            let old = partner.and_then(|at| Some((old.get(at)?, rows.get(at)?, columns.get(at)?)));
            merged.push(match old {
                Some((old, row, _)) if old == cells => row.clone(),
                Some((old, row, columns)) => self.row(row, old, columns, cells)?,
                None => self.new_row(cells, merged.is_empty()),
            });
        }
        Some(with_content(node, merged))
    }

    fn row(&mut self, row: &Value, old: &Cells, columns: &[usize], new: &Cells) -> Option<Value> {
        let nodes = content(row);
        let mut cells = Vec::with_capacity(new.len());
        let mut next = 0;
        for (node, &column) in nodes.iter().zip(columns) {
            // The cells that it spans must be empty.
            if !new.get(next..column.min(new.len())).unwrap_or_default().iter().all(|cell| is_blank(cell)) {
                return None;
            }
            next = column + 1;
            let Some(cell) = new.get(column) else { continue };
            cells.push(match old.get(column) == Some(cell) {
                true => node.clone(),
                false => with_content(node, self.cell(content(node), cell)),
            });
        }
        let reaches = old.len().max(next);
        if !new.get(next..reaches.min(new.len())).unwrap_or_default().iter().all(|cell| is_blank(cell)) {
            return None;
        }
        let kind = nodes.last().map_or("tableCell", kind);
        let added = new.get(reaches..).unwrap_or_default();
        let added: Vec<Value> = added.iter().map(|cell| self.writer.cell(kind, cell.clone())).collect();
        cells.extend(added);
        (!cells.is_empty()).then(|| with_content(row, cells))
    }

    /// Merges the content of a cell. In Markdown, the blocks of a cell are lines of one paragraph, so only a cell
    /// with a single paragraph is merged.
    fn cell(&mut self, nodes: &[Value], new: &[Block]) -> Vec<Value> {
        match nodes {
            [node] if kind(node) == "paragraph" => self.blocks(nodes, new, Place::Item),
            _ => new.iter().map(|block| self.writer.block(block.clone())).collect(),
        }
    }

    fn new_row(&mut self, cells: &Cells, is_first: bool) -> Value {
        let kind = if is_first { "tableHeader" } else { "tableCell" };
        let cells: Vec<Value> = cells.iter().map(|cell| self.writer.cell(kind, cell.clone())).collect();
        serde_json::json!({ "type": "tableRow", "content": cells })
    }
}

fn is_blank(cell: &[Block]) -> bool {
    cell.iter().all(|block| matches!(block, Block::Paragraph(line) if line.iter().all(Inline::is_blank)))
}

/// Returns the column of each cell, row by row, and whether any cell spans several rows. `None` if it is not a table.
fn columns(rows: &[Value]) -> Option<(Vec<Vec<usize>>, bool)> {
    let mut grid = Grid::default();
    let mut columns = Vec::with_capacity(rows.len());
    let mut has_tall = false;
    for row in rows {
        let cells = content(row);
        let are_cells = cells.iter().all(|cell| matches!(kind(cell), "tableCell" | "tableHeader"));
        if kind(row) != "tableRow" || !are_cells || cells.is_empty() {
            return None;
        }
        let is_tall = |cell: &Value| cell["attrs"]["rowspan"].as_f64().is_some_and(|rows| rows > 1.0);
        has_tall |= cells.iter().any(is_tall);
        grid.row(row, |_| Vec::new());
        columns.push(grid.starts().to_vec());
    }
    Some((columns, has_tall))
}
