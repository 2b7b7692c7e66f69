//! Bare URLs, extracted before the text is parsed: the underscores of `https://git.example/pkg/__init__.py` are not
//! emphasis, and brackets or a `|` in a URL have no meaning.
//!
//! Each URL is replaced by a placeholder that the parser treats as a word, and restored when the parser's events are
//! read.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;

use super::definitions::Definitions;
use super::destination;
use super::escape::is_reference;
use super::links::{self, ends_url, may_precede_url};
use super::model::Link;
use super::outline::Outline;

/// A placeholder is a number between these two, in hexadecimal digits starting at [`DIGIT`]. All are noncharacters,
/// which `clean` removes from every text.
const BEGIN: char = '\u{fdd0}';
const END: char = '\u{fdd1}';
const DIGIT: u32 = 0xfde0;

/// A URL can absorb the opening bracket of a link, so the content of that link becomes text, which may contain more
/// URLs. The search is repeated until it finds no more, usually after two passes.
const MAX_PASSES: usize = 8;

/// The bare URLs of a text, in order.
#[derive(Debug, Default)]
pub(super) struct BareUrls(Vec<BareUrl>);

/// The URL behind a placeholder.
#[derive(Debug)]
pub(super) struct BareUrl {
    /// Its position in the original text.
    range: Range<usize>,
    /// The URL as written, with escapes.
    source: String,
    /// The URL as shown.
    pub(super) text: String,
    pub(super) link: Arc<Link>,
}

/// A part of a text with placeholders.
pub(super) enum Piece<'a> {
    Text(&'a str),
    Url(&'a BareUrl),
}

impl BareUrls {
    /// Finds the bare URLs of a text, and returns them and the text with placeholders in their place.
    pub(super) fn take_out(text: &str, definitions: &Definitions) -> (Self, String) {
        let mut urls = Self::default();
        let mut replaced = text.to_owned();
        for _ in 0..MAX_PASSES {
            if !urls.add(text, &Outline::of(&replaced, definitions)) {
                break;
            }
            replaced = urls.replace_in(text);
        }
        (urls, replaced)
    }

    /// Adds the URLs in an outline of the text with placeholders. Returns whether there were any.
    fn add(&mut self, text: &str, outline: &Outline) -> bool {
        let mut found = Vec::new();
        let places = self.places();
        let mut from = 0;
        for plain in &outline.texts {
            let end = original(&places, plain.range.end);
            let limit = original(&places, plain.limit);
            from = from.max(original(&places, plain.range.start));
            while let Some(at) = next_candidate(text, from, end) {
                if let Some(known) = self.around(at) {
                    from = known.range.end;
                    continue;
                }
                let within = text.get(at..limit).unwrap_or_default();
                match url_in_source(within) {
                    Found::Url(length, text, href) => {
                        let link = Arc::new(Link { href, title: None });
                        let source = within[..length].to_owned();
                        found.push(BareUrl { range: at..at + length, source, text, link });
                        from = at + length;
                    }
                    Found::TooLong(length) => from = at + length,
                    Found::Nothing => from = at + 1,
                }
            }
        }
        let is_any = !found.is_empty();
        // A URL that starts before another one may absorb it.
        found.append(&mut self.0);
        found.sort_by_key(|url| url.range.start);
        let mut end = 0;
        found.retain(|url| {
            let is_free = url.range.start >= end;
            if is_free {
                end = url.range.end;
            }
            is_free
        });
        self.0 = found;
        is_any
    }

    /// Returns the known URL that contains a position of the original text.
    fn around(&self, at: usize) -> Option<&BareUrl> {
        let before = self.0.partition_point(|url| url.range.start <= at);
        self.0.get(before.checked_sub(1)?).filter(|url| at < url.range.end)
    }

    fn replace_in(&self, text: &str) -> String {
        let mut out = String::with_capacity(text.len());
        let mut from = 0;
        for (number, url) in self.0.iter().enumerate() {
            out.push_str(&text[from..url.range.start]);
            out.push_str(&placeholder(number));
            from = url.range.end;
        }
        out.push_str(&text[from..]);
        out
    }

    /// Returns the position of each placeholder in the text with placeholders, and of its URL in the original text.
    fn places(&self) -> Vec<(Range<usize>, Range<usize>)> {
        let (mut at, mut from) = (0, 0);
        let place = |(number, url): (usize, &BareUrl)| {
            let start = at + url.range.start - from;
            (at, from) = (start + placeholder(number).len(), url.range.end);
            (start..at, url.range.clone())
        };
        self.0.iter().enumerate().map(place).collect()
    }

    /// Splits a text into the parts between placeholders and the URLs behind them.
    pub(super) fn pieces<'a>(&'a self, text: &'a str) -> Vec<Piece<'a>> {
        let mut pieces = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once(BEGIN) {
            let found =
                after.split_once(END).and_then(|(digits, after)| Some((self.0.get(number(digits)?)?, after)));
            pieces.push(Piece::Text(before));
            rest = match found {
                Some((url, after)) => {
                    pieces.push(Piece::Url(url));
                    after
                }
                None => after,
            };
        }
        pieces.push(Piece::Text(rest));
        pieces
    }

    /// Returns the text with its URLs as written, for contexts in which a URL has no meaning.
    pub(super) fn written<'a>(&self, text: &'a str) -> Cow<'a, str> {
        if !text.contains(BEGIN) {
            return text.into();
        }
        let pieces = self.pieces(text);
        let written = pieces.iter().map(|piece| match piece {
            Piece::Text(text) => *text,
            Piece::Url(url) => &url.source,
        });
        written.collect::<String>().into()
    }
}

