//! What an edit by Markdown keeps.

use adf::{edit, to_markdown};
use serde_json::{Value, json};

use crate::schema;

fn doc(content: Value) -> Value {
    let document = json!({ "type": "doc", "version": 1, "content": content });
    assert!(schema::allows(&document), "{document}");
    document
}

fn text(text: &str) -> Value {
    json!({ "type": "text", "text": text })
}

fn coloured(text: &str) -> Value {
    json!({ "type": "text", "text": text, "marks": [{ "type": "textColor", "attrs": { "color": "#ff5630" } }] })
}

fn paragraph(content: Value) -> Value {
    json!({ "type": "paragraph", "content": content })
}

fn mention(local_id: &str) -> Value {
    json!({ "type": "mention", "attrs": { "id": "5b1", "text": "@Ada", "accessLevel": "CONTAINER", "localId": local_id } })
}

fn file(id: &str) -> Value {
    json!({ "type": "mediaSingle", "attrs": { "layout": "wide", "width": 50 }, "content": [
        { "type": "media", "attrs": { "type": "file", "id": id, "collection": "c", "alt": "a.png" } },
    ] })
}

/// Edits the Markdown of a document; returns the new content and what was lost.
#[track_caller]
fn edited(content: &Value, change: impl Fn(String) -> String) -> (Value, Vec<(String, usize)>) {
    let stored = doc(content.clone());
    let markdown = to_markdown(&stored);
    let changed = change(markdown.clone());
    assert_ne!(changed, markdown, "the text is different");
    let edited = edit(&stored, &changed).expect("a small document");
    assert!(schema::allows(edited.document.as_json()), "{}", edited.document.as_json());
    let lost = edited.lost.into_iter().map(|lost| (lost.kind, lost.count)).collect();
    (edited.document.as_json()["content"].clone(), lost)
}

#[track_caller]
fn becomes(content: &Value, from: &str, to: &str, expected: &Value) {
    let (content, lost) = edited(content, |markdown| markdown.replace(from, to));
    assert_eq!(content, *expected);
    assert_eq!(lost, [], "nothing is lost");
}

#[test]
fn adding_a_sentence_keeps_the_files_beside_it() {
    let stored =
        json!([paragraph(json!([text("one")])), file("1"), paragraph(json!([text("two")])), file("2")]);
    let expected = json!([
        paragraph(json!([text("one, and more")])),
        file("1"),
        paragraph(json!([text("two")])),
        file("2")
    ]);
    becomes(&stored, "one", "one, and more", &expected);
    let added = json!([
        paragraph(json!([text("one")])),
        file("1"),
        paragraph(json!([text("new")])),
        paragraph(json!([text("two")])),
        file("2")
    ]);
    becomes(&stored, "two", "new\n\ntwo", &added);
}

#[test]
fn moved_nodes_are_kept() {
    let stored = json!([file("1"), paragraph(json!([text("one")])), paragraph(json!([text("two")]))]);
    let expected = json!([paragraph(json!([text("one")])), paragraph(json!([text("two")])), file("1")]);
    let (content, lost) = edited(&stored, |markdown| {
        format!("{}\n\n(attachment: a.png)", markdown.replace("(attachment: a.png)\n\n", ""))
    });
    assert_eq!((content, lost), (expected, Vec::new()));
}

#[test]
fn a_line_keeps_what_is_before_and_after_the_change() {
    let stored = json!([paragraph(json!([
        coloured("red"),
        text(" and "),
        mention("m"),
        text(" see "),
        coloured("green")
    ]))]);
    let expected = json!([paragraph(json!([
        coloured("red"),
        text(" or "),
        mention("m"),
        text(" see "),
        coloured("green")
    ]))]);
    becomes(&stored, " and ", " or ", &expected);
    let longer = json!([paragraph(json!([
        coloured("red"),
        text(" and "),
        mention("m"),
        text(" see "),
        coloured("green"),
        text(". More.")
    ]))]);
    becomes(&stored, "green", "green. More.", &longer);
    // A mention between two changes is kept.
    let both = json!([paragraph(json!([text("blue and "), mention("m"), text(" see black")]))]);
    let (content, lost) =
        edited(&stored, |markdown| markdown.replace("red", "blue").replace("green", "black"));
    assert_eq!((content, lost), (both, vec![("textColor".to_owned(), 2)]));
    // A change within a word.
    let within = json!([paragraph(json!([
        coloured("re"),
        text("a"),
        coloured("d"),
        text(" and "),
        mention("m"),
        text(" see "),
        coloured("green")
    ]))]);
    becomes(&stored, "red", "read", &within);
}

