//! Pasted text: logs, terminals, other editors, other scripts.

use adf::{from_markdown, one_line, to_markdown};
use serde_json::{Value, json};

use crate::schema;

/// Returns the blocks of a text, and checks the round trip.
fn content(markdown: &str) -> Value {
    let document = from_markdown(markdown);
    assert!(schema::allows(document.as_json()), "{}", document.as_json());
    let written = to_markdown(document.as_json());
    assert_eq!(from_markdown(&written), document, "{markdown:?} was written as {written:?}");
    document.as_json()["content"].clone()
}

/// Returns the paragraphs of a text, separated by empty lines, with marks written like HTML.
fn lines(markdown: &str) -> String {
    let piece = |node: &Value| {
        let text = node["text"].as_str().unwrap_or("\n").to_owned();
        let marks = node["marks"].as_array().into_iter().flatten();
        marks.fold(text, |text, mark| match &mark["attrs"]["href"] {
            Value::String(href) if *href == text => text,
            Value::String(href) => format!("<{href} {text}>"),
            _ => format!("<{} {text}>", mark["type"].as_str().unwrap_or_default()),
        })
    };
    let paragraph = |block: &Value| {
        assert_eq!(block["type"], "paragraph", "{markdown:?} makes {block}");
        block["content"].as_array().into_iter().flatten().map(piece).collect::<String>()
    };
    let blocks = content(markdown);
    blocks.as_array().into_iter().flatten().map(paragraph).collect::<Vec<_>>().join("\n\n")
}

#[test]
fn a_byte_order_mark_hides_no_heading() {
    for text in ["\u{feff}# a", "\u{feff}\u{feff}# a", "\u{1b}[0m\u{feff}# a"] {
        assert_eq!(content(text)[0]["type"], "heading", "{text:?}");
        assert_eq!(content(text)[0]["content"], json!([{ "type": "text", "text": "a" }]), "{text:?}");
    }
    assert_eq!(content("a\n\n\u{feff}# b")[1]["type"], "heading");
    assert_eq!(content("    \u{feff}a\n    \u{feff}b")[0]["content"][0]["text"], "a\nb");
}

#[test]
fn terminal_sequences_are_removed_completely() {
    for (text, expected) in [
        ("\u{1b}[31mERROR\u{1b}[0m disk", "ERROR disk"),
        ("\u{1b}[1;38;5;196mERROR\u{1b}[m", "ERROR"),
        ("\u{1b}[38:2::255:0:0mERROR\u{1b}[39m", "ERROR"),
        ("\u{1b}[2K\u{1b}[1Gdone\u{1b}[K", "done"),
        ("\u{1b}[?25lwait\u{1b}[?25h", "wait"),
        ("\u{1b}[2 qcursor", "cursor"),
        ("\u{9b}31mERROR\u{9b}0m", "ERROR"),
        ("\u{1b}]0;title\u{7}text", "text"),
        ("\u{1b}]8;;https://a.example\u{1b}\\link\u{1b}]8;;\u{1b}\\", "link"),
        ("\u{1b}P1$r0m\u{1b}\\text", "text"),
        ("\u{1b}(Btext\u{1b}7\u{1b}8", "text"),
        // Incomplete sequences, and text that is none.
        ("\u{1b}]0;title", "]0;title"),
        ("a\u{1b}[31\nb", "a b"),
        ("a\u{1b}[31", "a"),
        ("a\u{1b}", "a"),
        ("a\u{1b}é", "aé"),
        ("a\u{1b}word", "aword"),
    ] {
        assert_eq!(lines(text), expected, "{text:?}");
    }
}

#[test]
fn unstorable_characters_are_removed_alone() {
    assert_eq!(lines("a\0b"), "a\u{fffd}b");
    assert_eq!(lines("a\u{8}\u{7}\u{7f}\u{80}b"), "ab");
    assert_eq!(lines("a\u{fdd0}\u{fdd2}b\u{ffff}"), "a\u{fffd}\u{fffd}b\u{fffd}");
    assert_eq!(lines("**a\u{1}**"), "<strong a>");
}

