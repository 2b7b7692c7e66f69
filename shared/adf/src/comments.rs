//! HTML comments, which are not shown.

use pulldown_cmark::{Event, Parser, Tag};

use super::characters::GUARD;
use super::splice::{self, Edit};
use super::syntax::OPTIONS;

const OPEN: &str = "<!--";
const CLOSE: &str = "-->";

/// What follows an unterminated comment is Markdown again, which may contain another unterminated comment.
const MAX_PASSES: usize = 8;

/// Escapes unterminated comments, so that they become text. Otherwise one could hide the rest of the document.
pub(super) fn escape_unclosed(mut text: String) -> String {
    for _ in 0..MAX_PASSES {
        if !text.contains(OPEN) {
            break;
        }
        let mut edits = Vec::new();
        for (event, range) in Parser::new_ext(&text, OPTIONS).into_offset_iter() {
            let Event::Start(Tag::HtmlBlock) = event else { continue };
            let block = &text[range.clone()];
            let spaces = block.len() - block.trim_start().len();
            if block[spaces..].starts_with(OPEN) && !block.contains(CLOSE) {
                edits.push(Edit::insert(range.start + spaces, "\\"));
            }
        }
        if edits.is_empty() {
            break;
        }
        text = splice::apply(&text, edits);
    }
    text
}

/// Whether inline HTML is a comment.
pub(super) fn is_comment(html: &str) -> bool {
    html.starts_with(OPEN)
}

/// Removes comments from HTML, and the lines that contained nothing else.
pub(super) fn without_comments(html: &str) -> String {
    if !html.contains(OPEN) {
        return html.to_owned();
    }
    let mut out = String::with_capacity(html.len());
    let mut rest = html;
    while let Some((before, comment)) = rest.split_once(OPEN) {
        // `<!-->` is a complete comment.
        let Some(end) = html_comment_end(comment) else { break };
        out.push_str(before);
        out.push_str(GUARD);
        rest = &comment[end..];
    }
    out.push_str(rest);
    let lines = out.split_inclusive('\n');
    let is_shown = |line: &&str| !line.contains(GUARD) || !line.replace(GUARD, "").trim().is_empty();
    lines.filter(is_shown).collect::<String>().replace(GUARD, "")
}

fn html_comment_end(comment: &str) -> Option<usize> {
    let short = [">", "->"].into_iter().find(|short| comment.starts_with(short));
    short.map(str::len).or_else(|| comment.find(CLOSE).map(|end| end + CLOSE.len()))
}