fn placeholder(number: usize) -> String {
    let number = format!("{number:x}");
    let digits = number.chars().filter_map(|digit| char::from_u32(DIGIT + digit.to_digit(16)?));
    std::iter::once(BEGIN).chain(digits).chain([END]).collect()
}

/// Maps a position in the text with placeholders to the original text.
fn original(places: &[(Range<usize>, Range<usize>)], at: usize) -> usize {
    let before = places.partition_point(|(placeholder, _)| placeholder.start <= at);
    match before.checked_sub(1).and_then(|last| places.get(last)) {
        Some((placeholder, url)) if at < placeholder.end => url.start,
        Some((placeholder, url)) => url.end + (at - placeholder.end),
        None => at,
    }
}

fn number(digits: &str) -> Option<usize> {
    digits.chars().try_fold(0_usize, |number, digit| {
        let digit = u32::from(digit).checked_sub(DIGIT).filter(|digit| *digit < 16)?;
        number.checked_mul(16)?.checked_add(digit as usize)
    })
}

/// Returns the next position before `end` where a URL may start.
fn next_candidate(source: &str, from: usize, end: usize) -> Option<usize> {
    let text = source.get(from..end)?;
    let mut places = text.char_indices().map(|(at, _)| from + at);
    places
        .find(|&at| links::starts_url(&source[at..]) && last_char(&source[..at]).is_none_or(may_precede_url))
}

/// Returns the last character of a source; a numeric character reference (`&#49;`) counts as its character.
fn last_char(source: &str) -> Option<char> {
    let number = source.strip_suffix(';').and_then(|source| {
        let digits = source.trim_end_matches(|c: char| c.is_ascii_digit());
        let number = digits.ends_with("&#").then_some(&source[digits.len()..])?;
        char::from_u32(number.parse().ok()?)
    });
    number.or_else(|| source.chars().next_back())
}

enum Found {
    /// The URL's length in the source, its text as shown, and its destination.
    Url(usize, String, String),
    /// The length of a part of the source that is too long for a URL.
    TooLong(usize),
    Nothing,
}

/// Parses the URL at the start of a source. An escape in it stands for its character, as everywhere in Markdown.
fn url_in_source(source: &str) -> Found {
    let mut shown = String::new();
    // For each byte of the text as shown, where it ends in the source.
    let mut ends = Vec::new();
    let mut rest = source;
    while let Some(c) = rest.chars().next() {
        let after = &rest[c.len_utf8()..];
        let (c, length) = match c {
            '\\' => match after.chars().next() {
                Some(escaped) if escaped.is_ascii_punctuation() => (escaped, 2),
                _ => break,
            },
            '&' if after.starts_with("amp;") => ('&', 5),
            '&' if is_reference(after) => break,
            c => (c, c.len_utf8()),
        };
        if ends_url(c) {
            break;
        }
        rest = &rest[length..];
        shown.push(c);
        ends.resize(shown.len(), source.len() - rest.len());
        if shown.len() > destination::MAX_DESTINATION {
            return Found::TooLong(source.len() - rest.len());
        }
    }
    let Some((length, href)) = links::url_at(&shown) else { return Found::Nothing };
    let Some(&end) = length.checked_sub(1).and_then(|last| ends.get(last)) else { return Found::Nothing };
    shown.truncate(length);
    Found::Url(end, shown, href)
}