#[test]
fn a_line_is_recognised_by_its_text() {
    let stored = json!([paragraph(json!([coloured("red"), text(" is the colour of the port side")]))]);
    let expected = json!([
        paragraph(json!([text("One line before.")])),
        paragraph(json!([coloured("red"), text(" is the colour of the port side, always")])),
        paragraph(json!([text("And one behind.")])),
    ]);
    let (content, lost) =
        edited(&stored, |markdown| format!("One line before.\n\n{markdown}, always\n\nAnd one behind."));
    assert_eq!((content, lost), (expected, Vec::new()));
}

#[test]
fn a_paragraph_may_become_a_heading() {
    let stored = json!([paragraph(json!([coloured("red"), text(" a")])), paragraph(json!([text("b")]))]);
    let heading =
        json!({ "type": "heading", "attrs": { "level": 2 }, "content": [coloured("red"), text(" a")] });
    becomes(&stored, "red", "## red", &json!([heading, paragraph(json!([text("b")]))]));
}

#[test]
fn lists_keep_their_items_and_their_content() {
    let item = |blocks: Value| json!({ "type": "listItem", "attrs": { "localId": "i" }, "content": blocks });
    let list =
        |items: Value| json!([{ "type": "bulletList", "attrs": { "localId": "l" }, "content": items }]);
    let stored = list(json!([
        item(json!([paragraph(json!([coloured("a")]))])),
        item(json!([paragraph(json!([text("b")])), file("1")])),
        item(json!([paragraph(json!([text("c")]))])),
    ]));
    let expected = list(json!([
        item(json!([paragraph(json!([coloured("a")]))])),
        item(json!([paragraph(json!([text("b and more")])), file("1")])),
        item(json!([paragraph(json!([text("c")]))])),
    ]));
    becomes(&stored, "- b", "- b and more", &expected);
    let (content, lost) = edited(&stored, |markdown| markdown.replace("- c", "- new\n- c"));
    assert_eq!(content[0]["content"].as_array().map(Vec::len), Some(4));
    assert_eq!(
        (&content[0]["content"][1], &content[0]["content"][3]),
        (&stored[0]["content"][1], &stored[0]["content"][2])
    );
    assert!(lost.is_empty());
}

#[test]
fn tasks_and_decisions_keep_their_ids() {
    let task = |id: &str, state: &str, line: Value| json!({ "type": "taskItem", "attrs": { "localId": id, "state": state }, "content": line });
    let tasks =
        |id: &str, items: Value| json!({ "type": "taskList", "attrs": { "localId": id }, "content": items });
    let stored = json!([tasks(
        "l",
        json!([
            task("a", "TODO", json!([text("a")])),
            tasks("m", json!([task("b", "TODO", json!([text("b")]))]))
        ])
    )]);
    let expected = json!([tasks(
        "l",
        json!([
            task("a", "TODO", json!([text("a")])),
            tasks("m", json!([task("b", "DONE", json!([text("b")]))]))
        ])
    )]);
    becomes(&stored, "  - [ ] b", "  - [x] b", &expected);
    let decision = |id: &str, line: &str| json!({ "type": "decisionItem", "attrs": { "localId": id, "state": "DECIDED" }, "content": [text(line)] });
    let list =
        |items: Value| json!([{ "type": "decisionList", "attrs": { "localId": "d" }, "content": items }]);
    let stored = list(json!([decision("x", "go"), decision("y", "stay")]));
    becomes(&stored, "stay", "stay here", &list(json!([decision("x", "go"), decision("y", "stay here")])));
    // New ids are unique.
    let stored = json!([tasks("task-1", json!([task("task-2", "TODO", json!([text("a")]))]))]);
    let (content, _) = edited(&stored, |markdown| format!("{markdown}\n- [ ] b"));
    let ids: Vec<_> = content[0]["content"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|task| &task["attrs"]["localId"])
        .collect();
    assert_eq!(ids[0], "task-2");
    assert!(ids[1] != "task-1" && ids[1] != "task-2", "{content}");
}

