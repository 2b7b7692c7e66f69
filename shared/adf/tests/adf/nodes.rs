//! Nodes without Markdown syntax of their own, which are preserved nevertheless.

use adf::{from_markdown, to_markdown};
use serde_json::{Value, json};

use crate::from_markdown::content;

fn text(text: &str) -> Value {
    json!({ "type": "text", "text": text })
}

fn paragraph(content: Value) -> Value {
    json!({ "type": "paragraph", "content": content })
}

/// Checks an inline node, alone in a paragraph and within text.
#[track_caller]
fn node(node: &Value, markdown: &str) {
    let alone = json!([paragraph(json!([node]))]);
    assert_eq!(to_markdown(&alone), markdown);
    assert_eq!(content(markdown), alone, "{markdown}");
    let within = json!([paragraph(json!([text("see "), node, text(", "), node, node, text("!")]))]);
    let written = format!("see {markdown}, {markdown}{markdown}!");
    assert_eq!(to_markdown(&within), written);
    assert_eq!(content(&written), within, "{written}");
}

#[test]
fn a_mention_is_a_link_with_the_account_id() {
    let mention = |id: &str, text: &str| json!({ "type": "mention", "attrs": { "id": id, "text": text } });
    node(&mention("5b10a2844c20165700ede21g", "@Ada"), "[@Ada](accountid:5b10a2844c20165700ede21g)");
    node(
        &mention("712020:0a-1", "@Ada [x] _Lovelace_ https://a.b"),
        "[@Ada \\[x\\] \\_Lovelace\\_ https://a.b](accountid:712020:0a-1)",
    );
    // Only the account id matters; the name is for display.
    let nameless = json!([paragraph(json!([{ "type": "mention", "attrs": { "id": "1" } }]))]);
    assert_eq!(to_markdown(&nameless), "[@1](accountid:1)");
    let without_at =
        json!([paragraph(json!([{ "type": "mention", "attrs": { "id": "1", "text": "Ada" } }]))]);
    assert_eq!(to_markdown(&without_at), "[@Ada](accountid:1)");
    for no_mention in
        ["[Ada](accountid:1)", "[@Ada](accountid:)", "[@](accountid:1)", "[@Ada](accountid:a/b)"]
    {
        assert_eq!(content(no_mention)[0]["content"][0]["type"], "text", "{no_mention}");
    }
}

#[test]
fn a_date_is_a_link_with_its_day() {
    let date = |timestamp: &str| json!({ "type": "date", "attrs": { "timestamp": timestamp } });
    node(&date("1763596800000"), "[2025-11-20](date:)");
    node(&date("0"), "[1970-01-01](date:)");
    node(&date("-86400000"), "[1969-12-31](date:)");
    node(&date("1763650800000"), "[2025-11-20](date:1763650800000)");
    for no_date in ["[tomorrow](date:)", "[2025-13-01](date:)", "[2025-11-20](date:noon)"] {
        assert_eq!(content(no_date)[0]["content"][0]["type"], "text", "{no_date}");
    }
}

#[test]
fn a_status_is_a_link_to_its_colour() {
    let status =
        |text: &str, color: &str| json!({ "type": "status", "attrs": { "text": text, "color": color } });
    for color in ["neutral", "purple", "blue", "red", "yellow", "green"] {
        node(&status("In progress", color), &format!("[In progress](status:{color})"));
    }
    assert_eq!(content("[a](status:pink)")[0]["content"][0]["attrs"]["color"], "neutral");
    // Adjacent statuses stay separate.
    let two = json!([paragraph(json!([status("TO DO", "blue"), status("DONE", "green")]))]);
    assert_eq!(to_markdown(&two), "[TO DO](status:blue)[DONE](status:green)");
}

#[test]
fn a_smart_link_is_marked_by_its_title() {
    let card = |kind: &str, url: &str| json!({ "type": kind, "attrs": { "url": url } });
    node(
        &card("inlineCard", "https://a.example/b_c"),
        "[https://a.example/b_c](https://a.example/b_c \"smart link\")",
    );
    let block = json!([card("blockCard", "https://a.example")]);
    assert_eq!(to_markdown(&block), "[https://a.example](https://a.example \"card\")");
    assert_eq!(content("[https://a.example](https://a.example \"card\")"), block);
    let embed = json!([{ "type": "embedCard", "attrs": { "url": "https://a.example", "layout": "center" } }]);
    assert_eq!(to_markdown(&embed), "[https://a.example](https://a.example \"embedded\")");
    assert_eq!(content("[https://a.example](https://a.example \"embedded\")"), embed);
    // Within text, there is only one kind of card; with a text of its own, it is a link.
    let within = content("a [https://a.example](https://a.example \"card\")");
    assert_eq!(within[0]["content"][1]["type"], "inlineCard");
    assert_eq!(content("[here](https://a.example \"card\")")[0]["content"][0]["type"], "text");
    assert_eq!(
        content("- [https://a.example](https://a.example \"embedded\")")[0]["content"][0]["content"][0]["content"]
            [0]["type"],
        "inlineCard"
    );
}

#[test]
fn decisions_are_items_with_a_label() {
    let item = |id: u8, line: Value| json!({ "type": "decisionItem", "attrs": { "localId": format!("task-{id}"), "state": "DECIDED" }, "content": line });
    let strong = json!({ "type": "text", "text": "now", "marks": [{ "type": "strong" }] });
    let list = json!([{ "type": "decisionList", "attrs": { "localId": "task-1" }, "content": [
        item(2, json!([text("go")])), item(3, json!([strong])), item(4, json!([])),
    ] }]);
    let markdown = "- **Decision:** go\n- **Decision:** **now**\n- **Decision:**";
    assert_eq!(to_markdown(&list), markdown);
    assert_eq!(content(markdown), list);
    let kinds = |markdown: &str| -> Vec<Value> {
        content(markdown).as_array().into_iter().flatten().map(|block| block["type"].clone()).collect()
    };
    assert_eq!(kinds("- a\n- **Decision:** b\n- [ ] c"), ["bulletList", "decisionList", "taskList"]);
    assert_eq!(kinds("1. **Decision:** b"), ["orderedList"]);
    assert_eq!(kinds("- **Decision:** b\n  - c"), ["bulletList"]);
    assert_eq!(kinds("- **Decision: b**"), ["decisionList"]);
    assert_eq!(kinds("- **Decisions:** b"), ["bulletList"]);
    assert_eq!(kinds("> - **Decision:** b"), ["blockquote"]);
    // What would be read as a decision when it comes back is one from the start.
    for flattened in ["- # Decision: b", "- > **Decision:** b", "- **Decision:** b\n  ---"] {
        assert_eq!(kinds(flattened), ["decisionList"], "{flattened}");
    }
}

#[test]
fn nodes_work_wherever_text_does() {
    let mention = "[@Ada](accountid:1)";
    for markdown in [
        format!("# {mention} a"),
        format!("- [ ] {mention} a"),
        format!("| {mention} | [a\\|b](status:blue) |\n| --- | --- |"),
        format!("> **a**{mention}**b**"),
        format!("a\\\n{mention}\\\nb"),
        format!("a\\!{mention}"),
        format!("[a](https://a.example){mention}"),
    ] {
        let document = from_markdown(&markdown);
        assert!(document.as_json().to_string().contains("\"mention\""), "{markdown}");
        assert_eq!(to_markdown(document.as_json()), markdown);
    }
    // Marks do not apply to the node in between.
    let marked = content(&format!("**a {mention} b**"));
    assert_eq!(to_markdown(&marked), format!("**a** {mention} **b**"));
}
