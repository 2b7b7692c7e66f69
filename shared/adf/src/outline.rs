//! Finds the plain text of a document with the parser.

use std::ops::Range;

use pulldown_cmark::{Event, Tag, TagEnd};

use super::definitions::Definitions;

/// The plain texts of a document, in order.
#[derive(Debug, Default)]
pub(super) struct Outline {
    /// Texts outside code, links and images.
    pub(super) texts: Vec<PlainText>,
}

/// A text in which every character stands for itself, except escapes.
#[derive(Debug)]
pub(super) struct PlainText {
    pub(super) range: Range<usize>,
    /// Where a URL in this text must end: at the end of a table cell, or of the document.
    pub(super) limit: usize,
}

impl Outline {
    pub(super) fn of(text: &str, definitions: &Definitions) -> Self {
        let mut outline = Self::default();
        // The number of open code blocks, links and images.
        let mut opaque = 0_usize;
        let mut limit = text.len();
        for (event, range) in definitions.events(text) {
            match event {
                Event::Start(Tag::CodeBlock(_) | Tag::Link { .. } | Tag::Image { .. }) => opaque += 1,
                Event::End(TagEnd::CodeBlock | TagEnd::Link | TagEnd::Image) => {
                    opaque = opaque.saturating_sub(1)
                }
                Event::Start(Tag::TableCell) => limit = range.end,
                Event::End(TagEnd::TableCell) => limit = text.len(),
                Event::Text(_) if opaque == 0 => outline.texts.push(PlainText { range, limit }),
                _ => {}
            }
        }
        outline
    }
}
