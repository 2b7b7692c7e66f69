//! Bare URLs become links as written, even if they contain characters with a meaning in Markdown.

use adf::{from_markdown, to_markdown};
use serde_json::Value;

use crate::schema;

/// Collects the texts of a document in order, each with the destination of its link.
fn pieces(node: &Value, out: &mut Vec<(String, Option<String>)>) {
    if let Some(text) = node["text"].as_str() {
        let marks = node["marks"].as_array().into_iter().flatten();
        let href = marks.filter_map(|mark| mark["attrs"]["href"].as_str()).next().map(str::to_owned);
        out.push((text.to_owned(), href));
    }
    node["content"].as_array().into_iter().flatten().for_each(|child| pieces(child, out));
}

fn read(markdown: &str) -> Vec<(String, Option<String>)> {
    let document = from_markdown(markdown);
    assert!(schema::allows(document.as_json()), "{}", document.as_json());
    let written = to_markdown(document.as_json());
    assert_eq!(from_markdown(&written), document, "{markdown} was written as {written}");
    let mut out = Vec::new();
    pieces(document.as_json(), &mut out);
    out
}

/// Returns the only link of a text.
#[track_caller]
fn link(markdown: &str) -> String {
    let links: Vec<_> = read(markdown).into_iter().filter(|(_, href)| href.is_some()).collect();
    match links.as_slice() {
        [(text, Some(href))] => {
            assert_eq!(text, href, "{markdown}");
            text.clone()
        }
        links => panic!("{markdown} has the links {links:?}"),
    }
}

#[test]
fn markup_characters_belong_to_a_url() {
    for url in [
        "https://git.example.test/pkg/__init__.py",
        "https://a.example/*/b/*/c",
        "https://a.example/**/b**c",
        "https://a.example/~~x~~/y",
        "https://a.example/~one~/~two~x",
        "https://a.example/[id]/x[0]=1&y[a_b]=*c*d",
        "https://a.example/[text](target)/x",
        "https://a.example/users/{id}/posts/{post_id}",
        "https://a.example/?q=a|b|c",
        "https://a.example/?a=1&amp=2&copy=3",
        "https://a.example/^x^y",
        "https://a.example/$x$y:z@w",
        "https://a.example/a_(b)_c",
        "https://a.example/!image!x",
        "ftp://a.example/_a_/b",
        "HTTPS://A.example/_a_b",
        "https://a.example/#_a_b_c",
        "https://user:pass_word_1@a.example:8080/x",
    ] {
        for text in [
            "URL",
            "see URL for more",
            "URL\nmore",
            "> URL",
            "- URL\n- b",
            "# URL",
            "(URL)",
            "*a* URL **b**",
            "a: URL, b",
        ] {
            assert_eq!(link(&text.replace("URL", url)), url, "{text}");
        }
        // In a table cell, `|` is escaped with a backslash.
        let cell = url.replace('|', "\\|");
        assert_eq!(link(&format!("| a | b |\n|---|---|\n| {cell} | c |")), url);
    }
}

#[test]
fn a_url_ends_at_white_space_and_before_the_punctuation_of_its_sentence() {
    for (markdown, url) in [
        ("See https://a.example/b_c. More", "https://a.example/b_c"),
        ("**https://a.example/b_c**", "https://a.example/b_c"),
        ("__https://a.example/b_c__", "https://a.example/b_c"),
        ("*see https://a.example/b_c*", "https://a.example/b_c"),
        ("~~https://a.example/b~~", "https://a.example/b"),
        ("\"https://a.example/b\"", "https://a.example/b"),
        ("{\"url\":\"https://a.example/b\",\"c\":1}", "https://a.example/b"),
        ("[https://a.example/b]", "https://a.example/b"),
        ("{https://a.example/b}", "https://a.example/b"),
        ("https://a.example/b<br>c", "https://a.example/b"),
        ("https://a.example/b\\\nc", "https://a.example/b"),
        ("https://a.example/b&lt;c", "https://a.example/b"),
        ("https://a.example/b&nbsp;c", "https://a.example/b"),
        ("https://a.example/b?!...", "https://a.example/b"),
        ("[text|https://a.example/b]", "https://a.example/b"),
        ("https://a.example/b`code`", "https://a.example/b"),
        ("詳細は https://a.example/b。次に", "https://a.example/b"),
        ("（https://a.example/b）", "https://a.example/b"),
        // An escape stands for its character.
        ("https://a.example/b\\_c\\_d", "https://a.example/b_c_d"),
        ("https://a.example/?b=1&amp;c=2", "https://a.example/?b=1&c=2"),
        ("| https://a.example/b|c |\n|---|---|", "https://a.example/b"),
    ] {
        assert_eq!(link(markdown), url, "{markdown}");
    }
}