#[test]
fn tables_keep_their_attributes_and_cells() {
    let cell = |attrs: Value, line: &str| json!({ "type": "tableCell", "attrs": attrs, "content": [paragraph(json!([text(line)]))] });
    let row = |cells: Value| json!({ "type": "tableRow", "content": cells });
    let table = |rows: Value| json!([{ "type": "table", "attrs": { "layout": "wide", "isNumberColumnEnabled": true }, "content": rows }]);
    let red = json!({ "background": "#ffebe6" });
    let stored = table(json!([
        row(json!([cell(red.clone(), "a"), cell(json!({}), "b")])),
        row(json!([cell(json!({ "colspan": 2 }), "wide")])),
        row(json!([cell(red.clone(), "c"), cell(json!({}), "d")])),
    ]));
    let mut expected = stored.clone();
    expected[0]["content"][2]["content"][0]["content"][0]["content"][0]["text"] = "c and more".into();
    becomes(&stored, "| c |", "| c and more |", &expected);
    let mut expected = stored.clone();
    expected[0]["content"][1]["content"][0]["content"][0]["content"][0]["text"] = "wider".into();
    becomes(&stored, "wide", "wider", &expected);
    // A row is added.
    let (content, lost) = edited(&stored, |markdown| markdown.replace("| c |", "| new | row |\n| c |"));
    assert_eq!(content[0]["attrs"], stored[0]["attrs"]);
    assert_eq!((&content[0]["content"][3], lost), (&stored[0]["content"][2], Vec::new()));
    // Text in the second column of a wide cell needs a cell of its own.
    let (content, lost) = edited(&stored, |markdown| markdown.replace("| wide | |", "| wide | no |"));
    assert_eq!(content[0]["content"][1]["content"].as_array().map(Vec::len), Some(2));
    assert_eq!(lost, [("colspan".to_owned(), 1)]);
    // A cell that spans two rows is kept as long as the rows have not moved.
    let tall = table(json!([
        row(json!([cell(json!({ "rowspan": 2 }), "tall"), cell(json!({}), "b")])),
        row(json!([cell(json!({}), "d")])),
    ]));
    let mut expected = tall.clone();
    expected[0]["content"][1]["content"][0]["content"][0]["content"][0]["text"] = "e".into();
    becomes(&tall, "d |", "e |", &expected);
}

#[test]
fn expands_layouts_and_panels_are_kept() {
    let expand = |blocks: Value| json!({ "type": "expand", "attrs": { "title": "More" }, "content": blocks });
    let stored = json!([
        expand(json!([paragraph(json!([text("a")])), file("1"), paragraph(json!([text("c")]))])),
        paragraph(json!([text("d")]))
    ]);
    let expected = json!([
        expand(json!([
            paragraph(json!([text("a")])),
            paragraph(json!([text("b")])),
            file("1"),
            paragraph(json!([text("c")]))
        ])),
        paragraph(json!([text("d")]))
    ]);
    becomes(&stored, "a\n", "a\n\nb\n", &expected);
    let column =
        |blocks: Value| json!({ "type": "layoutColumn", "attrs": { "width": 50 }, "content": blocks });
    let section = |columns: Value| json!([{ "type": "layoutSection", "content": columns }]);
    let stored = section(json!([
        column(json!([paragraph(json!([text("l")])), paragraph(json!([text("m")]))])),
        column(json!([paragraph(json!([text("r")])), paragraph(json!([text("s")]))])),
    ]));
    let expected = section(json!([
        column(json!([
            paragraph(json!([text("l")])),
            paragraph(json!([text("and")])),
            paragraph(json!([text("m")]))
        ])),
        column(json!([paragraph(json!([text("r")])), paragraph(json!([text("s")]))])),
    ]));
    becomes(&stored, "l\n", "l\n\nand\n", &expected);
    let panel = |kind: &str, line: &str| {
        let attrs = json!({ "panelType": kind, "panelIcon": ":x:", "panelColor": "#123456" });
        json!([{ "type": "panel", "attrs": attrs, "content": [paragraph(json!([text(line)]))] }])
    };
    becomes(&panel("custom", "a"), "a", "a b", &panel("custom", "a b"));
    let warning = json!([{ "type": "panel", "attrs": { "panelType": "warning" }, "content": [paragraph(json!([text("a")]))] }]);
    becomes(&panel("custom", "a"), "NOTE", "WARNING", &warning);
}

