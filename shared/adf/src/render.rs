//! Blocks to Markdown.

use std::borrow::Cow;
use std::ops::Range;

use super::inline::normal;
use super::model::{Block, Inline, Item, List};
use super::node::Node;
use super::normalize::DECISION;
use super::render_inline::{self, Position, inlines, longest_run};

/// The highest number that Markdown accepts in an ordered list.
const MAX_NUMBER: u64 = 999_999_999;

/// The indentation of a list item in a cell, for each list around its own.
const CELL_INDENT: &str = "\u{a0}\u{a0}";

pub(super) fn document(blocks: &[Block]) -> String {
    let mut lines = Vec::new();
    render(blocks, false, &mut lines);
    lines.join("\n")
}

/// Like [`document`], with the lines of each block, counted from 0.
pub(super) fn placed_document(blocks: &[Block]) -> (String, Vec<Range<usize>>) {
    let mut lines = Vec::new();
    let mut places = Vec::with_capacity(blocks.len());
    render_each(blocks, false, &mut lines, |place| places.push(place));
    (lines.join("\n"), places)
}

/// Appends the lines of blocks, separated by empty lines. In an item there is none before a list, unless it is
/// needed.
fn render(blocks: &[Block], in_item: bool, out: &mut Vec<String>) {
    render_each(blocks, in_item, out, |_| {});
}

/// Like [`render`]; calls `place` with the lines of each block.
fn render_each(blocks: &[Block], in_item: bool, out: &mut Vec<String>, mut place: impl FnMut(Range<usize>)) {
    let mut before: Option<Cow<'_, Block>> = None;
    let mut second_marker = false;
    for block in blocks.iter().map(as_written) {
        second_marker = !second_marker && follows_its_like(before.as_deref(), &block);
        if before.as_deref().is_some_and(|before| !(in_item && follows_tightly(before, &block))) {
            out.push(String::new());
        }
        let start = out.len();
        match &*block {
            Block::Paragraph(line) => push_lines(&inlines(line, Position::Paragraph), out),
            Block::Heading(level, line) => {
                let marker = "#".repeat(usize::from(*level));
                out.push(format!("{marker} {}", inlines(line, Position::Heading)));
            }
            Block::Quote(blocks) => quote(blocks, out),
            Block::Panel(panel, blocks) => {
                out.push(format!("> [!{}]", panel.alert()));
                // A block that cannot interrupt a paragraph would be read as text directly below.
                if !matches!(blocks.first(), Some(Block::Paragraph(_)) | None) {
                    out.push(">".to_owned());
                }
                quote(blocks, out);
            }
            Block::List(list) => render_list(list, second_marker, out),
            Block::Code { language, text } => code(language.as_deref(), text, out),
            Block::Rule => out.push("---".to_owned()),
            Block::Table(rows) => table(rows, out),
            Block::Image(image) => out.push(render_inline::image(image)),
            // Already converted by `as_written`.
            Block::Decisions(_) | Block::Card { .. } => {}
        }
        place(start..out.len());
        before = Some(block);
    }
}

/// Converts decisions to a list and a card to a paragraph, as they are written.
fn as_written(block: &Block) -> Cow<'_, Block> {
    match block {
        Block::Decisions(lines) => {
            let item = |line: &Vec<Inline>| {
                let label = [Inline::strong(DECISION), Inline::text(" ")];
                let line = normal(label.into_iter().chain(line.iter().cloned()));
                Item { task: None, blocks: vec![Block::Paragraph(line)] }
            };
            Cow::Owned(Block::List(List { start: None, items: lines.iter().map(item).collect() }))
        }
        Block::Card { url, card } => {
            let node = Node::Card { url: url.clone(), card: *card };
            Cow::Owned(Block::Paragraph(vec![Inline::Node(node)]))
        }
        other => Cow::Borrowed(other),
    }
}

fn quote(blocks: &[Block], out: &mut Vec<String>) {
    let mut lines = Vec::new();
    render(blocks, false, &mut lines);
    out.extend(lines.iter().map(|line| match line.is_empty() {
        true => ">".to_owned(),
        false => format!("> {line}"),
    }));
}

fn push_lines(text: &str, out: &mut Vec<String>) {
    out.extend(text.split('\n').map(str::to_owned));
}

/// Adjacent lists of the same kind would be read as one, so every other list has a different marker.
fn follows_its_like(before: Option<&Block>, block: &Block) -> bool {
    match (before, block) {
        (Some(Block::List(before)), Block::List(list)) => before.start.is_some() == list.start.is_some(),
        _ => false,
    }
}

/// A list can follow a paragraph without an empty line, unless its first line would be read as part of that
/// paragraph.
fn follows_tightly(before: &Block, block: &Block) -> bool {
    let Block::List(list) = block else { return false };
    let has_text = list.items.first().is_some_and(|item| item.task.is_some() || starts_with_text(item));
    matches!(before, Block::Paragraph(_)) && matches!(list.start, None | Some(1)) && has_text
}

