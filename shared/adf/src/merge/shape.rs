//! The shape and text of nodes and blocks, to decide what can be merged.

use serde_json::Value;

use crate::model::{Block, Inline};
use crate::read_inline::kind;

/// The kind of a node or block; only the same kind can be merged.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Shape {
    Line,
    Quote,
    Panel,
    Bullets,
    Numbers,
    Tasks,
    Decisions,
    Code,
    Table,
    Other,
}

pub(super) fn shape(block: &Block) -> Shape {
    match block {
        Block::Paragraph(_) | Block::Heading(..) => Shape::Line,
        Block::Quote(_) => Shape::Quote,
        Block::Panel(..) => Shape::Panel,
        Block::List(list) if list.is_tasks() => Shape::Tasks,
        Block::List(list) if list.start.is_some() => Shape::Numbers,
        Block::List(_) => Shape::Bullets,
        Block::Decisions(_) => Shape::Decisions,
        Block::Code { .. } => Shape::Code,
        Block::Table(_) => Shape::Table,
        Block::Rule | Block::Image(_) | Block::Card { .. } => Shape::Other,
    }
}

pub(super) fn shape_of_node(node: &Value) -> Shape {
    match kind(node) {
        "paragraph" | "heading" => Shape::Line,
        "blockquote" => Shape::Quote,
        "panel" => Shape::Panel,
        "bulletList" => Shape::Bullets,
        "orderedList" => Shape::Numbers,
        "taskList" => Shape::Tasks,
        "decisionList" => Shape::Decisions,
        "codeBlock" => Shape::Code,
        "table" => Shape::Table,
        _ => Shape::Other,
    }
}

/// Returns the start of the text that blocks show, to compare how similar they are.
pub(super) fn shown(blocks: &[Block]) -> String {
    const ENOUGH: usize = 200;
    fn lines(line: &[Inline], out: &mut String) {
        for inline in line {
            match inline {
                Inline::Text(text) => out.push_str(&text.text),
                Inline::Node(node) => out.push_str(&node.link().0),
                Inline::Break => out.push('\n'),
                Inline::Image(image) => out.push_str(&image.alt),
            }
        }
    }
    fn collect(blocks: &[Block], out: &mut String) {
        for block in blocks {
            if out.len() > ENOUGH {
                return;
            }
            match block {
                Block::Paragraph(line) | Block::Heading(_, line) => lines(line, out),
                Block::Quote(blocks) | Block::Panel(_, blocks) => collect(blocks, out),
                Block::List(list) => list.items.iter().for_each(|item| collect(&item.blocks, out)),
                Block::Code { text, .. } => out.push_str(text),
                Block::Table(rows) => rows.iter().flatten().for_each(|cell| collect(cell, out)),
                Block::Decisions(decisions) => decisions.iter().for_each(|line| lines(line, out)),
                Block::Image(image) => out.push_str(&image.url),
                Block::Card { url, .. } => out.push_str(url),
                Block::Rule => {}
            }
            out.push('\n');
        }
    }
    let mut out = String::new();
    collect(blocks, &mut out);
    out.chars().take(ENOUGH).collect()
}
