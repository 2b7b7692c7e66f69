//! Nodes, and the blocks that their Markdown is parsed as.

use std::ops::Range;

use serde_json::Value;

use crate::model::Block;
use crate::normalize::{Place, normalize};
use crate::parse::placed_blocks;
use crate::read::children;
use crate::render::placed_document;

/// Adjacent nodes that are kept or replaced together, and the blocks that their Markdown becomes. Usually one node;
/// more if the Markdown of two is parsed as one block, or if a node shows nothing, which belongs to the one before
/// it.
pub(super) struct Unit {
    pub(super) nodes: Range<usize>,
    pub(super) blocks: Vec<Block>,
}

/// The nesting depth of top-level nodes.
const DEPTH: usize = 1;

pub(super) fn units(nodes: &[Value], place: Place) -> Vec<Unit> {
    let mut written = Vec::new();
    let mut last_blocks = Vec::with_capacity(nodes.len());
    for node in nodes {
        written.extend(children(std::slice::from_ref(node), DEPTH));
        last_blocks.push(written.len());
    }
    let (markdown, lines) = placed_document(&written);
    // The lines of each node; empty if it shows nothing.
    let mut first_block = 0;
    let spans: Vec<Range<usize>> = last_blocks
        .into_iter()
        .map(|end| {
            let lines = lines.get(first_block..end).unwrap_or_default();
            first_block = end;
            match (lines.first(), lines.last()) {
                (Some(first), Some(last)) => first.start..last.end,
                _ => 0..0,
            }
        })
        .collect();
    let mut units: Vec<Unit> = Vec::new();
    let (mut node, mut last_line) = (0, 0);
    for placed in placed_blocks(&markdown) {
        let is_within = |span: &&Range<usize>| span.is_empty() || span.start < placed.lines.end;
        let spans = spans.get(node..).unwrap_or_default().iter().take_while(is_within);
        let (count, last) = spans.fold((0, last_line), |(count, last), span| (count + 1, span.end.max(last)));
        let blocks = normalize(vec![placed.block], place);
        match units.last_mut() {
            // A node with several blocks, or a block made from several nodes.
            Some(unit) if count == 0 || placed.lines.start < last_line => {
                unit.nodes.end += count;
                unit.blocks.extend(blocks);
            }
            _ => units.push(Unit { nodes: node..node + count, blocks }),
        }
        (node, last_line) = (node + count, last);
    }
    match units.last_mut() {
        Some(unit) => unit.nodes.end = nodes.len(),
        None if nodes.is_empty() => {}
        None => units.push(Unit { nodes: 0..nodes.len(), blocks: Vec::new() }),
    }
    units
}
