//! The blocks that are being built while Markdown is read, and the containers that are open.

use std::ops::Range;
use std::rc::Rc;
use std::sync::Arc;

use super::model::{Block, Inline, Item, Link, List};
use super::panel::Panel;
use super::source::Source;

/// Lists and quotes that are nested deeper lose their frame and keep their content: nobody reads that far,
/// and JSON parsers stop at a depth too (`serde_json`'s at 128; a level of a list takes four).
pub(super) const MAX_DEPTH: usize = 20;

/// A block, and the lines of the Markdown that it was read from, counted from 0. Blocks that were read from one, such as
/// the parts of a mixed list, share its lines.
pub(super) struct Placed {
    pub(super) lines: Range<usize>,
    pub(super) block: Block,
}

/// A container that is open. `Flat` is one that is too deep: its content goes to the one around it.
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
    /// Of the outermost block that is read.
    pub(super) lines: Lines,
    pub(super) root: Vec<Placed>,
    pub(super) frames: Vec<Frame>,
    /// Frames that are not `Flat`.
    pub(super) depth: usize,
    pub(super) inlines: Vec<Inline>,
    pub(super) strong: usize,
    pub(super) em: usize,
    pub(super) strike: usize,
    pub(super) link: Option<OpenLink>,
    pub(super) image: Option<OpenImage>,
    pub(super) code: Option<(Option<String>, String)>,
    /// The block of HTML that is read.
    pub(super) html: String,
    pub(super) rows: Vec<Vec<Vec<Block>>>,
    pub(super) row_end: usize,
    pub(super) last_cell_end: Option<usize>,
}

/// Counts the lines of a text, from its beginning to its end.
#[derive(Default)]
pub(super) struct Lines {
    pub(super) current: Range<usize>,
    /// How far they are counted, in bytes and lines.
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
    /// Where its content starts in the line.
    pub(super) from: usize,
}

pub(super) struct OpenImage {
    pub(super) url: String,
    pub(super) alt: String,
    /// Images within the description of the image.
    pub(super) nested: usize,
}

impl Builder {
    pub(super) fn open(&mut self, frame: Frame) {
        self.flush();
        // An item belongs to its list: it is never too deep.
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

    /// Ends the line that is being read: the items of a tight list have no paragraph around their text.
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
