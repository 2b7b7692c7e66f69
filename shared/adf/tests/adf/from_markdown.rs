//! Markdown to ADF.

use adf::from_markdown;
use serde_json::{Value, json};

use crate::schema;

/// Returns the blocks of a text, and checks them against the schema.
pub(crate) fn content(markdown: &str) -> Value {
    let document = from_markdown(markdown);
    assert!(schema::allows(document.as_json()), "{}", document.as_json());
    document.as_json()["content"].clone()
}

pub(crate) fn paragraph(text: &str) -> Value {
    json!({ "type": "paragraph", "content": [{ "type": "text", "text": text }] })
}

fn strong(text: &str) -> Value {
    let text = json!({ "type": "text", "text": text, "marks": [{ "type": "strong" }] });
    json!({ "type": "paragraph", "content": [text] })
}

fn item(blocks: Value) -> Value {
    json!({ "type": "listItem", "content": blocks })
}

fn bullets(items: Value) -> Value {
    json!({ "type": "bulletList", "content": items })
}

fn task(id: u8, state: &str, text: &str) -> Value {
    let attrs = json!({ "localId": format!("task-{id}"), "state": state });
    json!({ "type": "taskItem", "attrs": attrs, "content": [{ "type": "text", "text": text }] })
}

fn tasks(id: u8, items: Value) -> Value {
    json!({ "type": "taskList", "attrs": { "localId": format!("task-{id}") }, "content": items })
}

#[test]
fn nothing_makes_an_empty_document() {
    for text in ["", " \n\t\n", "\u{feff} \u{7}", "<!-- nothing -->"] {
        assert_eq!(content(text), json!([]), "{text:?}");
    }
}

#[test]
fn a_line_end_is_a_space_and_a_hard_break_is_a_break() {
    assert_eq!(content("a\nb"), json!([paragraph("a b")]));
    let broken = json!([{ "type": "paragraph", "content": [
        { "type": "text", "text": "a" }, { "type": "hardBreak" }, { "type": "text", "text": "b" },
    ] }]);
    for text in ["a  \nb", "a\\\nb", "a<br>b", "a<BR />b", "a  \r\nb"] {
        assert_eq!(content(text), broken, "{text:?}");
    }
}

#[test]
fn code_keeps_no_mark_except_its_link() {
    let code = json!([{ "type": "paragraph", "content": [{ "type": "text", "text": "x", "marks": [
        { "type": "link", "attrs": { "href": "http://a.b" } }, { "type": "code" },
    ] }] }]);
    assert_eq!(content("**[`x`](http://a.b)**"), code);
}

#[test]
fn bare_urls_are_links_without_trailing_punctuation() {
    let text = content("(see https://example.com/a_(b)).");
    assert_eq!(text[0]["content"][1]["text"], "https://example.com/a_(b)");
    assert_eq!(text[0]["content"][1]["marks"][0]["attrs"]["href"], "https://example.com/a_(b)");
    assert_eq!(text[0]["content"][2]["text"], ").");
    let www = content("www.example.com");
    assert_eq!(www[0]["content"][0]["marks"][0]["attrs"]["href"], "http://www.example.com");
    for text in ["xhttp://a", "http://", "www.", "https:// a"] {
        assert_eq!(content(text), json!([paragraph(text)]), "{text}");
    }
}

#[test]
fn unsafe_links_keep_their_text() {
    for url in ["javascript:x", "JavaScript:x", "java&#10;script:x", "<data:text/html,x>", "vbscript:x", ""] {
        assert_eq!(content(&format!("[a]({url})")), json!([paragraph("a")]), "{url}");
    }
}

#[test]
fn a_link_without_text_shows_its_destination() {
    assert_eq!(content("[](http://a.b)")[0]["content"][0]["text"], "http://a.b");
    let long = format!("http://a.b/{}", "x".repeat(5_000));
    assert_eq!(content(&format!("[a]({long})")), json!([paragraph(&format!("a ({long})"))]));
}

#[test]
fn an_image_alone_is_media_and_an_image_in_text_a_link() {
    let media = content("![a cat](https://i.example/c.png)");
    let attrs = json!({ "type": "external", "url": "https://i.example/c.png", "alt": "a cat" });
    assert_eq!(media[0]["content"][0]["attrs"], attrs);
    let badge = content("[![ci](https://i.example/c.svg)](https://example.com)");
    assert_eq!(badge[0]["content"][0]["marks"][0]["attrs"]["href"], "https://example.com");
    let inline = content("x ![a cat](https://i.example/c.png) y");
    assert_eq!(inline[0]["content"][1]["text"], "a cat");
    assert_eq!(inline[0]["content"][1]["marks"][0]["attrs"]["href"], "https://i.example/c.png");
    assert_eq!(content("![a](cat.png)")[0]["type"], "paragraph");
}

