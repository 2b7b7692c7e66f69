//! CommonMark's own examples: every word that a browser would show is in the document, in order.
//!
//! A document may show more: raw HTML, the destination of an image, an unreferenced definition.

use std::path::Path;
use std::sync::LazyLock;

use adf::from_markdown;
use serde_json::Value;

use crate::schema;

const FILE: &str = "../../tools/commonmark/node_modules/commonmark-spec/spec.txt";

/// The first and last line of an example.
const FENCE: &str = "````````````````````````````````";

/// Elements that separate words.
const BLOCKS: [&str; 20] = [
    "p",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "ul",
    "ol",
    "li",
    "blockquote",
    "pre",
    "hr",
    "br",
    "table",
    "tr",
    "td",
    "th",
    "div",
    "img",
];

struct Example {
    markdown: String,
    html: String,
}

static EXAMPLES: LazyLock<Vec<Example>> = LazyLock::new(|| {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(FILE);
    let text = std::fs::read_to_string(&file)
        .unwrap_or_else(|error| panic!("no examples in {}: {error}; run `make setup-test`", file.display()));
    let text = text.replace('→', "\t");
    let mut examples = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if line.starts_with(FENCE) && line.ends_with("example") {
            let markdown =
                lines.by_ref().take_while(|line| *line != ".").map(|line| format!("{line}\n")).collect();
            let html =
                lines.by_ref().take_while(|line| *line != FENCE).map(|line| format!("{line}\n")).collect();
            examples.push(Example { markdown, html });
        }
    }
    examples
});

/// Removes the tags and comments of HTML; blocks separate words.
fn without_tags(html: &str) -> String {
    let mut out = String::new();
    let mut rest = html;
    while let Some(at) = rest.find('<') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        // `<!-->` is a complete comment.
        let comment = rest.strip_prefix("<!").filter(|inside| inside.starts_with("--"));
        let comment = comment.and_then(|inside| inside.find("-->")).map(|end| "<!-->".len() + end);
        let is_tag = rest[1..].starts_with(|c: char| c.is_ascii_alphabetic() || matches!(c, '/' | '!' | '?'));
        match comment.or_else(|| rest.find('>').filter(|_| is_tag).map(|end| end + 1)) {
            Some(end) => {
                let name = rest[1..end].trim_start_matches('/');
                let name = &name[..name.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or_default()];
                out.push_str(if BLOCKS.contains(&name) { " " } else { "" });
                rest = &rest[end..];
            }
            None => {
                out.push('<');
                rest = &rest[1..];
            }
        }
    }
    out + rest
}

fn unescaped(html: &str) -> String {
    html.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&amp;", "&")
}

/// Returns the text of a document; blocks and line breaks become whitespace.
fn shown(node: &Value, out: &mut String) {
    match node["type"].as_str() {
        Some("text") => out.push_str(node["text"].as_str().expect("a text node has text")),
        Some("hardBreak") => out.push('\n'),
        _ => {
            out.push('\n');
            node["content"].as_array().into_iter().flatten().for_each(|child| shown(child, out));
            out.push('\n');
        }
    }
}

/// Returns the first word that a browser would show and the document lacks at that place.
fn lost<'a>(expected: &'a str, said: &str) -> Option<&'a str> {
    let mut said = said.split_whitespace();
    expected.split_whitespace().find(|word| !said.any(|other| other == *word))
}

#[test]
fn no_word_of_the_examples_is_lost_or_joined_to_another() {
    assert_eq!(EXAMPLES.len(), 652, "the number in version 0.31.2");
    let mut faults = Vec::new();
    for (at, Example { markdown, html }) in EXAMPLES.iter().enumerate() {
        let document = from_markdown(markdown);
        if !schema::allows(document.as_json()) {
            faults.push(format!(
                "{}: {markdown:?} makes an invalid document: {}",
                at + 1,
                document.as_json()
            ));
        }
        let mut said = String::new();
        shown(document.as_json(), &mut said);
        // The document shows raw HTML as written, so tags are removed on both sides and only words are compared.
        let expected = without_tags(&unescaped(&without_tags(html)));
        let said = without_tags(&said);
        if let Some(word) = lost(&expected, &said) {
            faults.push(format!("{}: {word:?} of {markdown:?} is not in {said:?}", at + 1));
        }
    }
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
}
