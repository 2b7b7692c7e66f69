//! What the parser takes each place of a text for.

use std::ops::Range;

use pulldown_cmark::{Event, Tag, TagEnd};

use super::definitions::Definitions;

/// Where what stands in a text, in the order of the text.
#[derive(Debug, Default)]
pub(super) struct Outline {
    /// Texts, but those of code, links and images.
    pub(super) texts: Vec<PlainText>,
}

/// A text in which every character but an escape is itself.
#[derive(Debug)]
pub(super) struct PlainText {
    pub(super) range: Range<usize>,
    /// Where a URL ends at the latest that starts in it: at the end of the cell in a table.
    pub(super) limit: usize,
}

impl Outline {
    pub(super) fn of(text: &str, definitions: &Definitions) -> Self {
        let mut outline = Self::default();
        // Code blocks, links and images that are open.
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
