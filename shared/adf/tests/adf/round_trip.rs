//! Markdown written by this crate comes back unchanged: the tricky cases.

use adf::{from_markdown, to_markdown};

/// Checks that the Markdown itself comes back unchanged.
#[track_caller]
fn same(markdown: &str) {
    assert_eq!(to_markdown(from_markdown(markdown).as_json()), markdown);
}

/// Checks that the document made from the Markdown comes back unchanged.
#[track_caller]
fn stable(markdown: &str) {
    let document = from_markdown(markdown);
    let written = to_markdown(document.as_json());
    assert_eq!(from_markdown(&written), document, "{written}");
}

#[test]
fn blocks() {
    same("# One\n\ntext\n\n---\n\n> quote\n>\n> more\n\n``` \n```".replace("``` \n", "```\n").as_str());
    same("```rust\nlet a = \"```\";\n```".replace("```rust", "````rust").replace("\n```", "\n````").as_str());
    same("- a\n- b\n  - c\n\n  d\n- e\n\n* f");
    same("- a\n\n  2. b\n  3. c");
    same("9. a\n10. b\n    - c");
    same("1. a\n\n1) b\n\n1. c");
    same("- [ ] a\n  - [x] b\n\n* c\n\n- [ ] d");
    same("- [ ] &#32;\n- [x] a\\\n  b");
    same("-\n  - a\n-\n- b");
    same("| a | b |\n| --- | --- |\n| `x\\|y` | \\* \\| z |\n| | a<br>b |");
    same("![a](https://i.example/x.png)\n\n[![b](https://i.example/y.png)](https://example.com)");
}

#[test]
fn escapes() {
    for text in ["\\# a", "\\- a", "\\+ a", "1\\. a", "12\\) a", "\\> a", "\\=", "\\---", "\\| a", "# a \\#"]
    {
        same(text);
    }
    for text in
        ["#a", "1.5", "-a", "a - b", "a > b", "a < b", "a & b", "AT&T", "snake_case", "2 + 2 = 4", "a | b"]
    {
        same(text);
    }
    for text in [
        "\\*a\\*", "\\_a\\_", "\\[a](b)", "\\`a\\`", "\\~a", "\\<b>", "\\&amp;", "a\\\\", "C:\\dir",
        "\\!\\[a]", "&lt;$@a>",
    ] {
        stable(text);
    }
    same("a\u{a0}b\u{3000}c\u{200d}d");
    same("\u{a0}a\u{3000}");
    same("a **b**\u{a0}c");
    same("a!");
    same("\\<br>");
}

#[test]
fn emphasis() {
    for text in
        ["**a**b", "a**b**c", "a*b*c", "**a _b_**", "***a** b*", "**a**_b_", "~~a **b**~~", "*a*&#46;b"]
    {
        stable(text);
    }
    same("**a.**<!-- -->b");
    same("a<!-- -->**(b)**<!-- -->c");
    same("a<!-- -->_**b**c_<!-- -->d");
    same("**&nbsp;a**");
    same("**重要：**確認");
    same("確**\\`**");
    same("確認**「重要」**です");
    same("確認~~「重要」~~です");
    same("👩‍💻**b**👩‍💻");
    same("**a *b* c**");
    same("*a* **b** ~~c~~ `d`");
    stable("**a `b` c**");
    stable("**a [b**](http://c.d)");
    stable("** a** ** b **");
    stable("*a **b*** *c*");
    stable("_**[a](http://b.c)**<!-- -->a\\_a_");
}

#[test]
fn links() {
    same("see https://example.com/a_b, and <https://example.com/*>");
    same("[a](http://b.c/d \"t \\\"q\\\"\")");
    same("[a\\]](<http://b.c/(d>)");
    same("(https://example.com/a, https://example.com)");
    same("**<http://a.b>**");
    same("[www.a.b](http://c.d)");
    stable("http://a.b http://a.b");
    stable("[a](http://b.c)http://b.c");
    stable("a [`]: x`](http://b.c)");
    same("[`]:`]( #f\\&g;)");
    same("[a `b]:c`]( http://d.e \"t\")");
    same("- [`]:`]( #f)\n- `]:` [a](#f)");
    stable("http\\://a.b");
    stable("http://a.b?c)&amp;amp;;!");
    stable("http://i.j/k)&amp;!");
    stable("![a](u)\\![b](u)");
    stable("| !https://a.b/c\\|d | e |\n| --- | --- |");
}
