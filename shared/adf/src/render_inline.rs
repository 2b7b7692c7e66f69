//! Inline content to Markdown.
//!
//! Whether a delimiter such as `**` opens or closes depends on the characters on both sides (CommonMark's flanking
//! rules). It always works with a letter inside, or with whitespace or punctuation outside. Where the text has
//! neither, an empty comment is inserted, whose ends count as punctuation. `_` replaces `*` next to `**`, because
//! adjacent delimiters of the same character are read as one run.

use super::escape::{self, Around};
use super::flanking::needs_guard;
use super::links::{bare_url, ends_before, ends_url};
use super::model::{Image, Inline, Link, Text};
use super::node::Node;
use super::tokens::{Token, tokens};

/// Separates a text from a delimiter and shows nothing.
const SEPARATOR: &str = "<!-- -->";

/// The context of a line.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Position {
    /// A paragraph, where the line can be mistaken for a block.
    Paragraph,
    Heading,
    /// A table cell, where `|` is escaped.
    Cell,
}

/// Renders inline content in its normal form; a break in a heading or a cell becomes `<br>`.
pub(super) fn inlines(inlines: &[Inline], position: Position) -> String {
    let lines: Vec<String> =
        inlines.split(|inline| *inline == Inline::Break).map(|line| write(&tokens(line), position)).collect();
    let text = lines.join(if position == Position::Paragraph { "\\\n" } else { "<br>" });
    if position == Position::Cell { text.replace('|', "\\|") } else { text }
}

pub(super) fn image(image: &Image) -> String {
    let Image { url, alt, link } = image;
    let alt = escape::text(alt, Around { in_link: true, ..Around::default() });
    let image = format!("![{alt}]({})", destination(url));
    match link {
        Some(link) => format!("[{image}]({})", target(link)),
        None => image,
    }
}

