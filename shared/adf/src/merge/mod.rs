//! Edits a stored document by Markdown, keeping what Markdown cannot express.
//!
//! The stored nodes are written as Markdown and parsed again, as if a caller read them and sent them back. The
//! resulting blocks are compared, as trees, with the blocks of the new Markdown; where they are equal, the node is
//! kept. The rest is paired by kind, and each pair is merged from the outside in, down to the line. Everything else
//! is written anew.

mod kept;
mod line;
mod list;
mod lost;
mod node;
mod shape;
mod table;
mod units;

use std::collections::{HashMap, HashSet};
use std::ops::Range;

use serde_json::{Value, json};

use super::model::Block;
use super::normalize::Place;
use super::panel::Panel;
use super::read_inline::{attr, content, is_inline, kind};
use super::write::Writer;
use kept::{Matches, likeness, matches, pairs};
pub use lost::Lost;
pub(super) use lost::lost;
use node::{set_attr, with_content};
use shape::{Shape, shape, shape_of_node, shown};
use units::{Unit, units};

/// Returns the stored document with the new blocks as its content.
pub(super) fn document(stored: &Value, new: Vec<Block>) -> Value {
    let nodes = content(stored);
    let is_regular = kind(stored) == "doc" && !nodes.iter().any(is_inline);
    let mut merger = Merger { writer: Writer::beside(stored) };
    let content = match is_regular {
        true => merger.blocks(nodes, &new, Place::Document),
        false => new.into_iter().map(|block| merger.writer.block(block)).collect(),
    };
    json!({ "type": "doc", "version": 1, "content": content })
}

struct Merger {
    writer: Writer,
}

impl Merger {
    /// Merges new blocks into the children of a node.
    fn blocks(&mut self, nodes: &[Value], new: &[Block], place: Place) -> Vec<Value> {
        let units = units(nodes, place);
        let old: Vec<&Block> = units.iter().flat_map(|unit| &unit.blocks).collect();
        let matches = matches(&old, &new.iter().collect::<Vec<_>>());
        let moves = moves(&units, new, &matches);
        let mut out = Vec::new();
        let mut gap = Gap { nodes, units: Vec::new(), new, moves: &moves, range: 0..0 };
        let mut first_block = 0;
        for unit in &units {
            let blocks = first_block..first_block + unit.blocks.len();
            first_block = blocks.end;
            // A node that shows nothing stays where it is.
            let here = (blocks.is_empty()).then_some(gap.range.start..gap.range.start);
            match here.or_else(|| matches.whole(&blocks)) {
                Some(kept) => {
                    gap.range.end = kept.start;
                    self.gap(&gap, &matches, &mut out);
                    out.extend(nodes.get(unit.nodes.clone()).unwrap_or_default().iter().cloned());
                    gap = Gap { units: Vec::new(), range: kept.end..kept.end, ..gap };
                }
                None => gap.units.push((unit, blocks)),
            }
        }
        gap.range.end = new.len();
        self.gap(&gap, &matches, &mut out);
        out
    }

    /// Merges what is between two nodes that are kept.
    fn gap(&mut self, gap: &Gap<'_>, matches: &Matches, out: &mut Vec<Value>) {
        let mut begun = Gap { units: Vec::new(), range: gap.range.start..gap.range.start, ..*gap };
        for (unit, blocks) in &gap.units {
            match self.container(gap, unit, blocks, matches, begun.range.start) {
                Some((range, nodes)) => {
                    begun.range.end = range.start;
                    self.pairs(&begun, out);
                    out.extend(nodes);
                    begun = Gap { units: Vec::new(), range: range.end..range.end, ..*gap };
                }
                None => begun.units.push((unit, blocks.clone())),
            }
        }
        begun.range.end = gap.range.end;
        self.pairs(&begun, out);
    }

