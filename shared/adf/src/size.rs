//! How large a document will be, told before it costs memory: an element takes about a kilobyte as JSON.

use std::fmt;

use super::document::MAX_CHARACTERS;
use super::model::{Block, Inline, Link};

/// Each element is a character at least in the text with markup that Jira makes of a document and counts.
const MAX_ELEMENTS: usize = MAX_CHARACTERS;

/// A link's address is repeated in each piece of its text.
const MAX_ADDRESSES: usize = 1 << 20;

/// Why a text makes no document that Jira would take. Said after "description", it says what to change.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TooLarge {
    /// It has so many UTF-16 units of text.
    Text(usize),
    /// It has so many paragraphs, cells, pieces of text with marks of their own, and so on.
    Elements(usize),
    /// The addresses of its links and images have so many bytes, repeated in each piece of a link's text.
    Addresses(usize),
}

impl fmt::Display for TooLarge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(length) => {
                write!(f, "is {length} characters long without its markup; Jira takes {MAX_CHARACTERS}")
            }
            Self::Elements(count) => write!(
                f,
                "has {count} paragraphs, table cells, list items and pieces of styled text; at most \
                 {MAX_ELEMENTS} can be sent to Jira"
            ),
            Self::Addresses(bytes) => write!(
                f,
                "has links of {bytes} bytes in all, counted for each piece of a link's text; at most \
                 {MAX_ADDRESSES} can be sent to Jira"
            ),
        }
    }
}

impl std::error::Error for TooLarge {}

/// Counts blocks that `fit` has seen.
#[derive(Default)]
pub(super) struct Size {
    text: usize,
    elements: usize,
    addresses: usize,
}

impl Size {
    pub(super) fn of(blocks: &[Block]) -> Self {
        let mut size = Self::default();
        size.blocks(blocks);
        size
    }

    pub(super) fn check(&self) -> Result<(), TooLarge> {
        match self {
            Self { text, .. } if *text > MAX_CHARACTERS => Err(TooLarge::Text(*text)),
            Self { elements, .. } if *elements > MAX_ELEMENTS => Err(TooLarge::Elements(*elements)),
            Self { addresses, .. } if *addresses > MAX_ADDRESSES => Err(TooLarge::Addresses(*addresses)),
            _ => Ok(()),
        }
    }

    fn blocks(&mut self, blocks: &[Block]) {
        for block in blocks {
            self.elements += 1;
            match block {
                Block::Paragraph(line) | Block::Heading(_, line) => self.line(line),
                Block::Quote(blocks) | Block::Panel(_, blocks) => self.blocks(blocks),
                Block::List(list) => {
                    self.elements += list.items.len();
                    list.items.iter().for_each(|item| self.blocks(&item.blocks));
                }
                Block::Code { text, .. } => self.text += text.encode_utf16().count(),
                Block::Rule => {}
                Block::Decisions(lines) => {
                    self.elements += lines.len();
                    lines.iter().for_each(|line| self.line(line));
                }
                Block::Card { url, .. } => self.addresses += url.len(),
                Block::Table(rows) => {
                    self.elements += rows.len() + rows.iter().map(Vec::len).sum::<usize>();
                    rows.iter().flatten().for_each(|cell| self.blocks(cell));
                }
                Block::Image(image) => {
                    self.addresses += image.url.len() + image.alt.len();
                    image.link.iter().for_each(|link| self.link(link));
                }
            }
        }
    }

    fn line(&mut self, line: &[Inline]) {
        self.elements += line.len();
        for inline in line {
            match inline {
                Inline::Text(text) => {
                    self.text += text.text.encode_utf16().count();
                    text.marks.link.iter().for_each(|link| self.link(link));
                }
                Inline::Node(node) => self.addresses += node.link().1.len(),
                Inline::Break | Inline::Image(_) => {}
            }
        }
    }

    fn link(&mut self, link: &Link) {
        self.addresses += link.href.len() + link.title.as_ref().map_or(0, String::len);
    }
}
