//! JSON to inline content, and helpers shared with the reader of blocks.

use serde_json::Value;

use super::characters::is_line_end;
use super::destination;
use super::links;
use super::model::{Image, Inline, Marks};
use super::node::{Card, Node};

/// Returns the type of a node, or an empty string.
pub(super) fn kind(node: &Value) -> &str {
    node.get("type").and_then(Value::as_str).unwrap_or_default()
}

/// Returns the children of a node, or the elements of a list of nodes.
pub(super) fn content(node: &Value) -> &[Value] {
    match node {
        Value::Array(nodes) => nodes,
        _ => node.get("content").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default(),
    }
}

/// Returns an attribute that is a non-blank string.
pub(super) fn attr<'a>(node: &'a Value, name: &str) -> Option<&'a str> {
    text_in(node.get("attrs")?, name)
}

fn text_in<'a>(object: &'a Value, name: &str) -> Option<&'a str> {
    object.get(name)?.as_str().filter(|text| !text.trim().is_empty())
}

/// Whether a node is inline. An unknown node is if it has a text and no content.
pub(super) fn is_inline(node: &Value) -> bool {
    match kind(node) {
        "text" | "hardBreak" | "mention" | "emoji" | "date" | "status" | "inlineCard" | "placeholder"
        | "inlineExtension" | "mediaInline" => true,
        "extension" | "bodiedExtension" | "panel" => false,
        _ if node.is_string() => true,
        _ => {
            node.get("content").is_none() && (text_in(node, "text").is_some() || attr(node, "text").is_some())
        }
    }
}

/// Reads an inline node.
pub(super) fn node(node: &Value, line: &mut Vec<Inline>) {
    let shown = match kind(node) {
        "text" => return text(node, line),
        "hardBreak" => return line.push(Inline::Break),
        "mention" => {
            let id = attr(node, "id");
            let name = attr(node, "text").or(id).unwrap_or("unknown");
            match id.and_then(|id| Node::mention(id, name)) {
                Some(mention) => return line.push(Inline::Node(mention)),
                None => format!("@{}", name.trim_start_matches('@')),
            }
        }
        "emoji" => attr(node, "text").or(attr(node, "shortName")).unwrap_or_default().to_owned(),
        "date" => match date(node) {
            Ok(date) => return line.push(Inline::Node(date)),
            Err(text) => text,
        },
        "status" => {
            let (text, color) = (attr(node, "text"), attr(node, "color"));
            match Node::status(text.unwrap_or_default(), color.unwrap_or_default()) {
                Some(status) => return line.push(Inline::Node(status)),
                None => String::new(),
            }
        }
        "inlineCard" => match attr(node, "url").and_then(|url| Node::card(url, Card::Inline)) {
            Some(card) => return line.push(Inline::Node(card)),
            None => return card(node, line),
        },
        "inlineExtension" => extension(node),
        "mediaInline" => attachment(node),
        _ if node.is_string() => node.as_str().unwrap_or_default().to_owned(),
        // A placeholder, or an unknown node with a text.
        _ => attr(node, "text").or(text_in(node, "text")).unwrap_or_default().to_owned(),
    };
    lines(&shown, &Marks::default(), line);
}

fn text(node: &Value, line: &mut Vec<Inline>) {
    let mut marks = Marks::default();
    for mark in node.get("marks").and_then(Value::as_array).into_iter().flatten() {
        match kind(mark) {
            "strong" => marks.strong = true,
            "em" => marks.em = true,
            "strike" => marks.strike = true,
            "code" => marks.code = true,
            "link" => marks.link = link(mark),
            // Underline, colour, sub- and superscript, annotations: Markdown has none of them, so only the text is
            // kept.
            _ => {}
        }
    }
    lines(node.get("text").and_then(Value::as_str).unwrap_or_default(), &marks, line);
}

fn link(mark: &Value) -> Option<std::sync::Arc<super::model::Link>> {
    links::link(attr(mark, "href")?, attr(mark, "title").unwrap_or_default())
}

/// Jira shows a line end within a text as a line break.
fn lines(text: &str, marks: &Marks, line: &mut Vec<Inline>) {
    for (number, piece) in text.split(is_line_end).enumerate() {
        if number > 0 {
            line.push(Inline::Break);
        }
        line.push(Inline::marked(piece, marks.clone()));
    }
}

/// Reads a card as its link, or as its name if it has only data (JSON-LD).
pub(super) fn card(node: &Value, line: &mut Vec<Inline>) {
    let data = node.get("attrs").and_then(|attrs| attrs.get("data"));
    let in_data = |name| data.and_then(|data| text_in(data, name));
    let url = attr(node, "url").or_else(|| in_data("url"));
    let link = url.and_then(|url| links::link(url, ""));
    let shown = match (in_data("name"), &link) {
        (Some(name), _) => name,
        (None, Some(link)) => &link.href.clone(),
        (None, None) => url.unwrap_or("(card)"),
    };
    line.push(Inline::marked(shown, Marks { link, ..Marks::default() }));
}

pub(super) fn extension(node: &Value) -> String {
    match attr(node, "text") {
        Some(text) => text.to_owned(),
        None => format!("(extension: {})", attr(node, "extensionKey").unwrap_or("unknown")),
    }
}

/// Returns a placeholder for a file that only Jira has.
pub(super) fn attachment(node: &Value) -> String {
    let name = ["alt", "__fileName", "title"].into_iter().find_map(|name| attr(node, name));
    match name.or(attr(node, "url")) {
        Some(name) => format!("(attachment: {name})"),
        None => "(attachment)".to_owned(),
    }
}

/// Returns an image that everyone can load.
pub(super) fn image(node: &Value) -> Option<Image> {
    let url = destination::destination(attr(node, "url")?);
    let alt = attr(node, "alt").unwrap_or_default().split_whitespace().collect::<Vec<_>>().join(" ");
    let mut marks = node.get("marks").and_then(Value::as_array).into_iter().flatten();
    let link = marks.find(|mark| kind(mark) == "link").and_then(link);
    destination::is_web(&url).then_some(Image { url, alt, link })
}

/// Reads a date, whose timestamp is a string of milliseconds since 1970 in UTC. Returns the text of an invalid one.
fn date(node: &Value) -> Result<Node, String> {
    let Some(timestamp) = node.get("attrs").and_then(|attrs| attrs.get("timestamp")) else {
        return Err(String::new());
    };
    let text = timestamp.as_str().map_or_else(|| timestamp.to_string(), str::to_owned);
    text.trim().parse().ok().and_then(Node::date).ok_or(text)
}

/// JSON does not distinguish integers: 2 and 2.0 are the same number.
pub(super) fn number(value: &Value) -> Option<u64> {
    value.as_f64().filter(|number| *number >= 0.0).map(|number| number as u64)
}
