//! Brings blocks into the structure that ADF allows. What it forbids in a place is flattened: the text is kept, in
//! order.

use super::characters::is_space;
use super::destination;
use super::links::{self, linked};
use super::model::{Block, Image, Inline, Item, List, Marks};
use super::node::{Card, Node};

/// The bold label at the start of a decision.
pub(super) const DECISION: &str = "Decision:";

/// The container of a block.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Place {
    Document,
    Quote,
    Panel,
    Item,
}

/// Normalizes the blocks of a document.
pub(super) fn document(blocks: Vec<Block>) -> Vec<Block> {
    normalize(blocks, Place::Document)
}

/// Normalizes the blocks of a container.
pub(super) fn normalize(blocks: Vec<Block>, place: Place) -> Vec<Block> {
    let mut out = Vec::with_capacity(blocks.len());
    for block in blocks {
        match block {
            Block::Paragraph(inlines) => paragraph(inlines, place, &mut out),
            Block::Heading(level, inlines) => heading(level, inlines, place, &mut out),
            Block::Panel(panel, blocks) if place == Place::Document => {
                let blocks = normalize(blocks, Place::Panel);
                out.push(Block::Panel(
                    panel,
                    if blocks.is_empty() { vec![Block::Paragraph(Vec::new())] } else { blocks },
                ));
            }
            Block::Panel(panel, blocks) => {
                out.push(Block::Paragraph(vec![Inline::strong(panel.label())]));
                out.extend(normalize(blocks, place));
            }
            Block::Quote(blocks) if place == Place::Document => {
                let blocks = normalize(blocks, Place::Quote);
                if !blocks.is_empty() {
                    out.push(Block::Quote(blocks));
                }
            }
            Block::Quote(blocks) => out.extend(normalize(blocks, place)),
            Block::List(list) => split_list(list, place, &mut out),
            Block::Table(rows) if place == Place::Document => out.push(table(rows)),
            Block::Table(rows) => flat_table(rows, &mut out),
            Block::Rule if !has_headings(place) => {}
            Block::Code { .. } | Block::Image(_) | Block::Rule => out.push(block),
            Block::Decisions(_) | Block::Card { .. } => out.push(block),
        }
    }
    out
}

/// Whether a container allows headings and rules.
fn has_headings(place: Place) -> bool {
    matches!(place, Place::Document | Place::Panel)
}

/// Whether a container allows this card as a block.
fn may_hold(place: Place, card: Card) -> bool {
    match card {
        Card::Inline => false,
        Card::Block => has_headings(place),
        Card::Embed => place == Place::Document,
    }
}

/// A paragraph that consists of images becomes those images; an image within text becomes a link.
fn paragraph(inlines: Vec<Inline>, place: Place, out: &mut Vec<Block>) {
    if let [Inline::Node(Node::Card { url, card })] = inlines.as_slice()
        && may_hold(place, *card)
    {
        out.push(Block::Card { url: url.clone(), card: *card });
        return;
    }
    let is_shown = |inline: &Inline| match inline {
        Inline::Image(image) => destination::is_web(&image.url),
        other => other.is_blank(),
    };
    if inlines.iter().all(is_shown) {
        out.extend(inlines.into_iter().filter_map(|inline| match inline {
            Inline::Image(image) => Some(Block::Image(image)),
            _ => None,
        }));
        return;
    }
    let inlines = line(inlines);
    if !inlines.is_empty() {
        out.push(Block::Paragraph(inlines));
    }
}

fn heading(level: u8, inlines: Vec<Inline>, place: Place, out: &mut Vec<Block>) {
    let inlines = if has_headings(place) { line(inlines) } else { line(strong(inlines)) };
    if inlines.is_empty() {
        return;
    }
    out.push(if has_headings(place) { Block::Heading(level, inlines) } else { Block::Paragraph(inlines) });
}

/// Returns the normal form of a line, with images and bare URLs as links.
fn line(inlines: Vec<Inline>) -> Vec<Inline> {
    let inlines = inlines.into_iter().map(|inline| match inline {
        Inline::Image(image) => image_text(image),
        Inline::Node(Node::Card { url, .. }) => Inline::Node(Node::Card { url, card: Card::Inline }),
        other => other,
    });
    linked(inlines)
}

fn image_text(Image { url, alt, link }: Image) -> Inline {
    let link = link.or_else(|| links::link(&url, ""));
    let text = if alt.is_empty() && link.is_some() { url } else { alt };
    Inline::marked(text, Marks { link, ..Marks::default() })
}

fn strong(mut inlines: Vec<Inline>) -> Vec<Inline> {
    for inline in &mut inlines {
        if let Inline::Text(text) = inline {
            text.marks.strong = true;
        }
    }
    inlines
}

fn table(rows: Vec<Vec<Vec<Block>>>) -> Block {
    let cell = |blocks: Vec<Block>| {
        let mut cell = Vec::with_capacity(blocks.len());
        for block in blocks {
            if let Block::Paragraph(inlines) = block {
                paragraph(inlines, Place::Item, &mut cell);
            }
        }
        if cell.is_empty() {
            cell.push(Block::Paragraph(Vec::new()));
        }
        cell
    };
    Block::Table(rows.into_iter().map(|row| row.into_iter().map(cell).collect()).collect())
}

