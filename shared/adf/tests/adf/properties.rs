//! Properties that hold for any input.

use adf::{edit, from_markdown, from_markdown_within_limits, text_length, to_markdown};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::documents::{document, texts};
use crate::markdown::{soup, written};
use crate::schema;

/// Any text: realistic, mixed or noise.
fn any_text() -> impl Strategy<Value = String> {
    let bytes = prop::collection::vec(any::<u8>(), 0..200);
    prop_oneof![
        3 => written().prop_map(|(text, _)| text),
        4 => soup(),
        1 => any::<String>(),
        1 => bytes.prop_map(|bytes| String::from_utf8_lossy(&bytes).into_owned()),
    ]
}

fn any_document() -> impl Strategy<Value = Value> {
    prop::collection::vec(any::<u8>(), 0..400).prop_map(|choices| document(&choices))
}

/// A paragraph of texts with any marks: an editor can produce it, Markdown hardly can.
fn any_marks() -> impl Strategy<Value = Value> {
    const PIECES: &[&str] = &[
        "a",
        "b",
        "cd",
        "e f",
        " ",
        " g",
        "h ",
        "1",
        "é",
        "。",
        "確",
        "「",
        "：",
        "\u{a0}",
        "\u{3000}",
        "\u{2028}",
        "*",
        "_",
        "`",
        "``",
        "~",
        "[",
        "]",
        "!",
        "\\",
        "<",
        "&",
        ";",
        ".",
        "(",
        ")",
        "|",
        "#",
        "-",
        "+",
        "=",
        ">",
        ":",
        "\u{301}",
        "€",
        "👩‍💻",
        "http://a.b/_c",
        "www.d.e",
        "{",
        "}",
        "&amp;",
        "\n",
        "\t",
    ];
    const MARKS: &[&str] = &["strong", "em", "strike", "code"];
    let text = prop::collection::vec(prop::sample::select(PIECES), 1..4).prop_map(|pieces| pieces.concat());
    let marks = prop::sample::subsequence(MARKS, 0..=MARKS.len());
    let href = prop::option::weighted(
        0.2,
        prop::sample::select(&["https://a.b/c", "http://a.b/_c", "http://a.b/{|}*", "/d(e", "#f&g;"][..]),
    );
    let node = (text, marks, href).prop_map(|(text, marks, href)| {
        let marks = marks.into_iter().map(|mark| json!({ "type": mark }));
        let link = href.map(|href| json!({ "type": "link", "attrs": { "href": href } }));
        json!({ "type": "text", "text": text, "marks": link.into_iter().chain(marks).collect::<Vec<_>>() })
    });
    let block = prop::sample::select(&["paragraph", "heading", "tableCell"][..]);
    (block, prop::collection::vec(node, 1..7)).prop_map(|(block, line)| match block {
        "tableCell" => {
            let cell = json!({ "type": block, "content": [{ "type": "paragraph", "content": line }] });
            json!({ "type": "table", "content": [{ "type": "tableRow", "content": [cell] }] })
        }
        _ => json!({ "type": block, "attrs": { "level": 2 }, "content": line }),
    })
}

