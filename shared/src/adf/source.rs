//! The text as the parser gets it.

use super::bare_urls::BareUrls;
use super::model::is_noncharacter;

/// A text with placeholders for its bare URLs.
#[derive(Debug, Default)]
pub(super) struct Source {
    pub(super) text: String,
    pub(super) urls: BareUrls,
}

impl Source {
    pub(super) fn of(markdown: &str) -> Self {
        let text = markdown.replace("\r\n", "\n").replace('\r', "\n").replace('\0', "\u{fffd}");
        let (urls, text) = BareUrls::take_out(&text.replace(is_noncharacter, "\u{fffd}"));
        Self { text, urls }
    }
}