/// Flattens a table where none is allowed into one paragraph per row.
fn flat_table(rows: Vec<Vec<Vec<Block>>>, out: &mut Vec<Block>) {
    for (number, row) in rows.into_iter().enumerate() {
        let mut cells = Vec::new();
        for (column, block) in row.into_iter().flatten().enumerate() {
            if column > 0 {
                cells.push(Inline::text(" | "));
            }
            if let Block::Paragraph(inlines) = block {
                cells.extend(inlines);
            }
        }
        let cells = line(if number == 0 { strong(cells) } else { cells });
        if !cells.is_empty() {
            out.push(Block::Paragraph(cells));
        }
    }
}

/// ADF has separate lists for items, tasks and decisions, so a mixed list becomes several.
fn split_list(List { start, items }: List, place: Place, out: &mut Vec<Block>) {
    let mut number = start;
    let mut run: Vec<Item> = Vec::new();
    let mut run_kind = Kind::Plain;
    for mut item in items {
        if place == Place::Quote
            && let Some(done) = item.task.take()
        {
            mark_as_text(&mut item.blocks, done);
        }
        item.blocks = normalize(item.blocks, Place::Item);
        let kind = kind(&item, start, place);
        if kind != run_kind {
            number = end_run(number, run_kind, std::mem::take(&mut run), out);
            run_kind = kind;
        }
        run.push(item);
    }
    end_run(number, run_kind, run, out);
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Plain,
    Task,
    Decision,
}

fn kind(item: &Item, start: Option<u64>, place: Place) -> Kind {
    if item.task.is_some() {
        return Kind::Task;
    }
    let is_decision = has_headings(place)
        && start.is_none()
        && matches!(item.blocks.as_slice(), [Block::Paragraph(inlines)] if decision(inlines).is_some());
    if is_decision { Kind::Decision } else { Kind::Plain }
}

/// Returns the content of a decision, if the line starts with its label.
fn decision(inlines: &[Inline]) -> Option<Vec<Inline>> {
    let is_likely = matches!(inlines.first(), Some(Inline::Text(first)) if first.text.starts_with('D'));
    let mut inlines = if is_likely { line(inlines.to_vec()) } else { return None };
    let Some(Inline::Text(first)) = inlines.first_mut() else { return None };
    let only_strong = Marks { strong: true, ..Marks::default() };
    let rest = first.text.strip_prefix(DECISION).filter(|_| first.marks == only_strong)?;
    if !(rest.is_empty() || rest.starts_with(is_space)) {
        return None;
    }
    first.text = rest.to_owned();
    Some(line(inlines))
}

/// Where no task list is allowed, the checkbox stays text.
fn mark_as_text(blocks: &mut Vec<Block>, done: bool) {
    let mark = Inline::text(if done { "[x] " } else { "[ ] " });
    match blocks.first_mut() {
        Some(Block::Paragraph(inlines) | Block::Heading(_, inlines)) => inlines.insert(0, mark),
        _ => blocks.insert(0, Block::Paragraph(vec![mark])),
    }
}

/// Ends a list of items of the same kind. Returns the number of the next item.
fn end_run(start: Option<u64>, kind: Kind, items: Vec<Item>, out: &mut Vec<Block>) -> Option<u64> {
    let next = start.map(|start| start + items.len() as u64);
    if items.is_empty() {
        return next;
    }
    match kind {
        Kind::Task => tasks(items, out),
        Kind::Decision => {
            let lines = items.into_iter().flat_map(|item| item.blocks).filter_map(|block| match block {
                Block::Paragraph(inlines) => decision(&inlines),
                _ => None,
            });
            out.push(Block::Decisions(lines.collect()));
        }
        Kind::Plain => {
            let items = items.into_iter().map(|item| Item { task: None, blocks: item_blocks(item.blocks) });
            out.push(Block::List(List { start, items: items.collect() }));
        }
    }
    next
}

fn item_blocks(mut blocks: Vec<Block>) -> Vec<Block> {
    // The schema allows a list first, but older Jira editors do not.
    if matches!(blocks.first(), None | Some(Block::List(_))) {
        blocks.insert(0, Block::Paragraph(Vec::new()));
    }
    blocks
}

/// A task contains one line and, below it, tasks. Further paragraphs are joined to the line. Anything else ends the
/// list, is placed after it, and a new list follows.
fn tasks(items: Vec<Item>, out: &mut Vec<Block>) {
    let mut done: Vec<Item> = Vec::new();
    let end = |done: &mut Vec<Item>, out: &mut Vec<Block>| {
        if !done.is_empty() {
            out.push(Block::List(List { start: None, items: std::mem::take(done) }));
        }
    };
    for item in items {
        let mut text: Vec<Inline> = Vec::new();
        let mut blocks = item.blocks.into_iter().peekable();
        while let Some(Block::Paragraph(inlines)) =
            blocks.next_if(|block| matches!(block, Block::Paragraph(_)))
        {
            if !text.is_empty() {
                text.push(Inline::Break);
            }
            text.extend(inlines);
        }
        done.push(Item { task: item.task, blocks: vec![Block::Paragraph(text)] });
        for block in blocks {
            match (&block, done.last_mut()) {
                (Block::List(list), Some(task)) if list.is_tasks() => task.blocks.push(block),
                _ => {
                    end(&mut done, out);
                    out.push(block);
                }
            }
        }
    }
    end(&mut done, out);
}
