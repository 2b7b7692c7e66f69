//! Strategies that generate Markdown.

use proptest::prelude::*;

/// Pieces of syntax in any order, to break parsers and escaping.
pub(crate) fn soup() -> impl Strategy<Value = String> {
    const PIECES: &[&str] = &[
        "*",
        "**",
        "***",
        "_",
        "__",
        "~",
        "~~",
        "`",
        "``",
        "```",
        "[",
        "]",
        "(",
        ")",
        "](u)",
        "](http://a.b/c)",
        "](<u v> \"t\")",
        "![",
        "![a](http://i.j/k.png)",
        "!",
        "<",
        ">",
        "> ",
        ">> ",
        "<b>",
        "</b>",
        "<br>",
        "<!-- c -->",
        "<!--",
        "-->",
        "<div>\n",
        "[!NOTE]",
        "[@a b](accountid:1)",
        "[2026-11-20](date:)",
        "[x](status:red)",
        "[http://a.b](http://a.b \"smart link\")",
        "[http://a.b](http://a.b \"card\")",
        "- **Decision:** ",
        "> [!TIP]\n> ",
        "> [!warning]\n",
        "[s]: t\n",
        "[r]: u\n",
        "[u v]:",
        "確認",
        "「",
        "：**",
        "\u{1b}[31m",
        "\u{85}",
        "<http://a.b/c>",
        "http://a.b/_c_",
        "https://a.b/{c}|d[e]**f",
        "www.a.b/~~c~~",
        "http\\://a.b",
        "<d@e.f>",
        "\n",
        "\n",
        "\n\n",
        "\n\n",
        "  \n",
        "\\\n",
        " ",
        " ",
        "  ",
        "    ",
        "\t",
        "- ",
        "-",
        "* ",
        "+ ",
        "1. ",
        "1) ",
        "7. ",
        "0. ",
        "- [ ] ",
        "- [x] ",
        "* [X] ",
        "[ ] ",
        "# ",
        "### ",
        "#",
        "---",
        "***\n",
        "===",
        "--",
        "=",
        "|",
        "| a | b |\n| - | - |\n",
        "|-|-|\n",
        ":-:",
        "\\",
        "\\|",
        "&amp;",
        "&lt;",
        "&#32;",
        "&nbsp;",
        "&#10;",
        "&#1;",
        "&",
        ";",
        "http://a.b/c_d_e",
        "https://x.y?z=1&u=2",
        "www.q.r",
        "http://",
        ".",
        ",",
        ":",
        "\"",
        "'",
        "a",
        "b",
        "c",
        "word",
        "1",
        "23",
        "é",
        "ß",
        "。",
        "、",
        "“",
        "€",
        "\u{301}",
        "\u{a0}",
        "\u{200b}",
        "\u{200d}",
        "👩‍💻",
        "\u{feff}",
        "[r]",
        "\n[r]: http://r.s\n",
        "$",
        "^",
        "{",
        "}",
        "%",
        "@",
        "+",
        "\r\n",
        "\u{2028}",
        "~~~",
        "``` rust\n",
        "    code\n",
        "  - ",
        "   1. ",
    ];
    prop::collection::vec(prop::sample::select(PIECES), 0..40).prop_map(|pieces| pieces.concat())
}

/// Realistic Markdown, and the words that are visible in it.
pub(crate) fn written() -> impl Strategy<Value = (String, Vec<String>)> {
    blocks(3).prop_map(|markdown| {
        let words = visible_words(&markdown);
        (markdown, words)
    })
}

/// Visible words start with `v`, and nothing else does.
fn visible_words(markdown: &str) -> Vec<String> {
    let words = markdown.split(|c: char| !c.is_ascii_alphanumeric());
    words.filter(|word| word.starts_with('v')).map(str::to_owned).collect()
}

fn blocks(depth: u32) -> BoxedStrategy<String> {
    prop::collection::vec(block(depth), 1..4).prop_map(|blocks| blocks.join("\n\n")).boxed()
}

fn block(depth: u32) -> BoxedStrategy<String> {
    let leaf = prop_oneof![
        4 => line(true),
        1 => (1_usize..7, line(false)).prop_map(|(level, line)| format!("{} {line}", "#".repeat(level))),
        1 => line(false).prop_map(|line| format!("{line}\n===")),
        1 => (word(), word()).prop_map(|(a, b)| format!("``` rust\n{a}\n\n  {b} *{a}*\n```")),
        1 => word().prop_map(|word| format!("    {word}\n     {word}")),
        1 => Just("---".to_owned()),
        1 => Just("***".to_owned()),
        1 => (word(), word()).prop_map(|(a, b)| format!("<div class=\"x\">\n  {a} <b>{b}</b>\n</div>")),
        1 => word().prop_map(|word| format!("![{word}](https://i.example/x.png)")),
        2 => table(),
        1 => (word(), word()).prop_map(|(a, b)| format!("[{a}]: {b}")),
    ];
    if depth == 0 {
        return leaf.boxed();
    }
    prop_oneof![
        4 => leaf,
        1 => blocks(depth - 1).prop_map(|inside| prefixed(&inside, "> ", "> ")),
        1 => blocks(depth - 1).prop_map(|inside| prefixed(&format!("[!TIP]\n{inside}"), "> ", "> ")),
        4 => list(depth),
    ]
    .boxed()
}

