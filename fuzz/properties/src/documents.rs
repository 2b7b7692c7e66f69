//! Rich text of issues.

use adf::{Document, edit, from_markdown, from_markdown_within_limits, text_length, to_markdown};
use serde_json::{Value, json};

use crate::{schema, schema_documents};

/// Markdown: any text becomes a document that the schema allows, loses no content, and survives the round trip.
pub fn markdown(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let document = from_markdown(&text);
    assert!(schema::allows(document.as_json()), "{document:?}");
    let markdown = to_markdown(document.as_json());
    let again = from_markdown(&markdown);
    assert_eq!(again, document, "{markdown:?}");
    assert_eq!(to_markdown(again.as_json()), markdown);
    let shown: usize =
        schema_documents::texts(document.as_json()).iter().map(|text| text.encode_utf16().count()).sum();
    assert_eq!(text_length(&document), shown);
    if let Ok(limited) = from_markdown_within_limits(&text) {
        assert_eq!(limited, document);
    }
    // A character may become an entity, and a URL may occur twice.
    assert!(markdown.len() <= 64 + 16 * text.len(), "{} bytes of {}", markdown.len(), text.len());
    let has_words = text.chars().any(char::is_alphanumeric);
    // The contents of a comment or a terminal escape sequence are not shown.
    assert!(
        !has_words || !document.is_empty() || text.contains(['\u{1b}', '\u{9b}']) || text.contains("<!--")
    );
}

/// Any JSON in place of a document: it becomes text whose length is bounded by that of the JSON.
pub fn adf_json(data: &[u8]) {
    let Ok(value) = serde_json::from_slice::<Value>(data) else { return };
    check(&value, data.len());
    match Document::from_json(value.clone()) {
        Ok(document) => {
            assert_eq!(document.as_json(), &value);
            assert!(text_length(&document) <= data.len());
        }
        Err(invalid) => assert!((10..300).contains(&invalid.to_string().len()), "{invalid}"),
    }
}

/// A document that the schema allows, generated from the bytes.
pub fn adf_document(data: &[u8]) {
    let document = schema_documents::document(data);
    assert!(schema::allows(&document), "{document}");
    check(&document, document.to_string().len());
    let shown = from_markdown(&to_markdown(&document)).into_json().to_string();
    for text in schema_documents::texts(&document) {
        let word = text.get(text.find("word").unwrap_or_default()..).unwrap_or_default();
        let word = word.get(..word.find("end").unwrap_or_default()).unwrap_or_default();
        assert!(shown.contains(word), "{word} is not in {shown}");
    }
    check_edits(&document);
}

/// An edit without changes changes nothing, and one that adds a paragraph adds exactly that.
fn check_edits(document: &Value) {
    let markdown = to_markdown(document);
    if let Ok(edited) = edit(document, &markdown) {
        assert_eq!(edited.document.as_json(), document);
    }
    let Ok(edited) = edit(document, &format!("{markdown}\n\none more")) else { return };
    assert!(edited.lost.is_empty(), "{:?}", edited.lost);
    let added = json!({ "type": "paragraph", "content": [{ "type": "text", "text": "one more" }] });
    let before = document["content"].as_array().map(Vec::as_slice).unwrap_or_default();
    let content = edited.document.as_json()["content"].as_array().map(Vec::as_slice).unwrap_or_default();
    assert_eq!(content.split_last(), Some((&added, before)));
}

fn check(value: &Value, length: usize) {
    let markdown = to_markdown(value);
    // Wide cells and deep lists add their markup to each line.
    assert!(markdown.len() <= 1024 + 512 * length, "{} bytes of {length}", markdown.len());
    let document = from_markdown(&markdown);
    assert!(schema::allows(document.as_json()), "{markdown:?}");
}