#[test]
fn line_separators_become_breaks() {
    for separator in ["\u{b}", "\u{c}", "\u{85}", "\u{2028}", "\u{2029}"] {
        assert_eq!(lines(&format!("a{separator}b")), "a\nb", "{separator:?}");
        assert_eq!(content(&format!("- a{separator}- b"))[0]["content"].as_array().map(Vec::len), Some(2));
    }
    assert_eq!(lines("a\rb\r\nc"), "a b c");
}

#[test]
fn one_line_keeps_only_what_can_be_stored() {
    assert_eq!(one_line("\u{feff}\u{1b}[31ma\u{1b}[0m\tb\u{2028}c\0"), "a b c\u{fffd}");
    assert_eq!(one_line("a\r\nb"), "a\nb");
}

#[test]
fn an_unreferenced_definition_is_text() {
    for (text, expected) in [
        ("[ERROR]: OutOfMemoryError", "[ERROR]: OutOfMemoryError"),
        ("[ERROR]: a\n[WARN]: b\n[ERROR]: a", "[ERROR]: a [WARN]: b [ERROR]: a"),
        ("[WARN]: /var/log/syslog 'full'", "[WARN]: /var/log/syslog 'full'"),
        ("[a\nb]: c", "[a b]: c"),
        ("[a\\]b]: c", "[a]b]: c"),
        ("[a]:\nb\n\"c\nd\"", "[a]: b \"c d\""),
        ("[a]: <b c>", "[a]: <b c>"),
        ("[1]: https://a.example", "[1]: https://a.example"),
        ("[^1]: note", "[^1]: note"),
        ("   [a]: b", "[a]: b"),
    ] {
        assert_eq!(lines(text), expected, "{text:?}");
    }
    for text in ["> [a]: b", "- [a]: b", "1. [a]: b", "- [ ] [a]: b", "> - [a]: b"] {
        assert!(content(text).to_string().contains("[a]: b"), "{text:?}");
    }
    assert_eq!(content("    [a]: b")[0]["content"][0]["text"], "[a]: b");
    assert_eq!(content("```\n[a]: b\n```")[0]["content"][0]["text"], "[a]: b");
    assert_eq!(lines("`x\n[a]: b`"), "<code x [a]: b>");
}

#[test]
fn a_referenced_definition_is_not_shown() {
    let docs = "[docs]: https://docs.example/a_b \"the title\"\n";
    for text in [
        format!("see [docs]\n\n{docs}"),
        format!("{docs}\nsee [docs][]"),
        format!("[other]: x\n{docs}\nsee [docs]").replace("[other]: x\n", ""),
        format!("> {docs}\nsee [docs]"),
        format!("{docs}\nsee [docs][DOCS]"),
    ] {
        assert_eq!(lines(&text), "see <https://docs.example/a_b docs>", "{text:?}");
    }
    assert_eq!(
        content(&format!("[docs]\n\n{docs}"))[0]["content"][0]["marks"][0]["attrs"]["title"],
        "the title"
    );
    // An unreferenced definition does not make the next one part of its paragraph.
    assert_eq!(
        lines(&format!("[ERROR]: x\n{docs}\n[docs]")),
        "[ERROR]: x\n\n<https://docs.example/a_b docs>"
    );
    // A duplicate has no effect.
    assert_eq!(lines("[a]: /1\n[a]: /2\n\n[a]"), "[a]: /2\n\n</1 a>");
}

#[test]
fn a_referenced_definition_that_may_be_a_log_line_is_shown() {
    assert_eq!(
        lines("[ERROR]: OutOfMemoryError\n\nthen [ERROR] again"),
        "[ERROR]: OutOfMemoryError\n\nthen <OutOfMemoryError ERROR> again"
    );
    assert_eq!(lines("[T]: 12:30:05\n\n[T]"), "[T]: 12:30:05\n\n<12:30:05 T>");
}

