//! What documents that Jira made become.

use juncture::adf::to_markdown;
use serde_json::{Value, json};

fn of(blocks: Value) -> String {
    to_markdown(&json!({ "type": "doc", "version": 1, "content": blocks }))
}

fn line(inlines: Value) -> String {
    of(json!([{ "type": "paragraph", "content": inlines }]))
}

fn text(text: &str) -> Value {
    json!({ "type": "text", "text": text })
}

fn marked(text: &str, mark: &str) -> Value {
    json!({ "type": "text", "text": text, "marks": [{ "type": mark }] })
}

fn paragraph(shown: &str) -> Value {
    json!({ "type": "paragraph", "content": [text(shown)] })
}

#[test]
fn inline_nodes_are_what_they_show() {
    let node = |kind: &str, attrs: Value| json!({ "type": kind, "attrs": attrs });
    let cases = [
        (node("mention", json!({ "id": "5b1", "text": "@Ann Lee" })), "@Ann Lee"),
        (node("mention", json!({ "id": "5b1", "text": "Ann Lee" })), "@Ann Lee"),
        (node("mention", json!({ "id": "5b1" })), "@5b1"),
        (node("emoji", json!({ "shortName": ":tada:", "text": "🎉" })), "🎉"),
        (node("emoji", json!({ "shortName": ":custom:" })), ":custom:"),
        (node("date", json!({ "timestamp": "1767225600000" })), "2026-01-01"),
        (node("date", json!({ "timestamp": "-1" })), "1969-12-31"),
        (node("date", json!({ "timestamp": 1767225600000_u64 })), "2026-01-01"),
        (node("date", json!({ "timestamp": "soon" })), "soon"),
        (node("status", json!({ "text": "IN REVIEW", "color": "blue" })), "IN REVIEW"),
        (node("inlineCard", json!({ "url": "https://example.com/x" })), "https://example.com/x"),
        (node("inlineCard", json!({ "data": { "name": "X", "url": "https://x.y" } })), "[X](https://x.y)"),
        (node("placeholder", json!({ "text": "who?" })), "who?"),
        (
            node("mediaInline", json!({ "id": "1", "collection": "", "alt": "log.txt" })),
            "(attachment: log.txt)",
        ),
        (node("inlineExtension", json!({ "extensionKey": "toc", "extensionType": "x" })), "(extension: toc)"),
        (node("newThing", json!({ "text": "shown" })), "shown"),
        (marked("under", "underline"), "under"),
    ];
    for (node, markdown) in cases {
        assert_eq!(line(json!([node])), markdown, "{node}");
    }
}

#[test]
fn white_space_leaves_its_mark() {
    assert_eq!(line(json!([text("a"), marked(" b ", "strong"), text("c")])), "a **b** c");
    assert_eq!(line(json!([marked("a ", "strong"), marked("b", "em")])), "**a** *b*");
    assert_eq!(line(json!([text("a "), marked(" ", "strong")])), "a");
}

#[test]
fn line_ends_are_breaks_and_those_at_the_end_go() {
    assert_eq!(line(json!([text("a\nb"), { "type": "hardBreak" }])), "a\\\nb");
    assert_eq!(line(json!([text("a\u{2028}b\u{2029}c")])), "a\\\nb\\\nc");
}

