//! Memory needed to convert a description. A function has 256 MB, and a request body at most 256 KiB.

use std::fmt::Write;

use adf::{TooLarge, from_markdown_within_limits};
use peak_alloc::PeakAlloc;

#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;

/// Lengths at which a text is always rejected, or may just be accepted.
const LENGTHS: [usize; 2] = [64 * 1024, 24 * 1024];

/// The fixed memory limit for a conversion, and the limit per byte of text.
const MOST: usize = 12 * 1024 * 1024;
const MOST_PER_BYTE: usize = 1_100;

/// Returns the peak memory use of `work` in bytes, above what was in use before.
fn peak<T>(work: impl FnOnce() -> T) -> (T, usize) {
    let before = ALLOCATOR.current_usage();
    ALLOCATOR.reset_peak_usage();
    let done = work();
    (done, ALLOCATOR.peak_usage().saturating_sub(before))
}

fn convert(markdown: &str) -> Result<String, TooLarge> {
    from_markdown_within_limits(markdown).map(|document| document.as_json().to_string())
}

fn ragged_table(columns: usize, rows: usize) -> String {
    format!("{}\n{}\n{}\n", "|a".repeat(columns), "|-".repeat(columns), "a\n".repeat(rows))
}

#[test]
fn a_description_takes_memory_linear_in_its_length() {
    let mut longest_link = String::from("[");
    for _ in 0..60_000 {
        longest_link.push_str("*a*b");
    }
    let _ = write!(longest_link, "](https://a.example/{})", "x".repeat(4_000));
    let mut inputs = vec![
        ("the table of the report".to_owned(), ragged_table(250, 500)),
        ("a wider table".to_owned(), ragged_table(375, 750)),
        ("tables".to_owned(), format!("{}\n", ragged_table(250, 500)).repeat(100)),
        ("a table as wide as long".to_owned(), ragged_table(40_000, 40_000)),
        ("a link of many pieces".to_owned(), longest_link),
        (
            "a reference".to_owned(),
            format!("[a]: https://a.example/{}\n\n{}", "x".repeat(4_000), "[a] ".repeat(60_000)),
        ),
        (
            "definitions".to_owned(),
            (0..15_000).map(|n| format!("[{n}]: /{n}\n")).collect::<String>() + "\n[1] [2] [3]",
        ),
    ];
    for piece in [
        "a",
        "*",
        "**",
        "_a_",
        "*a*b",
        "`a`",
        "~~a~~",
        "[",
        "]",
        "![",
        "[a](b)",
        "![](a)",
        "<a>",
        "<!--",
        "<!-- -->a",
        "<br>",
        "|",
        "|a",
        "| a | b |\n|-|-|\n| c |\n\n",
        "- ",
        "- a\n",
        "- [ ] a\n",
        "1. a\n\n",
        "> ",
        "> a\n\n",
        ">a\n",
        "> [!NOTE]\n",
        "# a\n",
        "#\n",
        "---\n",
        "\n",
        "\\",
        "\\\n",
        "a\\\n",
        "&amp;",
        "&#0;",
        "http://a.b ",
        "www.a ",
        "http://",
        "```\n",
        "    a\n\n",
        "[a]: b\n",
        "[a]:",
        "\u{1b}[31m",
        "\u{1b}]",
        "\0",
        "\u{85}",
        "**「",
        "あ\u{3000}",
        "a**「b」**",
        "\u{fdd0}",
        "<div>\n\n",
        "<!-- a\n",
        "$",
        "[a]: <b\n",
        "-\n  - a\n",
        "a  \nb",
        "\u{2028}",
    ] {
        inputs.extend(LENGTHS.map(|length| (format!("{piece:?}"), piece.repeat(length / piece.len()))));
    }
    let mut faults = Vec::new();
    for (name, markdown) in inputs {
        let most = MOST + MOST_PER_BYTE * markdown.len();
        let (document, bytes) = peak(|| convert(&markdown));
        let outcome = if document.is_ok() { "sent" } else { "refused" };
        println!("{:>6} KB for {} KB of {name}: {outcome}", bytes / 1024, markdown.len() / 1024);
        if bytes > most {
            faults.push(name);
        }
    }
    assert!(
        faults.is_empty(),
        "{faults:?} take more than {MOST} bytes and {MOST_PER_BYTE} for each of their own"
    );
}
