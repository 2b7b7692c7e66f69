//! Blocks to Markdown.

use super::model::{Block, Item, List};
use super::render_inline::{self, Position, inlines, longest_run};

/// Highest number that Markdown takes for one of an ordered list.
const MAX_NUMBER: u64 = 999_999_999;

pub(super) fn document(blocks: &[Block]) -> String {
    let mut lines = Vec::new();
    render(blocks, false, &mut lines);
    lines.join("\n")
}

/// Appends the lines of blocks, an empty line between two; in an item, none before a list where it can be
/// spared.
fn render(blocks: &[Block], in_item: bool, out: &mut Vec<String>) {
    let mut before: Option<&Block> = None;
    let mut second_marker = false;
    for block in blocks {
        second_marker = !second_marker && follows_its_like(before, block);
        if before.is_some_and(|before| !(in_item && follows_tightly(before, block))) {
            out.push(String::new());
        }
        match block {
            Block::Paragraph(line) => push_lines(&inlines(line, Position::Paragraph), out),
            Block::Heading(level, line) => {
                let marker = "#".repeat(usize::from(*level));
                out.push(format!("{marker} {}", inlines(line, Position::Heading)));
            }
            Block::Quote(blocks) => quote(blocks, out),
            Block::Panel(panel, blocks) => {
                out.push(format!("> [!{}]", panel.alert()));
                // What cannot interrupt a paragraph would be text right below.
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
        }
        before = Some(block);
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

/// Two lists of one kind would be read as one: every other list has the other marker.
fn follows_its_like(before: Option<&Block>, block: &Block) -> bool {
    match (before, block) {
        (Some(Block::List(before)), Block::List(list)) => before.start.is_some() == list.start.is_some(),
        _ => false,
    }
}

/// A list may follow the paragraph above it without an empty line, unless Markdown would take its first
/// line for a part of that paragraph.
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
                // A box needs something behind it.
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
            let cell = cell_lines(cell).join("<br>");
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

/// A cell is one line of Markdown: its blocks become lines that `<br>` joins.
fn cell_lines(blocks: &[Block]) -> Vec<String> {
    let mut out = Vec::new();
    for block in blocks {
        match block {
            Block::Paragraph(line) | Block::Heading(_, line) => out.push(inlines(line, Position::Cell)),
            Block::Quote(blocks) => out.extend(cell_lines(blocks)),
            Block::Panel(panel, blocks) => {
                out.push(format!("**{}**", panel.label()));
                out.extend(cell_lines(blocks));
            }
            Block::List(List { start, items }) => {
                for (at, item) in items.iter().enumerate() {
                    let marker = match (item.task, start) {
                        (Some(true), _) => "\\[x]".to_owned(),
                        (Some(false), _) => "\\[ ]".to_owned(),
                        (None, Some(start)) => format!("{}.", start.saturating_add(at as u64)),
                        (None, None) => "•".to_owned(),
                    };
                    let lines = cell_lines(&item.blocks);
                    let (first, rest) =
                        lines.split_first().map_or(("", [].as_slice()), |(f, r)| (f.as_str(), r));
                    out.push(format!("{marker} {first}").trim_end().to_owned());
                    out.extend_from_slice(rest);
                }
            }
            Block::Code { text, .. } => {
                let lines = text.split('\n').filter(|line| !line.trim().is_empty());
                out.extend(lines.map(render_inline::code_in_cell));
            }
            Block::Rule => {}
            Block::Table(rows) => {
                let row = |row: &Vec<Vec<Block>>| {
                    row.iter().flat_map(|cell| cell_lines(cell)).collect::<Vec<_>>().join(" ")
                };
                out.extend(rows.iter().map(row));
            }
            Block::Image(image) => out.push(render_inline::image(image).replace('|', "\\|")),
        }
    }
    out.retain(|line| !line.is_empty());
    out
}
