//! Links, and bare URLs in text.

use std::sync::Arc;

use super::characters::without_controls;
use super::destination::{MAX_DESTINATION, destination};
use super::inline::normal;
use super::model::{Inline, Link, Marks, Text};
use super::node::is_node;

/// Schemes that no browser should run or load from a description.
const UNSAFE_SCHEMES: [&str; 4] = ["javascript:", "vbscript:", "data:", "file:"];

/// Creates a link; `None` if the destination is empty, unsafe, too long, or represents a node.
pub(super) fn link(raw: &str, title: &str) -> Option<Arc<Link>> {
    let href = destination(raw);
    let lower = href.get(..16).unwrap_or(&href).to_ascii_lowercase();
    let unsafe_scheme = UNSAFE_SCHEMES.iter().any(|scheme| lower.starts_with(scheme));
    let title = without_controls(title).split(['\n', '\t']).collect::<Vec<_>>().join(" ").trim().to_owned();
    let title = Some(title).filter(|title| !title.is_empty() && title.len() <= MAX_DESTINATION);
    let usable = !href.is_empty() && href.len() <= MAX_DESTINATION && !unsafe_scheme && !is_node(&href);
    usable.then(|| Arc::new(Link { href, title }))
}

/// Returns the destination of a text that is a bare URL and nothing else.
pub(super) fn bare_url(text: &str) -> Option<String> {
    let (length, href) = url_at(text)?;
    (length == text.len()).then_some(href)
}

/// Whether a bare URL ends before the text that follows, without absorbing any of it.
pub(super) fn ends_before(url: &str, text: &str) -> bool {
    let joined: String = url.chars().chain(text.chars().take_while(|&c| !ends_url(c))).collect();
    url_at(&joined).is_some_and(|(length, _)| length == url.len())
}

/// Returns the normal form of a line, with its bare URLs as links.
pub(super) fn linked(inlines: impl IntoIterator<Item = Inline>) -> Vec<Inline> {
    normal(link_bare_urls(normal(inlines)))
}

/// Turns bare URLs into links, as GitHub's Markdown does: `http://`, `https://`, `ftp://` and `www.`, without
/// trailing punctuation.
fn link_bare_urls(inlines: Vec<Inline>) -> Vec<Inline> {
    let mut out = Vec::with_capacity(inlines.len());
    for inline in inlines {
        match inline {
            Inline::Text(Text { text, marks }) if marks.link.is_none() && !marks.code => {
                link_in_text(&text, &marks, &mut out);
            }
            other => out.push(other),
        }
    }
    out
}

fn link_in_text(text: &str, marks: &Marks, out: &mut Vec<Inline>) {
    let (mut from, mut run_start) = (0, 0);
    for run in text.split_inclusive(ends_url) {
        for (at, length, href) in urls_in_run(run) {
            let at = run_start + at;
            if from < at {
                out.push(Inline::marked(&text[from..at], marks.clone()));
            }
            let link = Some(Arc::new(Link { href, title: None }));
            out.push(Inline::marked(&text[at..at + length], Marks { link, ..marks.clone() }));
            from = at + length;
        }
        run_start += run.len();
    }
    if from < text.len() {
        out.push(Inline::marked(&text[from..], marks.clone()));
    }
}

/// Finds the URLs in a run of characters that a URL may contain. Returns the start, length and destination of each.
fn urls_in_run(run: &str) -> Vec<(usize, usize, String)> {
    let mut urls = Vec::new();
    if run.len() > MAX_DESTINATION - "http://".len() {
        return urls;
    }
    let (mut at, mut before) = (0, ' ');
    while let Some(c) = run[at..].chars().next() {
        let candidate = starts_url(&run[at..]) && may_precede_url(before);
        if let Some((length, href)) = candidate.then(|| url_at(&run[at..])).flatten() {
            urls.push((at, length, href));
            at += length;
            before = 'x';
        } else {
            at += c.len_utf8();
            before = c;
        }
    }
    urls
}

/// Whether a text starts like a URL.
pub(super) fn starts_url(text: &str) -> bool {
    url_prefix(text).is_some()
}

/// Whether a URL may start after this character: not within a word or another URL.
pub(super) fn may_precede_url(before: char) -> bool {
    !before.is_alphanumeric() && !matches!(before, '/' | '.' | '-' | '+' | '@')
}

/// Returns the prefix of a URL, which a letter or digit must follow.
fn url_prefix(text: &str) -> Option<&'static str> {
    let starts_with = |prefix: &str| {
        text.as_bytes().get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix.as_bytes()))
    };
    let prefix = ["http://", "https://", "ftp://", "www."].into_iter().find(|prefix| starts_with(prefix))?;
    text[prefix.len()..].starts_with(char::is_alphanumeric).then_some(prefix)
}

/// Returns the length and the destination of the URL at the start of a text.
pub(super) fn url_at(text: &str) -> Option<(usize, String)> {
    let prefix = url_prefix(text)?;
    let url = without_trailing_punctuation(text.split(ends_url).next()?);
    let href = if prefix == "www." { format!("http://{url}") } else { url.to_owned() };
    (href.len() <= MAX_DESTINATION).then_some((url.len(), href))
}

/// Whether a character ends a URL: whitespace, characters that `destination` would encode, and Chinese and Japanese
/// punctuation that has no whitespace around it.
pub(super) fn ends_url(c: char) -> bool {
    c.is_whitespace()
        || c.is_control()
        || matches!(c, '<' | '>' | '"' | '\\' | '`' | '\u{feff}')
        || matches!(c, '\u{3001}'..='\u{3003}' | '\u{3008}'..='\u{3011}' | '\u{3014}'..='\u{301f}')
        || matches!(c, '！' | '（' | '）' | '，' | '：' | '；' | '？' | '“' | '”')
}

fn without_trailing_punctuation(url: &str) -> &str {
    let surplus =
        |open, close| url.chars().fold(0_i64, |n, c| n + i64::from(c == close) - i64::from(c == open));
    let (mut round, mut square, mut curly) = (surplus('(', ')'), surplus('[', ']'), surplus('{', '}'));
    let mut kept = url;
    while let Some(last) = kept.chars().next_back() {
        match last {
            '?' | '!' | '.' | ',' | ':' | ';' | '*' | '_' | '~' | '\'' | '|' => {}
            ')' if round > 0 => round -= 1,
            ']' if square > 0 => square -= 1,
            '}' if curly > 0 => curly -= 1,
            _ => break,
        }
        kept = &kept[..kept.len() - last.len_utf8()];
    }
    kept
}