    /// Merges a node that shows only its content, such as an expand. It extends from the first to the last of its
    /// blocks that still exists. Returns that range and the merged nodes.
    fn container(
        &mut self,
        gap: &Gap<'_>,
        unit: &Unit,
        blocks: &Range<usize>,
        matches: &Matches,
        from: usize,
    ) -> Option<(Range<usize>, Vec<Value>)> {
        let [node] = gap.nodes.get(unit.nodes.clone())? else { return None };
        let kind = kind(node);
        let has_title = matches!(kind, "expand" | "nestedExpand") && attr(node, "title").is_some();
        if !matches!(
            kind,
            "expand" | "nestedExpand" | "layoutSection" | "layoutColumn" | "bodiedExtension" | "mediaSingle"
        ) {
            return None;
        }
        let found = |block: usize| matches.of(block).filter(|new| *new >= from && *new < gap.range.end);
        let first = blocks.clone().find_map(found)?;
        let last = blocks.clone().rev().find_map(found)?;
        if has_title && found(blocks.start).is_none() {
            return None;
        }
        let range = first..last + 1;
        let inside = gap.new.get(first + usize::from(has_title)..last + 1)?;
        if kind == "mediaSingle" {
            // The file is kept without its former caption.
            let is_file = found(blocks.start) == Some(first);
            let media = content(node).first().filter(|_| is_file)?;
            return Some((first..first + 1, vec![with_content(node, vec![media.clone()])]));
        }
        let children = self.blocks(content(node), inside, Place::Document);
        if children.is_empty() {
            return None;
        }
        let is_simple = |child: &Value| {
            !matches!(super::read_inline::kind(child), "table" | "expand" | "blockCard" | "embedCard")
        };
        match kind {
            "layoutSection" => {
                // A layout needs at least two columns.
                let columns = in_columns(children)?;
                (columns.len() == content(node).len()).then(|| (range, vec![with_content(node, columns)]))
            }
            "nestedExpand" if !children.iter().all(is_simple) => None,
            _ => Some((range, vec![with_content(node, children)])),
        }
    }

    /// Pairs nodes and blocks of the same kind, in order.
    fn pairs(&mut self, gap: &Gap<'_>, out: &mut Vec<Value>) {
        let Some(new) = gap.new.get(gap.range.clone()) else { return };
        let old = gap.units.iter().map(|(unit, _)| match gap.nodes.get(unit.nodes.clone()) {
            Some([node]) if !gap.moves.nodes.contains(&unit.nodes.start) => {
                (shape_of_node(node), shown(&unit.blocks))
            }
            _ => (Shape::Other, String::new()),
        });
        let old: Vec<(Shape, String)> = old.collect();
        let new_ones: Vec<(Shape, String)> =
            new.iter().map(|block| (shape(block), shown(std::slice::from_ref(block)))).collect();
        let partners = pairs(&old, &new_ones, |(old_shape, old), (new_shape, new)| {
            if old_shape == new_shape && *old_shape != Shape::Other { likeness(old, new) } else { 0 }
        });
        for (at, block) in new.iter().enumerate() {
            let moved =
                gap.moves.blocks.get(&(gap.range.start + at)).and_then(|nodes| gap.nodes.get(nodes.clone()));
            let partner = partners.get(at).copied().flatten().and_then(|at| gap.units.get(at));
            let partner = partner.and_then(|(unit, _)| Some((gap.nodes.get(unit.nodes.start)?, unit)));
            match (moved, partner) {
                (Some(nodes), _) => out.extend(nodes.iter().cloned()),
                (None, Some((node, unit))) => out.push(self.node(node, unit, block)),
                (None, None) => out.push(self.writer.block(block.clone())),
            }
        }
    }