#[test]
fn comments_are_invisible() {
    for (text, expected) in [
        ("a <!-- b --> c", "a  c"),
        ("a<!-- b -->c", "ac"),
        ("a <!-- b\nc --> d", "a  d"),
        ("<!-- a -->\n\nb", "b"),
        ("<!-- a\n\nb -->\nc", "c"),
        ("<!-- a --> b", "b"),
        ("<div>\n<!-- a -->\nb <!-- c\nd --> e\n</div>", "<div>\nb  e\n</div>"),
        ("a <!--> b <!---> c", "a  b  c"),
        ("`<!-- a -->`", "<code <!-- a -->>"),
        // Unterminated comments.
        ("a <!-- b", "a <!-- b"),
        ("<!-- a\nb", "<!-- a b"),
        ("<!-- a\n\n**b**\n\n<!-- c", "<!-- a\n\n<strong b>\n\n<!-- c"),
        ("> <!-- a\n\nb -->", ""),
    ] {
        if expected.is_empty() {
            assert_eq!(content(text)[0]["content"][0]["content"][0]["text"], "<!-- a", "{text:?}");
            continue;
        }
        assert_eq!(lines(text), expected, "{text:?}");
    }
    assert_eq!(content("```\n<!-- a -->\n```")[0]["content"][0]["text"], "<!-- a -->");
    assert_eq!(content("<!-- a\n# b")[1]["type"], "heading");
    for text in
        ["<!-- a -->", "<!-- a\n\nb -->", " <!-- a --> \n\n<!-- b -->", "\u{1b}[0m", "\u{feff}", "\u{7}"]
    {
        assert_eq!(content(text), json!([]), "{text:?}");
    }
}

#[test]
fn only_two_tildes_strike_out() {
    for (text, expected) in [
        ("~a~", "~a~"),
        ("a ~b c~ d", "a ~b c~ d"),
        ("~a **b~** c", "~a **b~** c"),
        ("~~a~~", "<strike a>"),
        ("~~a ~b~ c~~", "<strike a ~b~ c>"),
        ("~ ~~a~~ ~", "~ <strike a> ~"),
        ("a ~~~b~~~", "a ~~~b~~~"),
        ("a ~~~~b~~~~", "a ~~~~b~~~~"),
        ("\\~~~a~~", "~<strike a>"),
        ("cp ~/a ~/b", "cp ~/a ~/b"),
        ("about ~5 to ~10", "about ~5 to ~10"),
        ("H~2~O", "H~2~O"),
    ] {
        assert_eq!(lines(text), expected, "{text:?}");
    }
}

#[test]
fn emphasis_works_beside_the_punctuation_of_chinese_japanese_and_korean() {
    for (text, expected) in [
        ("**重要：**確認", "<strong 重要：>確認"),
        ("確認**「重要」**です", "確認<strong 「重要」>です"),
        ("これは**重要。**次", "これは<strong 重要。>次"),
        ("*「強調」*と", "<em 「強調」>と"),
        ("と~~「消」~~も", "と<strike 「消」>も"),
        ("**(注意)**確認", "<strong (注意)>確認"),
        ("**a.**確認", "<strong a.>確認"),
        ("**「a」**b", "<strong 「a」>b"),
        ("**중요!**합니다", "<strong 중요!>합니다"),
        ("他说**“好”**了", "他说<strong “好”>了"),
        ("***「a」***と", "<em <strong 「a」>>と"),
        ("**重要**：確認", "<strong 重要>：確認"),
        ("2 * 3、4*5", "2 * 3、4*5"),
        ("\\**「a」\\**と", "**「a」**と"),
    ] {
        let said = lines(text);
        let said =
            if said.starts_with("<strong <em") { said.replace("<strong <em", "<em <strong") } else { said };
        assert_eq!(said, expected, "{text:?}");
    }
}

#[test]
fn text_that_would_show_nothing_is_shown_as_written() {
    for text in ["#", "###### #", ">", "> ***", "> > ---", "![]()", "&#32;", "> #"] {
        assert_eq!(lines(text), text, "{text:?}");
    }
    assert_eq!(content("***"), json!([{ "type": "rule" }]));
    assert_eq!(lines("# <!-- a -->"), "#");
}
