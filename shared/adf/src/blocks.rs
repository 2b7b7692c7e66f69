//! Builds blocks while Markdown is parsed, and keeps track of the open containers.

use std::ops::Range;
use std::rc::Rc;
use std::sync::Arc;

use super::model::{Block, Inline, Item, Link, List};
use super::panel::Panel;
use super::source::Source;

/// Lists and quotes nested more deeply lose their structure and keep their content. Nobody reads that far, and JSON
/// parsers have a depth limit too (128 for `serde_json`; each list level takes four).
pub(super) const MAX_DEPTH: usize = 20;

/// A block and the lines of the Markdown it was parsed from, counted from 0. Blocks that come from a single one, such
/// as the parts of a mixed list, share its lines.
pub(super) struct Placed {
    pub(super) lines: Range<usize>,
    pub(super) block: Block,
}

/// An open container. `Flat` is one that is nested too deeply: its content goes to the container around it.
pub(super) enum Frame {
    Quote(Vec<Block>),
    Panel(Panel, Vec<Block>),
    List(List),
    Item(Item),
    Flat,
}

#[derive(Default)]
pub(super) struct Builder {
    pub(super) source: Rc<Source>,
    /// The lines of the current top-level block.
    pub(super) lines: Lines,
    pub(super) root: Vec<Placed>,
    pub(super) frames: Vec<Frame>,
    /// The number of open frames, without `Item` and `Flat`.
    pub(super) depth: usize,
    pub(super) inlines: Vec<Inline>,
    pub(super) strong: usize,
    pub(super) em: usize,
    pub(super) strike: usize,
    pub(super) link: Option<OpenLink>,
    pub(super) image: Option<OpenImage>,
    pub(super) code: Option<(Option<String>, String)>,
    /// The current HTML block.
    pub(super) html: String,
    pub(super) rows: Vec<Vec<Vec<Block>>>,
    pub(super) row_end: usize,
    pub(super) last_cell_end: Option<usize>,
}

/// Counts lines from the start of a text to its end.
#[derive(Default)]
pub(super) struct Lines {
    pub(super) current: Range<usize>,
    /// How far lines have been counted, in bytes and in lines.
    pub(super) counted: (usize, usize),
}

impl Lines {
    pub(super) fn move_to(&mut self, text: &str, range: &Range<usize>) {
        let (from, line) = self.counted;
        let before = text.get(from..range.start).unwrap_or_default();
        let start = line + before.matches('\n').count();
        let block = text.get(range.clone()).unwrap_or_default().trim_end();
        self.current = start..start + block.matches('\n').count() + 1;
        self.counted = (from.max(range.start), start);
    }
}

pub(super) struct OpenLink {
    pub(super) raw: String,
    pub(super) title: String,
    pub(super) link: Option<Arc<Link>>,
    /// Where the link's content starts in the line.
    pub(super) from: usize,
}

pub(super) struct OpenImage {
    pub(super) url: String,
    pub(super) alt: String,
    /// The number of images open within the image's description.
    pub(super) nested: usize,
}

impl Builder {
    pub(super) fn open(&mut self, frame: Frame) {
        self.flush();
        // An item is never too deep, because it belongs to its list.
        let deep = self.depth >= MAX_DEPTH && !matches!(frame, Frame::Item(_));
        let frame = if deep { Frame::Flat } else { frame };
        self.depth += usize::from(matches!(frame, Frame::Quote(_) | Frame::Panel(..) | Frame::List(_)));
        self.frames.push(frame);
    }

    pub(super) fn close(&mut self) {
        self.flush();
        match self.frames.pop() {
            Some(Frame::Quote(blocks)) => {
                self.depth -= 1;
                self.push(Block::Quote(blocks));
            }
            Some(Frame::Panel(panel, blocks)) => {
                self.depth -= 1;
                self.push(Block::Panel(panel, blocks));
            }
            Some(Frame::List(list)) => {
                self.depth -= 1;
                self.push(Block::List(list));
            }
            Some(Frame::Item(item)) => {
                if let Some(Frame::List(list)) = self.frames.last_mut() {
                    list.items.push(item);
                }
            }
            Some(Frame::Flat) | None => {}
        }
    }

    /// Ends the current line: items of a tight list have text without a paragraph around it.
    pub(super) fn flush(&mut self) {
        if !self.inlines.is_empty() {
            let inlines = std::mem::take(&mut self.inlines);
            self.push(Block::Paragraph(inlines));
        }
    }

    pub(super) fn block(&mut self, block: Block) {
        self.flush();
        self.push(block);
    }

    pub(super) fn push(&mut self, block: Block) {
        let frame = self.frames.iter_mut().rev().find(|frame| !matches!(frame, Frame::Flat));
        match frame {
            Some(Frame::Quote(blocks) | Frame::Panel(_, blocks) | Frame::Item(Item { blocks, .. })) => {
                blocks.push(block);
            }
            Some(Frame::List(list)) => list.items.push(Item { task: None, blocks: vec![block] }),
            Some(Frame::Flat) | None => {
                self.root.push(Placed { lines: self.lines.current.clone(), block });
            }
        }
    }

    pub(super) fn finish(mut self) -> Vec<Placed> {
        while !self.frames.is_empty() {
            self.close();
        }
        self.flush();
        self.root
    }
}