fn any_json() -> impl Strategy<Value = Value> {
    let word = prop::sample::select(
        &[
            "doc",
            "paragraph",
            "text",
            "table",
            "tableRow",
            "taskList",
            "listItem",
            "media",
            "date",
            "#",
            "-1",
        ][..],
    );
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        word.prop_map(Value::from),
    ];
    let key = prop::sample::select(
        &["type", "text", "content", "attrs", "marks", "level", "order", "timestamp"][..],
    );
    leaf.prop_recursive(8, 64, 5, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::vec((key.clone(), inner), 0..5).prop_map(|fields| {
                Value::Object(fields.into_iter().map(|(key, value)| (key.to_owned(), value)).collect())
            }),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_text_makes_a_valid_document(text in any_text()) {
        let document = from_markdown(&text);
        prop_assert!(schema::allows(document.as_json()), "{}", document.as_json());
    }

    #[test]
    fn our_markdown_round_trips(text in any_text()) {
        let document = from_markdown(&text);
        let markdown = to_markdown(document.as_json());
        let again = from_markdown(&markdown);
        prop_assert_eq!(again.as_json(), document.as_json(), "{}", markdown);
        prop_assert_eq!(to_markdown(again.as_json()), markdown);
    }

    #[test]
    fn marks_round_trip(block in any_marks()) {
        let markdown = to_markdown(&block);
        let back = from_markdown(&markdown);
        prop_assert_eq!(to_markdown(back.as_json()), markdown, "{}", back.as_json());
    }

    #[test]
    fn no_word_is_lost((text, words) in written()) {
        let document = from_markdown(&text);
        let shown = document.as_json().to_string();
        for word in words {
            prop_assert!(shown.contains(&word), "{} is not in {}", word, shown);
        }
    }

    #[test]
    fn every_document_keeps_its_words_as_markdown(document in any_document()) {
        prop_assert!(schema::allows(&document), "{}", document);
        let markdown = to_markdown(&document);
        // Characters may be written as entities, so the Markdown is parsed again.
        let back = from_markdown(&markdown);
        prop_assert!(schema::allows(back.as_json()), "{}", back.as_json());
        let shown = back.as_json().to_string();
        for text in texts(&document) {
            let word = &text[text.find("word").unwrap_or_default()..];
            let word = &word[..word.find("end").unwrap_or_default()];
            prop_assert!(shown.contains(word), "{} is not in {} from {}", word, shown, markdown);
        }
    }

    #[test]
    fn writing_back_what_was_read_changes_nothing(document in any_document()) {
        let markdown = to_markdown(&document);
        let edited = edit(&document, &markdown).expect("a small document");
        prop_assert_eq!(edited.document.as_json(), &document);
        prop_assert!(edited.lost.is_empty());
        let with_crlf = edit(&document, &format!("{}\r\n", markdown.replace('\n', "\r\n"))).expect("a small document");
        prop_assert_eq!(with_crlf.document.as_json(), &document);
    }

    #[test]
    fn adding_a_paragraph_adds_only_that_paragraph(document in any_document()) {
        let markdown = to_markdown(&document);
        let added = json!({ "type": "paragraph", "content": [{ "type": "text", "text": "one more" }] });
        let mut expected = document.clone();
        let content = expected["content"].as_array_mut().expect("a document has content");
        content.push(added.clone());
        let edited = edit(&document, &format!("{markdown}\n\none more")).expect("a small document");
        prop_assert_eq!(edited.document.as_json(), &expected, "{}", markdown);
        prop_assert!(edited.lost.is_empty());
        // If the document shows nothing, the position of the new paragraph is ambiguous.
        if !markdown.is_empty() {
            let mut expected = document.clone();
            expected["content"].as_array_mut().expect("a document has content").insert(0, added);
            let edited = edit(&document, &format!("one more\n\n{markdown}")).expect("a small document");
            prop_assert_eq!(edited.document.as_json(), &expected, "{}", markdown);
        }
    }

    #[test]
    fn an_edit_makes_a_valid_document(document in any_document(), text in any_text(), lines in any::<u64>()) {
        // Some lines of the document, mixed with some of the text.
        let markdown = to_markdown(&document);
        let mixed = markdown.lines().zip(text.lines().cycle()).enumerate();
        let mixed = mixed.map(|(at, (old, new))| if lines >> (at % 64) & 1 == 0 { old } else { new });
        let mixed = mixed.collect::<Vec<_>>().join("\n");
        for markdown in [&text, &mixed] {
            let edited = edit(&document, markdown).expect("a small document");
            prop_assert!(schema::allows(edited.document.as_json()), "{} by {:?}", edited.document.as_json(), markdown);
        }
    }

    #[test]
    fn any_json_makes_a_text(value in any_json()) {
        let markdown = to_markdown(&value);
        prop_assert!(schema::allows(from_markdown(&markdown).as_json()), "{}", markdown);
        let wrapped = json!({ "type": "doc", "version": 1, "content": [value] });
        to_markdown(&wrapped);
    }

    #[test]
    fn the_length_counts_the_text_nodes(text in any_text()) {
        let document = from_markdown(&text);
        let shown: usize = texts(document.as_json()).iter().map(|text| text.encode_utf16().count()).sum();
        prop_assert_eq!(text_length(&document), shown);
        prop_assert_eq!(from_markdown_within_limits(&text), Ok(document));
    }
}
