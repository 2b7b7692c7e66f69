//! Bare URLs, found before the parser sees the text: the underscores of `https://git.example/pkg/__init__.py` are no
//! emphasis, and brackets or a `|` in an address mean nothing.
//!
//! Each is replaced by a placeholder that the parser takes for a word, and put back where its events are read.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;

use super::definitions::Definitions;
use super::destination;
use super::escape::is_reference;
use super::links::{self, ends_url, may_precede_url};
use super::model::Link;
use super::outline::Outline;

/// A placeholder is a number between these two, in sixteen digits from [`DIGIT`] on. All are noncharacters, of which
/// `clean` leaves none in a text.
const BEGIN: char = '\u{fdd0}';
const END: char = '\u{fdd1}';
const DIGIT: u32 = 0xfde0;

/// A URL may take in the bracket that began a link, and what that link held is text then, with URLs of its own. So
/// texts are looked through until there are no more, which is after two passes as a rule.
const MAX_PASSES: usize = 8;

/// The bare URLs of a text, in its order.
#[derive(Debug, Default)]
pub(super) struct BareUrls(Vec<BareUrl>);

/// What a placeholder stands for.
#[derive(Debug)]
pub(super) struct BareUrl {
    /// Where it stands in the text.
    range: Range<usize>,
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
    /// Finds those of a text, and gives it with a placeholder in the place of each.
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

    /// Adds what an outline of the text with placeholders shows, and says whether that is any.
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
        // One that starts before another may take that one in.
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

    /// The known URL that a place of the text is in.
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

    /// Where the placeholders are in the text that has them, and where that is in the text itself.
    fn places(&self) -> Vec<(Range<usize>, Range<usize>)> {
        let (mut at, mut from) = (0, 0);
        let place = |(number, url): (usize, &BareUrl)| {
            let start = at + url.range.start - from;
            (at, from) = (start + placeholder(number).len(), url.range.end);
            (start..at, url.range.clone())
        };
        self.0.iter().enumerate().map(place).collect()
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

fn placeholder(number: usize) -> String {
    let number = format!("{number:x}");
    let digits = number.chars().filter_map(|digit| char::from_u32(DIGIT + digit.to_digit(16)?));
    std::iter::once(BEGIN).chain(digits).chain([END]).collect()
}

/// Where a place of a text with placeholders is in the text itself.
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
fn url_in_source(source: &str) -> Found {
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
        if shown.len() > destination::MAX_DESTINATION {
            return Found::TooLong(source.len() - rest.len());
        }
    }
    let Some((length, href)) = links::url_at(&shown) else { return Found::Nothing };
    let Some(&end) = length.checked_sub(1).and_then(|last| ends.get(last)) else { return Found::Nothing };
    shown.truncate(length);
    Found::Url(end, shown, href)
}