#[test]
fn lists_keep_their_first_number_and_their_empty_items() {
    let empty = json!([{ "type": "paragraph", "content": [] }]);
    assert_eq!(content("-\n- a"), json!([bullets(json!([item(empty), item(json!([paragraph("a")]))]))]));
    assert_eq!(content("7. a")[0]["attrs"]["order"], 7);
    assert_eq!(content("0) a")[0]["attrs"]["order"], 0);
}

#[test]
fn a_list_at_the_start_of_an_item_gets_a_paragraph() {
    let inner = bullets(json!([item(json!([paragraph("a")]))]));
    let empty = json!({ "type": "paragraph", "content": [] });
    assert_eq!(content("- - a"), json!([bullets(json!([item(json!([empty, inner]))]))]));
}

#[test]
fn what_a_list_item_cannot_contain_is_flattened() {
    let text = "- # h\n\n  > q\n  >\n  > - x\n\n  ---\n\n  | a | b |\n  | - | - |\n  | c | *d* |";
    let rows = json!({ "type": "paragraph", "content": [
        { "type": "text", "text": "c | " }, { "type": "text", "text": "d", "marks": [{ "type": "em" }] },
    ] });
    let list = bullets(json!([item(json!([paragraph("x")]))]));
    assert_eq!(
        content(text),
        json!([bullets(json!([item(json!([strong("h"), paragraph("q"), list, strong("a | b"), rows]))]))])
    );
}

#[test]
fn what_a_quote_cannot_contain_is_flattened() {
    let inside = json!([strong("h"), paragraph("q"), bullets(json!([item(json!([paragraph("[x] t")]))]))]);
    let text = "> # h\n> > q\n>\n> ---\n> - [x] t";
    assert_eq!(content(text), json!([{ "type": "blockquote", "content": inside }]));
}

#[test]
fn nested_tasks_are_siblings_in_adf() {
    let inner = tasks(3, json!([task(4, "DONE", "b")]));
    let list = tasks(1, json!([task(2, "TODO", "a"), inner, task(5, "TODO", "c")]));
    assert_eq!(content("- [ ] a\n  - [x] b\n- [ ] c"), json!([list]));
}

#[test]
fn a_mixed_list_is_several_lists_and_code_leaves_its_task() {
    let code = json!({ "type": "codeBlock", "attrs": {}, "content": [{ "type": "text", "text": "x" }] });
    let expected = json!([
        tasks(1, json!([task(2, "TODO", "a")])),
        code,
        tasks(3, json!([task(4, "TODO", "b")])),
        bullets(json!([item(json!([paragraph("c")]))])),
    ]);
    assert_eq!(content("- [ ] a\n  ```\n  x\n  ```\n- [ ] b\n- c"), expected);
}

#[test]
fn ragged_rows_keep_their_text() {
    let table = content("| a | b |\n|---|---|\n| 1 |\n| 1 | 2 | *3* | 4 |");
    assert_eq!(table[0]["content"][0]["content"][0]["type"], "tableHeader");
    assert_eq!(
        table[0]["content"][1]["content"].as_array().map(Vec::len),
        Some(1),
        "padding cells are left out"
    );
    assert_eq!(table[0]["content"][2]["content"][1]["content"], json!([paragraph("2 | *3* | 4")]));
}

#[test]
fn raw_html_is_text() {
    let lines = content("<div>\n  <b>x</b>\n</div>");
    assert_eq!(lines[0]["content"][2]["text"], "<b>x</b>");
    assert_eq!(content("a <b>x</b>"), json!([paragraph("a <b>x</b>")]));
}

#[test]
fn a_code_block_keeps_its_language_and_its_lines() {
    let code = content("``` rust,ignore\nfn\n\n  x\n```");
    assert_eq!(code[0]["content"][0]["text"], "fn\n\n  x");
    assert_eq!(
        content("```c++ x\n```")[0],
        json!({ "type": "codeBlock", "attrs": { "language": "c++" }, "content": [] })
    );
}

#[test]
fn control_characters_are_dropped() {
    assert_eq!(content("a\u{1b}b&#1;c"), json!([paragraph("abc")]));
}
