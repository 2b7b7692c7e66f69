//! Estimates a document's size before it takes memory; an element takes about a kilobyte as JSON.

use super::document::MAX_CHARACTERS;
use super::model::{Block, Inline, Link};

/// Jira counts the document as text with markup, in which each element takes at least one character.
const MAX_ELEMENTS: usize = MAX_CHARACTERS;

/// The maximum total size of link destinations, in bytes. Each text of a link repeats them.
const MAX_ADDRESSES: usize = 1 << 20;

/// Why a text is too large for a document that Jira accepts. The message is worded to follow "description" and says
/// what to change.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TooLarge {
    /// The length of the text, in UTF-16 code units.
    #[error("is {0} characters long without its markup; Jira takes {MAX_CHARACTERS}")]
    Text(usize),
    /// The number of paragraphs, cells, texts with their own marks, and so on.
    #[error(
        "has {0} paragraphs, table cells, list items and pieces of styled text; at most {MAX_ELEMENTS} can be sent to Jira"
    )]
    Elements(usize),
    /// The total size of link and image destinations in bytes, counted for each text of a link.
    #[error(
        "has links of {0} bytes in all, counted for each piece of a link's text; at most {MAX_ADDRESSES} can be sent to Jira"
    )]
    Addresses(usize),
}

/// Counts normalized blocks.
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
