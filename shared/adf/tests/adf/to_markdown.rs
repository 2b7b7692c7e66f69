//! ADF to Markdown.

use adf::to_markdown;
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
fn inline_nodes_become_what_they_show() {
    let node = |kind: &str, attrs: Value| json!({ "type": kind, "attrs": attrs });
    let cases = [
        (node("mention", json!({ "id": "5b1", "text": "@Ann Lee" })), "[@Ann Lee](accountid:5b1)"),
        (node("mention", json!({ "id": "5b1", "text": "Ann Lee" })), "[@Ann Lee](accountid:5b1)"),
        (node("mention", json!({ "id": "5b1" })), "[@5b1](accountid:5b1)"),
        (node("mention", json!({ "text": "@Ann Lee" })), "@Ann Lee"),
        (node("emoji", json!({ "shortName": ":tada:", "text": "🎉" })), "🎉"),
        (node("emoji", json!({ "shortName": ":custom:" })), ":custom:"),
        (node("date", json!({ "timestamp": "1767225600000" })), "[2026-01-01](date:)"),
        (node("date", json!({ "timestamp": "-1" })), "[1969-12-31](date:-1)"),
        (node("date", json!({ "timestamp": 1767225600000_u64 })), "[2026-01-01](date:)"),
        (node("date", json!({ "timestamp": "soon" })), "soon"),
        (node("status", json!({ "text": "IN REVIEW", "color": "blue" })), "[IN REVIEW](status:blue)"),
        (
            node("inlineCard", json!({ "url": "https://example.com/x" })),
            "[https://example.com/x](https://example.com/x \"smart link\")",
        ),
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
fn whitespace_is_moved_out_of_marks() {
    assert_eq!(line(json!([text("a"), marked(" b ", "strong"), text("c")])), "a **b** c");
    assert_eq!(line(json!([marked("a ", "strong"), marked("b", "em")])), "**a** *b*");
    assert_eq!(line(json!([text("a "), marked(" ", "strong")])), "a");
}

#[test]
fn line_ends_are_breaks_and_trailing_ones_are_dropped() {
    assert_eq!(line(json!([text("a\nb"), { "type": "hardBreak" }])), "a\\\nb");
    assert_eq!(line(json!([text("a\u{2028}b\u{2029}c")])), "a\\\nb\\\nc");
}

#[test]
fn blocks_without_a_counterpart_are_readable() {
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
    assert_eq!(
        of(json!([{ "type": "blockCard", "attrs": { "url": "https://a.b" } }])),
        "[https://a.b](https://a.b \"card\")"
    );
    assert_eq!(
        of(json!([{ "type": "embedCard", "attrs": { "url": "https://a.b", "layout": "wide" } }])),
        "[https://a.b](https://a.b \"embedded\")"
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

/// Converts a table of cells, each with its text, colspan and rowspan.
fn spans(rows: &[&[(&str, u64, u64)]]) -> String {
    let cell = |(shown, columns, rows): &(&str, u64, u64)| {
        let attrs = json!({ "colspan": columns, "rowspan": rows });
        json!({ "type": "tableCell", "attrs": attrs, "content": [paragraph(shown)] })
    };
    let row = |cells: &&[(&str, u64, u64)]| json!({ "type": "tableRow", "content": cells.iter().map(cell).collect::<Vec<_>>() });
    of(json!([{ "type": "table", "content": rows.iter().map(row).collect::<Vec<_>>() }]))
}

#[test]
fn a_cell_stays_in_its_column_under_one_of_several_rows() {
    assert_eq!(
        spans(&[&[("a", 1, 2), ("b", 1, 1)], &[("c", 1, 1)], &[("d", 1, 1), ("e", 1, 1)]]),
        "| a | b |\n| --- | --- |\n| | c |\n| d | e |"
    );
    assert_eq!(
        spans(&[&[("a", 2, 2), ("b", 1, 1)], &[("c", 1, 1)], &[("d", 1, 1), ("e", 1, 1), ("f", 1, 1)]]),
        "| a | | b |\n| --- | --- | --- |\n| | | c |\n| d | e | f |"
    );
    assert_eq!(
        spans(&[&[("a", 1, 1), ("b", 1, 2)], &[("c", 1, 1)], &[("d", 1, 1)]]),
        "| a | b |\n| --- | --- |\n| c | |\n| d |"
    );
    // A row in which every cell is spanned from above.
    assert_eq!(spans(&[&[("a", 1, 2)], &[], &[("b", 1, 1)]]), "| a |\n| --- |\n| |\n| b |");
}

#[test]
fn a_span_beyond_the_table_ends_with_it() {
    assert_eq!(spans(&[&[("a", 1, 9), ("b", 1, 1)], &[("c", 1, 1)]]), "| a | b |\n| --- | --- |\n| | c |");
    assert_eq!(spans(&[&[("a", 1, 1), ("b", 1, 1)], &[("c", 9, 1)]]), "| a | b |\n| --- | --- |\n| c | |");
    assert_eq!(spans(&[&[("a", 1_000_000, 1_000_000)]]), "| a |\n| --- |");
    assert_eq!(
        spans(&[&[("a", 1, 1), ("b", 3, 2)], &[("c", 1, 1), ("d", 1, 1)]]),
        "| a | b | | | |\n| --- | --- | --- | --- | --- |\n| c | | | | d |"
    );
}

#[test]
fn large_spans_take_no_more_than_their_text() {
    let wide = vec![("a", 1_000, 1_000); 300];
    let narrow: &[(&str, u64, u64)] = &[];
    let rows: Vec<&[(&str, u64, u64)]> = std::iter::once(wide.as_slice()).chain([narrow; 300]).collect();
    assert!(spans(&rows).len() < 200_000);
}

#[test]
fn lists_in_a_cell_keep_their_nesting() {
    let item = |blocks: Value| json!({ "type": "listItem", "content": blocks });
    let list = |kind: &str, items: Value| json!({ "type": kind, "content": items });
    let inner = list("orderedList", json!([item(json!([paragraph("c")])), item(json!([paragraph("d")]))]));
    let outer = list(
        "bulletList",
        json!([
            item(json!([paragraph("a"), inner])),
            item(json!([list("bulletList", json!([item(json!([paragraph("e")]))]))])),
        ]),
    );
    let cell = json!({ "type": "tableCell", "content": [outer] });
    let table = of(json!([{ "type": "table", "content": [{ "type": "tableRow", "content": [cell] }] }]));
    let lines = ["• a", "\u{a0}\u{a0}1. c", "\u{a0}\u{a0}2. d", "•", "\u{a0}\u{a0}• e"].join("<br>");
    assert_eq!(table, format!("| {lines} |\n| --- |"));
}

#[test]
fn unsafe_destinations_are_dropped() {
    let link = json!({ "type": "link", "attrs": { "href": "java\nscript:alert(1)" } });
    assert_eq!(line(json!([{ "type": "text", "text": "a", "marks": [link] }])), "a");
}

#[test]
fn code_in_a_link_is_not_a_definition() {
    let marks = json!([{ "type": "link", "attrs": { "href": "http://b.c" } }, { "type": "code" }]);
    assert_eq!(line(json!([{ "type": "text", "text": "a]: x", "marks": marks }])), "[`a]: x`]( http://b.c)");
    let pieces = ["]", ":"].map(|piece| json!({ "type": "text", "text": piece, "marks": marks }));
    assert_eq!(line(json!(pieces)), "[`]:`]( http://b.c)");
}

#[test]
fn any_json_becomes_text() {
    assert_eq!(to_markdown(&Value::Null), "");
    assert_eq!(to_markdown(&json!("plain *text*")), "plain \\*text\\*");
    assert_eq!(to_markdown(&json!([paragraph("a"), 1, true, paragraph("b")])), "a\n\nb");
    assert_eq!(to_markdown(&json!({ "text": 1, "content": "x", "attrs": [] })), "");
}
