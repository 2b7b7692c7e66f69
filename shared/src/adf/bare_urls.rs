//! Bare URLs, found before the parser sees the text: the underscores of `https://git.example/pkg/__init__.py` are no
//! emphasis, and brackets or a `|` in an address mean nothing.
//!
//! Each is replaced by a placeholder that the parser takes for a word, and put back where its events are read.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;

use super::escape::is_reference;
use super::links::{self, ends_url, may_precede_url};
use super::model::Link;
use super::outline::Outline;

/// A placeholder is a number between these two, in sixteen digits from [`DIGIT`] on. All are noncharacters, which no
/// text that comes to the parser has: `without_controls` takes them out.
const BEGIN: char = '\u{fdd0}';
const END: char = '\u{fdd1}';
const DIGIT: u32 = 0xfde0;

/// The bare URLs of a text, which has placeholders for them.
#[derive(Debug, Default)]
pub(super) struct BareUrls(Vec<BareUrl>);

/// What a placeholder stands for.
#[derive(Debug)]
pub(super) struct BareUrl {
    /// As it was written, with its escapes.
    source: String,
    /// As it is shown.
    pub(super) text: String,
    pub(super) link: Arc<Link>,
}

/// A part of a text with placeholders.
pub(super) enum Piece<'a> {
    Text(&'a str),
    Url(&'a BareUrl),
}

impl BareUrls {
    /// Finds them in the texts of an outline, and gives where each stands.
    pub(super) fn find(source: &str, outline: &Outline) -> (Self, Vec<Range<usize>>) {
        let (mut urls, mut ranges) = (Vec::new(), Vec::new());
        let mut from = 0;
        for text in &outline.texts {
            from = from.max(text.range.start);
            while let Some(at) = next_candidate(source, from, text.range.end) {
                let within = source.get(at..text.limit).unwrap_or_default();
                match url_at(within) {
                    Found::Url(length, text, href) => {
                        let source = within[..length].to_owned();
                        urls.push(BareUrl { source, text, link: Arc::new(Link { href, title: None }) });
                        ranges.push(at..at + length);
                        from = at + length;
                    }
                    Found::TooLong(length) => from = at + length,
                    Found::Nothing => from = at + 1,
                }
            }
        }
        (Self(urls), ranges)
    }

    /// The placeholder of a URL.
    pub(super) fn placeholder(number: usize) -> String {
        let digit = |shift: usize| char::from_u32(DIGIT + ((number >> shift) & 0xf) as u32);
        let digits = (0..5).rev().filter_map(|place| digit(4 * place));
        std::iter::once(BEGIN).chain(digits).chain([END]).collect()
    }

    /// The text between the placeholders, and what these stand for.
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

    /// The text as it was written, for where a URL means nothing.
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

fn number(digits: &str) -> Option<usize> {
    digits.chars().try_fold(0_usize, |number, digit| {
        let digit = u32::from(digit).checked_sub(DIGIT).filter(|digit| *digit < 16)?;
        number.checked_mul(16)?.checked_add(digit as usize)
    })
}

/// Where the next URL may start, before `end`.
fn next_candidate(source: &str, from: usize, end: usize) -> Option<usize> {
    let text = source.get(from..end)?;
    let mut places = text.char_indices().map(|(at, _)| from + at);
    places
        .find(|&at| links::starts_url(&source[at..]) && last_char(&source[..at]).is_none_or(may_precede_url))
}

/// The last character of a source; one that is written as a number (`&#49;`) is that character.
fn last_char(source: &str) -> Option<char> {
    let number = source.strip_suffix(';').and_then(|source| {
        let digits = source.trim_end_matches(|c: char| c.is_ascii_digit());
        let number = digits.ends_with("&#").then_some(&source[digits.len()..])?;
        char::from_u32(number.parse().ok()?)
    });
    number.or_else(|| source.chars().next_back())
}

enum Found {
    /// How long it is in the source, how it is shown, and where it leads.
    Url(usize, String, String),
    /// How much of the source is longer than a URL may be.
    TooLong(usize),
    Nothing,
}

/// The URL that a source starts with. An escape in it stands for its character, as anywhere in Markdown.
fn url_at(source: &str) -> Found {
    let mut shown = String::new();
    // Where each byte of what is shown ends in the source.
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
        if shown.len() > links::MAX_DESTINATION {
            return Found::TooLong(source.len() - rest.len());
        }
    }
    let Some((length, href)) = links::url_at(&shown) else { return Found::Nothing };
    let Some(&end) = length.checked_sub(1).and_then(|last| ends.get(last)) else { return Found::Nothing };
    shown.truncate(length);
    Found::Url(end, shown, href)
}