#[test]
fn a_changed_caption_loses_no_file() {
    let stored = |caption: &str| {
        let mut file = file("1");
        file["content"]
            .as_array_mut()
            .expect("a list")
            .push(json!({ "type": "caption", "content": [text(caption)] }));
        json!([file])
    };
    let (content, _) = edited(&stored("below"), |markdown| markdown.replace("below", "above"));
    assert_eq!(content[0]["content"][0], file("1")["content"][0]);
    assert!(content.to_string().contains("above"), "{content}");
}

#[test]
fn adjacent_blocks_that_markdown_would_join_stay_separate() {
    let item = |line: &str| json!({ "type": "listItem", "content": [paragraph(json!([text(line)]))] });
    let list = |kind: &str, line: &str| json!({ "type": kind, "content": [item(line)] });
    let quote = |line: &str| json!({ "type": "blockquote", "content": [paragraph(json!([text(line)]))] });
    let stored = json!([
        list("bulletList", "a"),
        list("bulletList", "b"),
        list("orderedList", "c"),
        list("orderedList", "d"),
        quote("e"),
        quote("f")
    ]);
    let mut expected = stored.clone();
    expected[1]["content"][0]["content"][0]["content"][0]["text"] = "b and more".into();
    becomes(&stored, "* b", "* b and more", &expected);
}

#[test]
fn what_is_lost_is_reported() {
    let stored = json!([file("1"), paragraph(json!([coloured("a"), text(" b")])), { "type": "rule" }]);
    let (content, lost) = edited(&stored, |_| "other".to_owned());
    assert_eq!(content, json!([paragraph(json!([text("other")]))]));
    let expected = [("media", 1), ("mediaSingle", 1), ("textColor", 1)];
    assert_eq!(lost, expected.map(|(kind, count)| (kind.to_owned(), count)));
}

#[test]
fn invalid_attributes_are_replaced() {
    let stored = json!({ "type": "doc", "version": 1, "content": [
        { "type": "heading", "attrs": "odd", "content": [text("a")] },
        { "type": "orderedList", "attrs": [], "content": [
            { "type": "listItem", "content": [paragraph(json!([text("b")]))] },
        ] },
        { "type": "taskList", "content": [{ "type": "taskItem", "attrs": 7, "content": [text("c")] }] },
        { "type": "codeBlock", "attrs": "odd", "content": [text("d")] },
    ] });
    let edited = edit(&stored, "### e\n\n4. f\n\n- [x] g\n\n```rust\nh\n```").expect("a small document");
    let content = &edited.document.as_json()["content"];
    assert_eq!((&content[0]["attrs"]["level"], &content[1]["attrs"]["order"]), (&json!(3), &json!(4)));
    assert_eq!(content[2]["content"][0]["attrs"]["state"], "DONE");
    assert_eq!(content[3]["attrs"]["language"], "rust");
}

#[test]
fn an_invalid_document_is_replaced() {
    for stored in [Value::Null, json!("text"), json!({ "type": "doc", "content": [text("a")] }), json!([])] {
        let edited = edit(&stored, "# a").expect("a small document");
        assert_eq!(edited.document.as_json()["content"][0]["type"], "heading", "{stored}");
        assert_eq!(edited.document.as_json()["version"], 1);
    }
}
