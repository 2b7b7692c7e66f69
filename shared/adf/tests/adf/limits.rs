//! Extreme input neither overflows the stack nor takes more than linear time.

use adf::{Document, Invalid, from_markdown, to_markdown};
use serde_json::{Value, json};

use crate::schema;

const MANY: usize = 100_000;

#[test]
fn deep_markdown_is_flattened() {
    for marker in [
        ">", "> ", "- ", "1. ", "- > ", "*a ", "[", "![", "**a _b ", "~~a ", "`", "<", "\\", "&#32;",
        "- [ ] ",
    ] {
        let markdown = format!("{}deep", marker.repeat(MANY));
        let document = from_markdown(&markdown);
        assert!(document.as_json().to_string().contains("deep"), "{marker}");
        let again = from_markdown(&to_markdown(document.as_json()));
        assert_eq!(again, document, "{marker}");
    }
}

#[test]
fn deep_lists_keep_their_text() {
    let markdown: String = (0..40).map(|depth| format!("{}- w{depth}\n", "  ".repeat(depth))).collect();
    let document = from_markdown(&markdown);
    assert!(schema::allows(document.as_json()));
    let text = document.as_json().to_string();
    assert!((0..40).all(|depth| text.contains(&format!("w{depth}"))), "{text}");
    let parsed: Value = serde_json::from_str(&text).expect("not too deep for a JSON parser");
    assert_eq!(from_markdown(&to_markdown(&parsed)), document);
}

#[test]
fn long_markdown_takes_linear_time() {
    for piece in [
        "a\\\n",
        "- a\n\n",
        "| a | b |\n",
        "**a** _b_ ",
        "http://a.b/c ",
        "www.",
        "www.,",
        "(http://a),",
        "http://a.b/_c*[d](e)|{f}",
        "\"http://a.b/*c",
        "\n",
        "a ~~b~~ *c*d",
        "1. a\n",
    ] {
        let document = from_markdown(&piece.repeat(MANY / 10));
        to_markdown(document.as_json());
    }
}

fn nested(depth: usize, wrap: impl Fn(Value) -> Value) -> Value {
    (0..depth).fold(json!({ "type": "text", "text": "deep" }), |inside, _| wrap(inside))
}

/// Drops a value without recursion, unlike `Value` itself.
fn dismantle(value: Value) {
    let _ = Document::from_json(value);
}

#[test]
fn deep_json_keeps_its_text() {
    let wraps: [fn(Value) -> Value; 4] = [
        |inside| Value::Array(vec![inside]),
        |inside| Value::Object([("content".to_owned(), Value::Array(vec![inside]))].into_iter().collect()),
        |inside| {
            let item = Value::Object(
                [("type".to_owned(), "listItem".into()), ("content".to_owned(), Value::Array(vec![inside]))]
                    .into_iter()
                    .collect(),
            );
            let fields =
                [("type".to_owned(), "bulletList".into()), ("content".to_owned(), Value::Array(vec![item]))];
            Value::Object(fields.into_iter().collect())
        },
        |inside| {
            let fields =
                [("type".to_owned(), "taskList".into()), ("content".to_owned(), Value::Array(vec![inside]))];
            Value::Object(fields.into_iter().collect())
        },
    ];
    for wrap in wraps {
        let value = nested(MANY, wrap);
        assert!(to_markdown(&value).contains("deep"));
        dismantle(value);
    }
}

#[test]
fn a_document_of_the_caller_is_validated_at_its_top_level() {
    let right = json!({ "type": "doc", "version": 1, "content": [{ "type": "paragraph" }] });
    assert_eq!(Document::from_json(right.clone()).map(Document::into_json), Ok(right));
    let cases = [
        (json!("text"), Invalid::NotAnObject),
        (json!({ "version": 1, "content": [] }), Invalid::Type),
        (json!({ "type": "paragraph", "version": 1, "content": [] }), Invalid::Type),
        (json!({ "type": "doc", "content": [] }), Invalid::Version),
        (json!({ "type": "doc", "version": 2, "content": [] }), Invalid::Version),
        (json!({ "type": "doc", "version": 1 }), Invalid::Content),
        (json!({ "type": "doc", "version": 1, "content": {} }), Invalid::Content),
        (json!({ "type": "doc", "version": 1, "content": [{ "type": "rule" }, "text"] }), Invalid::Node(1)),
        (json!({ "type": "doc", "version": 1, "content": [], "id": 1 }), Invalid::Key("id".to_owned())),
    ];
    for (value, error) in cases {
        assert_eq!(Document::from_json(value.clone()), Err(error), "{value}");
    }
    let deep = nested(MANY, |inside| Value::Array(vec![inside]));
    let paragraph =
        Value::Object([("type".to_owned(), "x".into()), ("content".to_owned(), deep)].into_iter().collect());
    let fields = [("type", "doc".into()), ("version", 1.into()), ("content", Value::Array(vec![paragraph]))];
    let document = Value::Object(fields.into_iter().map(|(key, value)| (key.to_owned(), value)).collect());
    assert_eq!(Document::from_json(document), Err(Invalid::Depth));
}
