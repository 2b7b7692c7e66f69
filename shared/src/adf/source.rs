//! The text as the parser gets it.

use std::ops::Range;

use super::bare_urls::BareUrls;
use super::outline::Outline;

/// A text with placeholders for its bare URLs.
#[derive(Debug, Default)]
pub(super) struct Source {
    pub(super) text: String,
    pub(super) urls: BareUrls,
}

impl Source {
    pub(super) fn of(markdown: &str) -> Self {
        let text = markdown.replace("\r\n", "\n").replace('\r', "\n").replace('\0', "\u{fffd}");
        let text = text.replace(|c| matches!(c, '\u{fdd0}'..='\u{fdef}'), "\u{fffd}");
        let (urls, ranges) = BareUrls::find(&text, &Outline::of(&text));
        let edits = ranges.into_iter().enumerate();
        let edits = edits.map(|(number, range)| Edit { range, text: BareUrls::placeholder(number) });
        Self { text: apply(&text, edits), urls }
    }
}

/// What takes the place of a range.
struct Edit {
    range: Range<usize>,
    text: String,
}

/// Makes edits, which are in the order of the text.
fn apply(text: &str, edits: impl Iterator<Item = Edit>) -> String {
    let mut out = String::with_capacity(text.len() + 16);
    let mut from = 0;
    for Edit { range, text: instead } in edits {
        out.push_str(text.get(from..range.start).unwrap_or_default());
        out.push_str(&instead);
        from = range.end;
    }
    out.push_str(text.get(from..).unwrap_or_default());
    out
}
