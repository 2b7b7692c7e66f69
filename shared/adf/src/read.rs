//! JSON to blocks. Every node of the schema has a counterpart in Markdown; an unknown node is read as its text.

use serde_json::Value;

use super::characters::code_text;
use super::grid::Grid;
use super::links::linked;
use super::model::{Block, Inline, Item, List};
use super::node::{Card, Node};
use super::normalize::DECISION;
use super::panel::Panel;
use super::read_inline::{self, attachment, attr, content, extension, image, kind, number};

/// Nodes nested more deeply are read as their text, without recursion.
const MAX_DEPTH: usize = 64;

pub(super) fn document(value: &Value) -> Vec<Block> {
    children(std::slice::from_ref(value), 0)
}

/// Reads nodes; adjacent inline nodes share a paragraph.
pub(super) fn children(nodes: &[Value], depth: usize) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut line = Vec::new();
    for child in nodes {
        if read_inline::is_inline(child) {
            read_inline::node(child, &mut line);
        } else {
            paragraph(std::mem::take(&mut line), &mut blocks);
            node(child, depth + 1, &mut blocks);
        }
    }
    paragraph(line, &mut blocks);
    blocks
}

fn paragraph(line: Vec<Inline>, blocks: &mut Vec<Block>) {
    // Text that is written as a bare URL would come back as a link, so it is read as one.
    let line = linked(line);
    if !line.is_empty() {
        blocks.push(Block::Paragraph(line));
    }
}

fn node(node: &Value, depth: usize, out: &mut Vec<Block>) {
    if depth > MAX_DEPTH {
        return paragraph(vec![Inline::text(all_text(node))], out);
    }
    let inside = || children(content(node), depth);
    match kind(node) {
        "heading" => heading(node, depth, out),
        "blockquote" => quote(inside(), out),
        "panel" => {
            let panel = Panel::of_adf(attr(node, "panelType").unwrap_or_default());
            out.push(Block::Panel(panel, inside()));
        }
        "expand" | "nestedExpand" => {
            paragraph(vec![Inline::strong(attr(node, "title").unwrap_or_default())], out);
            out.extend(inside());
        }
        "bulletList" => list(None, content(node), depth, out),
        "orderedList" => list(Some(start(node)), content(node), depth, out),
        "decisionList" => out.extend(decisions(content(node), depth)),
        "taskList" => {
            let items = tasks(content(node), depth);
            if !items.is_empty() {
                out.push(Block::List(List { start: None, items }));
            }
        }
        "codeBlock" => {
            out.push(Block::Code { language: language(node), text: code_text(&all_text(node)) });
        }
        "rule" => out.push(Block::Rule),
        "table" => table(node, depth, out),
        "media" => match image(node) {
            Some(image) => out.push(Block::Image(image)),
            None => paragraph(vec![Inline::text(attachment(node))], out),
        },
        "blockCard" => card(node, Card::Block, out),
        "embedCard" => card(node, Card::Embed, out),
        "extension" | "bodiedExtension" => {
            let blocks = inside();
            if blocks.is_empty() || attr(node, "text").is_some() {
                paragraph(vec![Inline::text(extension(node))], out);
            }
            out.extend(blocks);
        }
        "syncBlock" => paragraph(vec![Inline::text("(synced block)")], out),
        // Nodes that only contain others (doc, paragraph, layout, media, caption), and unknown ones.
        _ => {
            let text = attr(node, "text").or(node.get("text").and_then(Value::as_str));
            paragraph(vec![Inline::text(text.unwrap_or_default())], out);
            out.extend(inside());
        }
    }
}

fn quote(blocks: Vec<Block>, out: &mut Vec<Block>) {
    if !blocks.is_empty() {
        out.push(Block::Quote(blocks));
    }
}

fn heading(node: &Value, depth: usize, out: &mut Vec<Block>) {
    let level =
        node.get("attrs").and_then(|attrs| attrs.get("level")).and_then(number).unwrap_or(1).clamp(1, 6);
    for block in children(content(node), depth) {
        out.push(match block {
            Block::Paragraph(line) => Block::Heading(level as u8, line),
            other => other,
        });
    }
}

