//! Panels, which are GitHub's alerts in Markdown.

use adf::to_markdown;
use serde_json::{Value, json};

use crate::from_markdown::{content, paragraph};

const KINDS: [(&str, &str); 5] = [
    ("NOTE", "info"),
    ("TIP", "success"),
    ("IMPORTANT", "note"),
    ("WARNING", "warning"),
    ("CAUTION", "error"),
];

fn panel(kind: &str, blocks: Value) -> Value {
    json!({ "type": "panel", "attrs": { "panelType": kind }, "content": blocks })
}

#[test]
fn the_five_alerts_round_trip_as_panels() {
    for (alert, kind) in KINDS {
        let markdown = format!("> [!{alert}]\n> hot");
        assert_eq!(content(&markdown), json!([panel(kind, json!([paragraph("hot")]))]));
        assert_eq!(to_markdown(&json!([panel(kind, json!([paragraph("hot")]))])), markdown);
        assert_eq!(content(&markdown.to_lowercase())[0]["attrs"]["panelType"], kind);
    }
}

#[test]
fn an_unknown_panel_type_becomes_the_most_similar_one() {
    for (kind, alert) in [("tip", "TIP"), ("custom", "NOTE"), ("new", "NOTE")] {
        assert_eq!(to_markdown(&panel(kind, json!([paragraph("a")]))), format!("> [!{alert}]\n> a"));
    }
}

#[test]
fn a_panel_can_contain_headings_lists_tasks_code_and_rules() {
    let markdown = "> [!WARNING]\n>\n> # a\n>\n> - b\n>\n> ---\n>\n> - [ ] c\n>\n> ```\n> d\n> ```";
    let blocks = content(markdown);
    let below = content("> [!WARNING]\n> # a");
    assert_eq!(below[0]["content"][0]["type"], "heading");
    let kinds: Vec<_> =
        blocks[0]["content"].as_array().into_iter().flatten().map(|block| &block["type"]).collect();
    assert_eq!(kinds, ["heading", "bulletList", "rule", "taskList", "codeBlock"]);
    assert_eq!(to_markdown(&blocks), markdown);
}

#[test]
fn any_first_block_of_a_panel_round_trips() {
    for markdown in ["> [!TIP]\n>\n> - - a", "> [!TIP]\n>\n> 2. a", "> [!TIP]\n>\n>     a"] {
        let blocks = content(markdown);
        assert_ne!(blocks[0]["content"][0]["type"], "paragraph", "{markdown}");
        assert_eq!(content(&to_markdown(&blocks)), blocks, "{markdown}");
    }
}

#[test]
fn what_a_panel_cannot_contain_is_flattened() {
    let inside = "> [!NOTE]\n> > q\n>\n> > [!TIP]\n> > t\n>\n> | a | b |\n> | - | - |\n> | c | d |";
    let strong = |text: &str| {
        let text = json!({ "type": "text", "text": text, "marks": [{ "type": "strong" }] });
        json!({ "type": "paragraph", "content": [text] })
    };
    let blocks = json!([paragraph("q"), strong("Tip:"), paragraph("t"), strong("a | b"), paragraph("c | d")]);
    assert_eq!(content(inside), json!([panel("info", blocks)]));
}

#[test]
fn a_panel_becomes_its_label_where_none_is_allowed() {
    let expected = "- **Warning:**\n\n  hot";
    assert_eq!(to_markdown(&content("- > [!WARNING]\n  > hot")), expected);
    assert_eq!(to_markdown(&content("> > [!WARNING]\n> > hot")), "> **Warning:**\n>\n> hot");
    let cell = json!({ "type": "tableCell", "content": [panel("error", json!([paragraph("hot")]))] });
    let table = json!({ "type": "table", "content": [{ "type": "tableRow", "content": [cell] }] });
    assert_eq!(to_markdown(&table), "| **Caution:**<br>hot |\n| --- |");
}

#[test]
fn an_empty_panel_is_a_panel() {
    assert_eq!(content("> [!NOTE]"), json!([panel("info", json!([{ "type": "paragraph", "content": [] }]))]));
    assert_eq!(to_markdown(&content("> [!NOTE]")), "> [!NOTE]");
    assert_eq!(to_markdown(&content("> [!NOTE]\n\n> [!TIP]\n> b")), "> [!NOTE]\n\n> [!TIP]\n> b");
}

#[test]
fn a_quote_that_begins_like_an_alert_is_a_quote() {
    for text in ["> [!NOTE] a", "> [!OTHER]\n> a", "> \\[!NOTE]\n> a", "> a\n> [!NOTE]"] {
        let blocks = content(text);
        assert_eq!(blocks[0]["type"], "blockquote", "{text}");
        assert_eq!(content(&to_markdown(&blocks)), blocks, "{text}");
    }
}