#[test]
fn a_url_absorbs_the_bracket_of_a_link_whose_content_has_its_own_urls() {
    for (first, second, rest) in [
        ("https://a.example/)_[**b", "https://c.example/__d__/*e*[f]**](https://g.example/h", " \"j\")"),
        // The last URL was found before the one that absorbs it.
        ("https://a.example/)[b", "https://c.example/](d)https://f.example/", ""),
    ] {
        let pieces = read(&format!("\\[i]({first} {second}{rest}"));
        let links: Vec<_> = pieces.into_iter().filter_map(|(_, href)| href).collect();
        assert_eq!(links, [first, second]);
    }
}

#[test]
fn emphasis_around_a_url_stays() {
    let document = from_markdown("**https://a.example/b_c** and *https://d.example/__e__/f.*");
    let line = &document.as_json()["content"][0]["content"];
    assert_eq!(line[0]["marks"][1]["type"], "strong");
    assert_eq!(line[2]["marks"][1]["type"], "em");
    assert_eq!(line[2]["text"], "https://d.example/__e__/f");
    assert_eq!(line[3]["text"], ".");
}

#[test]
fn code_links_and_images_have_no_bare_urls() {
    for markdown in
        ["`https://a.example/__b__`", "```\nhttps://a.example/__b__\n```", "    https://a.example/__b__"]
    {
        let pieces = read(markdown);
        assert!(pieces.iter().all(|(_, href)| href.is_none()), "{markdown}: {pieces:?}");
        assert!(pieces.iter().any(|(text, _)| text.contains("https://a.example/__b__")), "{markdown}");
    }
    let one = |markdown: &str| read(markdown).into_iter().filter_map(|(_, href)| href).collect::<Vec<_>>();
    assert_eq!(one("[a](https://a.example/__b__)"), ["https://a.example/__b__"]);
    assert_eq!(
        one("[a][b]\n\n[b]: https://a.example/__b__ 'https://t.example/_c_'"),
        ["https://a.example/__b__"]
    );
    assert_eq!(one("<https://a.example/__b__>"), ["https://a.example/__b__"]);
    let shown = read("[https://a.example/__b__ c](https://d.example)");
    assert!(shown.iter().all(|(_, href)| href.as_deref() == Some("https://d.example")), "{shown:?}");
    let image = from_markdown("![https://a.example/x](https://i.example/y.png)").into_json();
    assert_eq!(image["content"][0]["content"][0]["attrs"]["alt"], "https://a.example/x");
}

#[test]
fn a_url_is_restored_and_cannot_be_forged() {
    let many: String = (0..300).map(|at| format!("https://a.example/_{at}_x\n\n")).collect();
    let links: Vec<_> = read(&many).into_iter().filter_map(|(_, href)| href).collect();
    assert_eq!(links, (0..300).map(|at| format!("https://a.example/_{at}_x")).collect::<Vec<_>>());
    // The characters of placeholders cannot be forged in a text.
    let forged = read("https://a.example/_b_c \u{fdd0}\u{fde0}\u{fdd1}");
    assert_eq!(forged[0].1.as_deref(), Some("https://a.example/_b_c"));
    assert!(forged[1..].iter().all(|(_, href)| href.is_none()), "{forged:?}");
}

#[test]
fn an_overlong_url_stays_text() {
    let long = format!("https://a.example/{}", "x".repeat(5_000));
    assert!(
        read(&format!("{long} https://b.example/c"))
            .iter()
            .any(|(text, href)| text.contains(&long) && href.is_none())
    );
    assert_eq!(link(&format!("{long} https://b.example/c")), "https://b.example/c");
}