fn write(tokens: &[Token<'_>], position: Position) -> String {
    let mut out = String::new();
    let like_definition = definition(tokens).filter(|_| position == Position::Paragraph);
    for (at, token) in tokens.iter().enumerate() {
        match token {
            Token::Open(delimiter) | Token::Close(delimiter) => out.push_str(delimiter),
            Token::LinkOpen => out.push('['),
            // A definition cannot have a space here.
            Token::LinkClose(link) if like_definition == Some(at) => {
                out.push_str(&format!("]( {})", target(link)));
            }
            Token::LinkClose(link) => out.push_str(&format!("]({})", target(link))),
            Token::Url(text) if is_plain_url(text) && stands_free(tokens, at, &text.text) => {
                out.push_str(&text.text)
            }
            Token::Url(text) if needs_brackets(text, position) => {
                let shown = escape::text(&text.text, Around { in_link: true, ..Around::default() });
                out.push_str(&format!("[{shown}]({})", destination(&text.text)));
            }
            Token::Url(text) => out.push_str(&format!("<{}>", text.text)),
            Token::Code(code) => out.push_str(&code_span(code)),
            Token::Node(node) => out.push_str(&node_link(node)),
            Token::Text { text, in_link } => {
                let around = Around {
                    line_start: at == 0 && position == Position::Paragraph,
                    heading_end: at + 1 == tokens.len() && position == Position::Heading,
                    before_link: match tokens.get(at + 1) {
                        Some(Token::LinkOpen | Token::Node(_)) => true,
                        Some(Token::Url(text)) => needs_brackets(text, position),
                        _ => false,
                    },
                    in_link: *in_link,
                    encode_first: encodes(tokens, at, Side::Start),
                    encode_last: encodes(tokens, at, Side::End),
                };
                let separator = |side| if is_separated(tokens, at, side) { SEPARATOR } else { "" };
                out.push_str(separator(Side::Start));
                out.push_str(&escape::text(text, around));
                out.push_str(separator(Side::End));
            }
        }
    }
    out
}

/// Returns the end of a link at the start of a line that would be read as a link reference definition
/// (`[label]: address`) and not be shown: the link contains code with `]:`, and code has no escapes.
fn definition(tokens: &[Token<'_>]) -> Option<usize> {
    if !matches!(tokens.first(), Some(Token::LinkOpen)) {
        return None;
    }
    let end = tokens.iter().position(|token| matches!(token, Token::LinkClose(_)))?;
    let is_like = |token: &Token<'_>| matches!(token, Token::Code(code) if code.contains("]:"));
    tokens[..end].iter().any(is_like).then_some(end)
}

#[derive(Clone, Copy, PartialEq)]
enum Side {
    Start,
    End,
}

fn neighbour<'t, 'a>(tokens: &'t [Token<'a>], at: usize, side: Side) -> Option<&'t Token<'a>> {
    match side {
        Side::Start => tokens.get(at.checked_sub(1)?),
        Side::End => tokens.get(at + 1),
    }
}

fn edge(text: &str, side: Side) -> Option<char> {
    match side {
        Side::Start => text.chars().next(),
        Side::End => text.chars().next_back(),
    }
}

/// Whether the first or last character of a text must be written as an entity, because it is whitespace next to the
/// text's own delimiter.
fn encodes(tokens: &[Token<'_>], at: usize, side: Side) -> bool {
    let Token::Text { text, .. } = tokens[at] else { return false };
    let is_own = matches!(
        (neighbour(tokens, at, side), side),
        (Some(Token::Open(_)), Side::Start) | (Some(Token::Close(_)), Side::End)
    );
    is_own && edge(text, side).is_some_and(char::is_whitespace)
}

/// Whether a text must be separated from the delimiter of an adjacent text.
fn is_separated(tokens: &[Token<'_>], at: usize, side: Side) -> bool {
    let Token::Text { text, .. } = tokens[at] else { return false };
    let (delimiter, beyond) = match (neighbour(tokens, at, side), side) {
        (Some(Token::Open(delimiter)), Side::End) => (*delimiter, neighbour(tokens, at + 1, side)),
        (Some(Token::Close(delimiter)), Side::Start) => (*delimiter, neighbour(tokens, at - 1, side)),
        _ => return false,
    };
    let inside = match (beyond, side) {
        (Some(Token::Text { text, .. }), Side::End) => edge(text, Side::Start),
        (Some(Token::Text { text, .. }), Side::Start) => edge(text, Side::End),
        _ => None,
    };
    let is_clear = |outside| {
        is_safe_outside(outside)
            || delimiter != "_"
                && inside.is_some_and(|inside| inside.is_alphanumeric() || needs_guard(inside, outside))
    };
    !edge(text, side).is_some_and(is_clear)
}

fn is_safe_outside(c: char) -> bool {
    c.is_whitespace() || c.is_ascii_punctuation() || (ends_url(c) && !c.is_control() && c != '\u{feff}')
}

/// Whether a bare URL would start and end in the right places between the texts around it.
fn stands_free(tokens: &[Token<'_>], at: usize, url: &str) -> bool {
    let starts = match neighbour(tokens, at, Side::Start) {
        None => true,
        Some(Token::Text { text, .. }) => text.ends_with([' ', '(']),
        Some(_) => false,
    };
    starts
        && match neighbour(tokens, at, Side::End) {
            None => true,
            // Otherwise the URL would also absorb what follows the text.
            Some(Token::Text { text, .. }) => {
                ends_before(url, text) && (text.contains(ends_url) || at + 2 == tokens.len())
            }
            Some(_) => false,
        }
}

/// Whether a URL that cannot be bare cannot be written between `<` and `>` either, because escapes do not work there.
fn needs_brackets(url: &Text, position: Position) -> bool {
    position == Position::Cell && url.text.contains('|')
}

/// Whether a URL needs no escapes, even with a semicolon after it.
fn is_plain_url(text: &Text) -> bool {
    let href = text.marks.link.as_ref().map(|link| link.href.as_str());
    let followed = format!("{};", text.text);
    bare_url(&text.text).as_deref() == href && escape_references(&followed) == followed
}

/// Writes code between enough backticks, padded with spaces where Markdown would otherwise strip one.
fn code_span(code: &str) -> String {
    let fence = "`".repeat(longest_run(code, '`') + 1);
    let padded = code.starts_with('`')
        || code.ends_with('`')
        || (code.starts_with(' ') && code.ends_with(' ') && !code.trim_matches(' ').is_empty());
    let pad = if padded { " " } else { "" };
    format!("{fence}{pad}{code}{pad}{fence}")
}

pub(super) fn longest_run(text: &str, wanted: char) -> usize {
    text.chars()
        .fold((0, 0), |(longest, run), c| {
            let run = if c == wanted { run + 1 } else { 0 };
            (longest.max(run), run)
        })
        .0
}

fn node_link(node: &Node) -> String {
    let (text, href, title) = node.link();
    let text = escape::text(&text, Around { in_link: true, ..Around::default() });
    format!("[{text}]({})", target(&Link { href, title: title.map(str::to_owned) }))
}

fn target(link: &Link) -> String {
    match &link.title {
        Some(title) => format!("{} \"{}\"", destination(&link.href), title_text(title)),
        None => destination(&link.href),
    }
}

fn title_text(title: &str) -> String {
    escape::text(title, Around::default()).replace('"', "\\\"")
}

/// A destination contains no whitespace or angle brackets, because `destination::destination` has encoded them.
fn destination(href: &str) -> String {
    let href = escape_references(href);
    if href.contains(['(', ')']) { format!("<{href}>") } else { href }
}

fn escape_references(href: &str) -> String {
    let mut out = String::with_capacity(href.len());
    for (at, piece) in href.split('&').enumerate() {
        if at > 0 {
            out.push_str(if escape::is_reference(piece) { "\\&" } else { "&" });
        }
        out.push_str(piece);
    }
    out
}

/// Writes a line of a code block in a table cell.
pub(super) fn code_in_cell(line: &str) -> String {
    code_span(line).replace('|', "\\|")
}
