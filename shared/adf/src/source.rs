//! Prepares a text for the parser.

use pulldown_cmark::Event;
use std::ops::Range;

use super::bare_urls::BareUrls;
use super::definitions::Definitions;
use super::{clean, comments, flanking, padding};

/// A text with placeholders for its bare URLs, and without its link reference definitions.
#[derive(Debug, Default)]
pub(super) struct Source {
    pub(super) text: String,
    pub(super) urls: BareUrls,
    definitions: Definitions,
}

impl Source {
    pub(super) fn of(markdown: &str) -> Self {
        let text = comments::escape_unclosed(padding::limit(clean::markdown(markdown)));
        let (definitions, text) = Definitions::take_out(text);
        let (urls, text) = BareUrls::take_out(&text, &definitions);
        Self { text: flanking::guard(text), urls, definitions }
    }

    pub(super) fn events(&self) -> impl Iterator<Item = (Event<'_>, Range<usize>)> {
        self.definitions.events(&self.text)
    }
}