fn start(node: &Value) -> u64 {
    node.get("attrs").and_then(|attrs| attrs.get("order")).and_then(number).unwrap_or(1)
}

fn list(start: Option<u64>, nodes: &[Value], depth: usize, out: &mut Vec<Block>) {
    let item = |child: &Value| {
        let blocks = match kind(child) {
            "listItem" => children(content(child), depth + 1),
            _ => children(std::slice::from_ref(child), depth + 1),
        };
        Item { task: None, blocks }
    };
    let items: Vec<Item> = nodes.iter().map(item).collect();
    if !items.is_empty() {
        out.push(Block::List(List { start, items }));
    }
}

/// Each decision is one line. If one has other content, all become items of a bullet list, each with its label.
fn decisions(nodes: &[Value], depth: usize) -> Option<Block> {
    let read = |node: &Value| match kind(node) {
        "decisionItem" => children(content(node), depth + 1),
        _ => children(std::slice::from_ref(node), depth + 1),
    };
    let items: Vec<Vec<Block>> = nodes.iter().map(read).collect();
    let are_lines = items.iter().all(|blocks| matches!(blocks.as_slice(), [] | [Block::Paragraph(_)]));
    if items.is_empty() {
        return None;
    }
    if !are_lines {
        let item = |blocks: Vec<Block>| {
            let label = Block::Paragraph(vec![Inline::strong(DECISION)]);
            Item { task: None, blocks: std::iter::once(label).chain(blocks).collect() }
        };
        return Some(Block::List(List { start: None, items: items.into_iter().map(item).collect() }));
    }
    let line = |blocks: Vec<Block>| match blocks.into_iter().next() {
        Some(Block::Paragraph(line)) => line,
        _ => Vec::new(),
    };
    Some(Block::Decisions(items.into_iter().map(line).collect()))
}

fn card(node: &Value, card: Card, out: &mut Vec<Block>) {
    match attr(node, "url").and_then(|url| Node::card(url, card)) {
        Some(Node::Card { url, card }) => out.push(Block::Card { url, card }),
        _ => {
            let mut line = Vec::new();
            read_inline::card(node, &mut line);
            paragraph(line, out);
        }
    }
}

/// In ADF, a task list after a task is the list below it.
fn tasks(nodes: &[Value], depth: usize) -> Vec<Item> {
    let mut items: Vec<Item> = Vec::new();
    for child in nodes {
        let mut blocks = Vec::new();
        match kind(child) {
            "taskItem" | "blockTaskItem" => {
                let state = attr(child, "state").is_some_and(|state| state == "DONE");
                items.push(Item { task: Some(state), blocks: children(content(child), depth + 1) });
                continue;
            }
            _ => node(child, depth + 1, &mut blocks),
        }
        match items.last_mut() {
            Some(item) => item.blocks.extend(blocks),
            None => items.push(Item { task: Some(false), blocks }),
        }
    }
    items
}

fn table(node: &Value, depth: usize, out: &mut Vec<Block>) {
    let mut grid = Grid::default();
    let mut rows = Vec::new();
    for row in content(node) {
        rows.extend(grid.row(row, |cell| children(content(cell), depth + 2)));
    }
    // Drop columns in which no cell starts.
    rows.iter_mut().for_each(|row| row.truncate(grid.columns));
    if !rows.is_empty() {
        out.push(Block::Table(rows));
    }
}

fn language(node: &Value) -> Option<String> {
    let plain = |c: char| c.is_alphanumeric() || matches!(c, '+' | '-' | '#' | '.' | '_' | '/');
    attr(node, "language").filter(|name| name.chars().all(plain)).map(str::to_owned)
}

/// Returns the text of a node and its descendants, in order; for code and for nodes nested too deeply.
fn all_text(node: &Value) -> String {
    let mut text = String::new();
    let mut left = vec![node];
    while let Some(value) = left.pop() {
        match value {
            Value::String(piece) => text.push_str(piece),
            Value::Array(nodes) => left.extend(nodes.iter().rev()),
            Value::Object(_) if kind(value) == "hardBreak" => text.push('\n'),
            Value::Object(fields) => {
                left.extend(fields.get("content"));
                left.extend(fields.get("attrs").and_then(|attrs| attrs.get("text")));
                left.extend(fields.get("text"));
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }
    text
}
