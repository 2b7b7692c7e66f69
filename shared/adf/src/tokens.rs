//! Splits a line into delimiters and what is between them.

use super::model::{Inline, Link, Marks, Text};
use super::node::Node;

/// Returns the tokens of texts and nodes in their normal form, with nested marks.
pub(super) fn tokens<'a>(texts: &'a [Inline]) -> Vec<Token<'a>> {
    let mut out = Vec::with_capacity(texts.len() * 3);
    nest(texts, &KINDS, false, &mut out);
    delimit(out)
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Strong,
    Em,
    Strike,
    Link,
}

/// The nesting of marks with the same extent, outermost first.
const KINDS: [Kind; 4] = [Kind::Strong, Kind::Em, Kind::Strike, Kind::Link];

/// A token of a line of Markdown.
pub(super) enum Token<'a> {
    Open(&'static str),
    Close(&'static str),
    LinkOpen,
    LinkClose(&'a Link),
    /// A link whose text is its destination.
    Url(&'a Text),
    Code(&'a str),
    Node(&'a Node),
    Text {
        text: &'a str,
        in_link: bool,
    },
}

impl Token<'_> {
    fn is_delimiter(&self) -> bool {
        matches!(self, Self::Open(_) | Self::Close(_))
    }
}

fn has(marks: &Marks, kind: Kind) -> bool {
    match kind {
        Kind::Strong => marks.strong,
        Kind::Em => marks.em,
        Kind::Strike => marks.strike,
        Kind::Link => marks.link.is_some(),
    }
}

/// Counts the texts from the start that have a mark; for a link, the same link.
fn extent(texts: &[Inline], kind: Kind) -> usize {
    let link = texts.first().and_then(|text| text.marks().link.as_ref());
    texts
        .iter()
        .take_while(|text| {
            has(text.marks(), kind) && (kind != Kind::Link || text.marks().link.as_ref() == link)
        })
        .count()
}

/// Nests the marks around the texts, the one that extends furthest first. `kinds` are those that are not open yet.
fn nest<'a>(mut texts: &'a [Inline], kinds: &[Kind], in_link: bool, out: &mut Vec<Token<'a>>) {
    while let Some(first) = texts.first() {
        let farthest = kinds
            .iter()
            .map(|&kind| (extent(texts, kind), kind))
            .fold((0, Kind::Link), |best, next| if next.0 > best.0 { next } else { best });
        let (count, kind) = farthest;
        if count == 0 {
            out.extend(match first {
                Inline::Text(Text { text, marks }) if marks.code => Some(Token::Code(text)),
                Inline::Text(Text { text, .. }) => Some(Token::Text { text, in_link }),
                Inline::Node(node) => Some(Token::Node(node)),
                // Lines are split at breaks, and `normalize` and `read` leave no images in a line.
                Inline::Break | Inline::Image(_) => None,
            });
            texts = &texts[1..];
            continue;
        }
        let (inside, rest) = texts.split_at(count);
        let kinds: Vec<Kind> = kinds.iter().copied().filter(|&other| other != kind).collect();
        match (kind, &first.marks().link) {
            (Kind::Link, Some(_)) if count == 1 && autolink(first).is_some() => {
                out.extend(autolink(first).map(Token::Url));
            }
            (Kind::Link, Some(link)) => {
                out.push(Token::LinkOpen);
                nest(inside, &kinds, true, out);
                out.push(Token::LinkClose(link));
            }
            _ => {
                let delimiter = match kind {
                    Kind::Strong => "**",
                    Kind::Em => "*",
                    _ => "~~",
                };
                out.push(Token::Open(delimiter));
                nest(inside, &kinds, in_link, out);
                out.push(Token::Close(delimiter));
            }
        }
        texts = rest;
    }
}

/// Returns a text that equals the destination of its link.
fn autolink(inline: &Inline) -> Option<&Text> {
    let Inline::Text(text) = inline else { return None };
    let link = text.marks.link.as_ref()?;
    let absolute = ["http://", "https://", "ftp://"].iter().any(|scheme| link.href.starts_with(scheme));
    let is_it = !text.marks.code && link.title.is_none() && link.href == text.text && absolute;
    is_it.then_some(text)
}

/// Uses `_` for emphasis that is next to another delimiter.
fn delimit(mut tokens: Vec<Token<'_>>) -> Vec<Token<'_>> {
    let mut open = None;
    for at in 0..tokens.len() {
        match tokens[at] {
            Token::Open("*") => open = Some(at),
            Token::Close("*") => {
                if let Some(from) = open.take()
                    && (touches(&tokens, from) || touches(&tokens, at))
                {
                    tokens[from] = Token::Open("_");
                    tokens[at] = Token::Close("_");
                }
            }
            _ => {}
        }
    }
    tokens
}

fn touches(tokens: &[Token<'_>], at: usize) -> bool {
    let before = at.checked_sub(1).and_then(|at| tokens.get(at));
    before.is_some_and(Token::is_delimiter) || tokens.get(at + 1).is_some_and(Token::is_delimiter)
}