    /// Merges a new block into a node of the same kind.
    fn node(&mut self, node: &Value, unit: &Unit, block: &Block) -> Value {
        let merged = match block {
            Block::Paragraph(line) if kind(node) == "paragraph" => {
                Some(with_content(node, line::merge(content(node), line)))
            }
            Block::Heading(level, line) if kind(node) == "heading" => {
                let mut heading = with_content(node, line::merge(content(node), line));
                if heading["attrs"]["level"].as_f64() != Some(f64::from(*level)) {
                    set_attr(&mut heading, "level", (*level).into());
                }
                Some(heading)
            }
            Block::Paragraph(line) => {
                Some(json!({ "type": "paragraph", "content": line::merge(content(node), line) }))
            }
            Block::Heading(level, line) => {
                let attrs = json!({ "level": level });
                Some(
                    json!({ "type": "heading", "attrs": attrs, "content": line::merge(content(node), line) }),
                )
            }
            Block::Quote(blocks) => self.framed(node, blocks, Place::Quote),
            Block::Panel(panel, blocks) => self.framed(node, blocks, Place::Panel).map(|mut merged| {
                if Panel::of_adf(attr(node, "panelType").unwrap_or_default()) != *panel {
                    merged["attrs"] = json!({ "panelType": panel.adf() });
                }
                merged
            }),
            Block::Code { language, text } => Some(code(node, language.as_deref(), text)),
            Block::List(new) => self.list(node, unit, new),
            Block::Decisions(lines) => self.decisions(node, lines),
            Block::Table(rows) => self.table(node, rows),
            Block::Rule | Block::Image(_) | Block::Card { .. } => None,
        };
        merged.unwrap_or_else(|| self.writer.block(block.clone()))
    }

    fn framed(&mut self, node: &Value, blocks: &[Block], place: Place) -> Option<Value> {
        let children = self.blocks(content(node), blocks, place);
        (!children.is_empty()).then(|| with_content(node, children))
    }
}

/// Nodes that are not kept as they are, and the new blocks in their place.
struct Gap<'a> {
    nodes: &'a [Value],
    /// Each with the range of its blocks among all old blocks.
    units: Vec<(&'a Unit, Range<usize>)>,
    new: &'a [Block],
    moves: &'a Moves,
    range: Range<usize>,
}

/// Nodes that still exist, but in a different order.
struct Moves {
    /// The nodes for a new block, by its index.
    blocks: HashMap<usize, Range<usize>>,
    /// The index of the first node of each.
    nodes: HashSet<usize>,
}

fn moves(units: &[Unit], new: &[Block], matches: &Matches) -> Moves {
    let mut first_block = 0;
    let mut gone: HashMap<&Block, Vec<&Unit>> = HashMap::new();
    for unit in units {
        if let ([block], None) = (unit.blocks.as_slice(), matches.of(first_block)) {
            gone.entry(block).or_default().push(unit);
        }
        first_block += unit.blocks.len();
    }
    gone.values_mut().for_each(|units| units.reverse());
    let is_new = |at: &usize| !matches.has_new(*at);
    let found = (0..new.len()).filter(is_new).filter_map(|at| {
        let unit = gone.get_mut(new.get(at)?)?.pop()?;
        Some((at, unit.nodes.clone()))
    });
    let blocks: HashMap<usize, Range<usize>> = found.collect();
    let nodes = blocks.values().map(|nodes| nodes.start).collect();
    Moves { blocks, nodes }
}

/// Groups nodes into the columns of a layout; what is between two columns is added to the first.
fn in_columns(children: Vec<Value>) -> Option<Vec<Value>> {
    let mut columns: Vec<Value> = Vec::new();
    let mut before = Vec::new();
    for child in children {
        match columns.last_mut() {
            _ if kind(&child) == "layoutColumn" => columns.push(child),
            Some(column) => column["content"].as_array_mut()?.push(child),
            None => before.push(child),
        }
    }
    let first = columns.first_mut()?["content"].as_array_mut()?;
    first.splice(0..0, before);
    Some(columns)
}

fn code(node: &Value, language: Option<&str>, text: &str) -> Value {
    let content = if text.is_empty() { Vec::new() } else { vec![json!({ "type": "text", "text": text })] };
    let mut merged = with_content(node, content);
    if attr(node, "language") != language {
        match (language, merged.get_mut("attrs").and_then(Value::as_object_mut)) {
            (Some(language), _) => set_attr(&mut merged, "language", language.into()),
            (None, Some(attrs)) => _ = attrs.remove("language"),
            (None, None) => {}
        }
    }
    merged
}