#[test]
fn blocks_without_a_likeness_are_readable() {
    let panel =
        json!({ "type": "panel", "attrs": { "panelType": "warning" }, "content": [paragraph("hot")] });
    assert_eq!(of(json!([panel])), "> [!WARNING]\n> hot");
    let expand = json!({ "type": "expand", "attrs": { "title": "More" }, "content": [paragraph("x")] });
    assert_eq!(of(json!([expand])), "**More**\n\nx");
    let item = json!({ "type": "decisionItem", "attrs": { "localId": "1", "state": "DECIDED" }, "content": [text("go")] });
    assert_eq!(
        of(json!([{ "type": "decisionList", "attrs": { "localId": "0" }, "content": [item] }])),
        "- **Decision:** go"
    );
    let column = |shown: &str| json!({ "type": "layoutColumn", "attrs": { "width": 50 }, "content": [paragraph(shown)] });
    assert_eq!(of(json!([{ "type": "layoutSection", "content": [column("l"), column("r")] }])), "l\n\nr");
    assert_eq!(of(json!([{ "type": "blockCard", "attrs": { "url": "https://a.b" } }])), "https://a.b");
    assert_eq!(
        of(json!([{ "type": "embedCard", "attrs": { "url": "https://a.b", "layout": "wide" } }])),
        "https://a.b"
    );
    let extension = json!({ "type": "extension", "attrs": { "extensionKey": "jira", "extensionType": "x" } });
    assert_eq!(of(json!([extension])), "(extension: jira)");
    assert_eq!(
        of(json!([{ "type": "future", "content": [{ "type": "inner", "content": [text("kept")] }] }])),
        "kept"
    );
}

#[test]
fn media_are_images_or_attachments() {
    let media = |attrs: Value| {
        json!([{ "type": "mediaSingle", "attrs": { "layout": "center" }, "content": [
        { "type": "media", "attrs": attrs },
        { "type": "caption", "content": [text("below")] },
    ] }])
    };
    let external = json!({ "type": "external", "url": "https://i.example/a.png", "alt": "A [1]" });
    assert_eq!(of(media(external)), "![A \\[1\\]](https://i.example/a.png)\n\nbelow");
    let file = json!({ "type": "file", "id": "1", "collection": "c", "alt": "a.png" });
    assert_eq!(of(media(file)), "(attachment: a.png)\n\nbelow");
    assert_eq!(of(media(json!({ "type": "file", "id": "1", "collection": "c" }))), "(attachment)\n\nbelow");
}

#[test]
fn cells_are_one_line() {
    let cell = |kind: &str, blocks: Value| json!({ "type": kind, "content": blocks });
    let list = json!({ "type": "bulletList", "content": [
        { "type": "listItem", "content": [paragraph("x|y")] }, { "type": "listItem", "content": [paragraph("z")] },
    ] });
    let code = json!({ "type": "codeBlock", "content": [text("a|b\nc")] });
    let rows = json!([
        { "type": "tableRow", "content": [cell("tableHeader", json!([paragraph("h")])), cell("tableHeader", json!([]))] },
        { "type": "tableRow", "content": [cell("tableCell", json!([paragraph("p"), list])), cell("tableCell", json!([code]))] },
        { "type": "tableRow", "content": [{ "type": "tableCell", "attrs": { "colspan": 2 }, "content": [paragraph("w")] }] },
    ]);
    assert_eq!(
        of(json!([{ "type": "table", "content": rows }])),
        "| h | |\n| --- | --- |\n| p<br>• x\\|y<br>• z | `a\\|b`<br>`c` |\n| w | |"
    );
}

#[test]
fn unsafe_destinations_do_not_pass() {
    let link = json!({ "type": "link", "attrs": { "href": "java\nscript:alert(1)" } });
    assert_eq!(line(json!([{ "type": "text", "text": "a", "marks": [link] }])), "a");
}

#[test]
fn code_in_a_link_is_no_definition() {
    let marks = json!([{ "type": "link", "attrs": { "href": "http://b.c" } }, { "type": "code" }]);
    assert_eq!(line(json!([{ "type": "text", "text": "a]: x", "marks": marks }])), "[`a]: x`]( http://b.c)");
    let pieces = ["]", ":"].map(|piece| json!({ "type": "text", "text": piece, "marks": marks }));
    assert_eq!(line(json!(pieces)), "[`]:`]( http://b.c)");
}

#[test]
fn what_is_no_document_has_a_text_too() {
    assert_eq!(to_markdown(&Value::Null), "");
    assert_eq!(to_markdown(&json!("plain *text*")), "plain \\*text\\*");
    assert_eq!(to_markdown(&json!([paragraph("a"), 1, true, paragraph("b")])), "a\n\nb");
    assert_eq!(to_markdown(&json!({ "text": 1, "content": "x", "attrs": [] })), "");
}