fn list(depth: u32) -> BoxedStrategy<String> {
    let marker = prop::sample::select(&["- ", "* ", "+ ", "1. ", "3) ", "42. "][..]);
    let task = prop::sample::select(&["", "", "", "[ ] ", "[x] "][..]);
    let item = (task, prop_oneof![3 => line(true), 2 => blocks(depth - 1), 1 => Just(String::new())]);
    let gap = prop::sample::select(&["\n", "\n\n"][..]);
    (marker, gap, prop::collection::vec(item, 1..5))
        .prop_map(|(marker, gap, items)| {
            let indent = " ".repeat(marker.len());
            let items = items
                .iter()
                .map(|(task, inside)| prefixed(&format!("{task}{inside}"), marker, &indent))
                .collect::<Vec<_>>();
            items.join(gap)
        })
        .boxed()
}

fn prefixed(text: &str, first: &str, rest: &str) -> String {
    let lines = text.lines().enumerate();
    let lines = lines.map(|(at, line)| format!("{}{line}", if at == 0 { first } else { rest }));
    let lines = lines.collect::<Vec<_>>();
    if lines.is_empty() { first.to_owned() } else { lines.join("\n") }
}

fn table() -> impl Strategy<Value = String> {
    let cell = prop_oneof![4 => inline(), 1 => Just(String::new()), 1 => word().prop_map(|w| format!("{w} \\| {w}"))];
    let row = prop::collection::vec(cell, 1..5);
    (2_usize..4, prop::collection::vec(word(), 3), prop::collection::vec(row, 0..4)).prop_map(
        |(columns, header, rows)| {
            let header = header[..columns].join(" | ");
            let mut table = format!("| {header} |\n|{}", " --- |".repeat(columns));
            for row in rows {
                table.push_str(&format!("\n| {} |", row.join(" | ")));
            }
            table
        },
    )
}

fn line(breaks: bool) -> BoxedStrategy<String> {
    let space: &'static [&'static str] =
        if breaks { &[" ", " ", " ", "\n", "  \n", "\\\n", ", ", ""] } else { &[" ", " ", ", "] };
    prop::collection::vec((inline(), prop::sample::select(space)), 1..6)
        .prop_map(|pieces| {
            let mut line: String = pieces.iter().map(|(inline, space)| format!("{inline}{space}")).collect();
            line.truncate(line.trim_end_matches(['\n', '\\', ' ']).len());
            line
        })
        .boxed()
}

fn word() -> impl Strategy<Value = String> {
    "v[0-9]{1,4}"
}

fn inline() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        6 => word(),
        1 => (word(), word()).prop_map(|(a, b)| format!("`{a} {b}`")),
        1 => word().prop_map(|word| format!("{word}.")),
        1 => word().prop_map(|word| format!("snake_{word}_case \\* & < {word} \\[ 2 > 1")),
        1 => word().prop_map(|word| format!("![{word}](https://i.example/y.png)")),
        1 => Just("https://example.com/a_b?c=1&d=2".to_owned()),
        1 => Just("https://example.com/__a__/{b}/*c*[d]".to_owned()),
        1 => Just("<https://example.com/>".to_owned()),
        1 => word().prop_map(|word| format!("<i>{word}</i>")),
        1 => word().prop_map(|word| format!("{word}&amp;&copy;")),
        1 => (word(), word()).prop_map(|(a, b)| format!("~{a}~ <!-- x -->\u{1b}[1m{b}")),
        1 => word().prop_map(|word| format!("**「{word}」**確認**：{word}：**と")),
    ];
    leaf.prop_recursive(3, 8, 3, |inner| {
        let several = prop::collection::vec(inner, 1..3).prop_map(|pieces| pieces.join(" "));
        prop_oneof![
            several.clone().prop_map(|inside| format!("**{inside}**")),
            several.clone().prop_map(|inside| format!("*{inside}*")),
            several.clone().prop_map(|inside| format!("_{inside}_")),
            (word(), word()).prop_map(|(a, b)| format!("~~{a} **{b}**~~")),
            several.clone().prop_map(|inside| format!("[{inside}](https://example.com/x \"y\")")),
            several.prop_map(|inside| format!("***{inside}***")),
        ]
    })
}