fn starts_with_text(item: &Item) -> bool {
    match item.blocks.first() {
        None | Some(Block::List(_)) => false,
        Some(Block::Paragraph(line)) => !line.is_empty(),
        Some(_) => true,
    }
}

fn render_list(List { start, items }: &List, second_marker: bool, out: &mut Vec<String>) {
    let mut number = start.unwrap_or_default();
    for item in items {
        let marker = match (start, second_marker) {
            (Some(_), false) => format!("{}.", number.min(MAX_NUMBER)),
            (Some(_), true) => format!("{})", number.min(MAX_NUMBER)),
            (None, false) => "-".to_owned(),
            (None, true) => "*".to_owned(),
        };
        number = number.saturating_add(1);
        let indent = " ".repeat(marker.len() + 1);
        let mut lines = Vec::new();
        if !starts_with_text(item) {
            lines.push(String::new());
        }
        render(&item.blocks, true, &mut lines);
        let task = match item.task {
            Some(true) => "[x] ",
            Some(false) => "[ ] ",
            None => "",
        };
        for (at, line) in lines.iter().enumerate() {
            out.push(match (at, line.is_empty()) {
                // A checkbox needs content after it.
                (0, true) if !task.is_empty() => format!("{marker} {task}&#32;"),
                (0, true) => marker.clone(),
                (0, false) => format!("{marker} {task}{line}"),
                (_, true) => String::new(),
                (_, false) => format!("{indent}{line}"),
            });
        }
    }
}

fn code(language: Option<&str>, text: &str, out: &mut Vec<String>) {
    let fence = "`".repeat((longest_run(text, '`') + 1).max(3));
    out.push(format!("{fence}{}", language.unwrap_or_default()));
    if !text.is_empty() {
        push_lines(text, out);
    }
    out.push(fence);
}

/// The first row is the header, because Markdown has no table without one.
fn table(rows: &[Vec<Vec<Block>>], out: &mut Vec<String>) {
    let columns = rows.iter().map(Vec::len).max().unwrap_or_default();
    for (number, row) in rows.iter().enumerate() {
        let mut line = String::from("|");
        for cell in row {
            let cell = cell_lines(cell, 0).join("<br>");
            line.push_str(&if cell.is_empty() { " |".to_owned() } else { format!(" {cell} |") });
        }
        if number == 0 {
            line.push_str(&" |".repeat(columns - row.len()));
        }
        out.push(line);
        if number == 0 {
            out.push(format!("|{}", " --- |".repeat(columns)));
        }
    }
}

/// A cell is one line of Markdown: its blocks become lines, joined by `<br>`. `lists` is the number of lists around
/// them.
fn cell_lines(blocks: &[Block], lists: usize) -> Vec<String> {
    let mut out = Vec::new();
    for block in blocks.iter().map(as_written) {
        match &*block {
            Block::Decisions(_) | Block::Card { .. } => {}
            Block::Paragraph(line) | Block::Heading(_, line) => out.push(inlines(line, Position::Cell)),
            Block::Quote(blocks) => out.extend(cell_lines(blocks, lists)),
            Block::Panel(panel, blocks) => {
                out.push(format!("**{}**", panel.label()));
                out.extend(cell_lines(blocks, lists));
            }
            Block::List(List { start, items }) => {
                for (at, item) in items.iter().enumerate() {
                    let marker = match (item.task, start) {
                        (Some(true), _) => "\\[x]".to_owned(),
                        (Some(false), _) => "\\[ ]".to_owned(),
                        (None, Some(start)) => format!("{}.", start.saturating_add(at as u64)),
                        (None, None) => "•".to_owned(),
                    };
                    let lines = cell_lines(&item.blocks, lists + 1);
                    let indent = CELL_INDENT.repeat(lists);
                    // A list at the start of an item is written below it.
                    let has_text = starts_with_text(item);
                    let first = lines.first().filter(|_| has_text).map_or("", String::as_str);
                    out.push(format!("{indent}{marker} {}", first).trim_end_matches(' ').to_owned());
                    out.extend(lines.iter().skip(usize::from(has_text)).cloned());
                }
            }
            Block::Code { text, .. } => {
                let lines = text.split('\n').filter(|line| !line.trim().is_empty());
                out.extend(lines.map(render_inline::code_in_cell));
            }
            Block::Rule => {}
            Block::Table(rows) => {
                let row = |row: &Vec<Vec<Block>>| {
                    row.iter().flat_map(|cell| cell_lines(cell, lists)).collect::<Vec<_>>().join(" ")
                };
                out.extend(rows.iter().map(row));
            }
            Block::Image(image) => out.push(render_inline::image(image).replace('|', "\\|")),
        }
    }
    out.retain(|line| !line.is_empty());
    out
}
