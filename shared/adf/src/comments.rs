//! HTML comments: nobody sees them.

use pulldown_cmark::{Event, Parser, Tag};

use super::characters::GUARD;
use super::splice::{self, Edit};
use super::syntax::OPTIONS;

const OPEN: &str = "<!--";
const CLOSE: &str = "-->";

/// What stands behind one that does not end is Markdown again, where another may stand that does not end.
const MAX_PASSES: usize = 8;

/// Makes those that do not end text. A whole document would be one of them.
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

/// Whether a piece of inline HTML is one.
pub(super) fn is_comment(html: &str) -> bool {
    html.starts_with(OPEN)
}

/// HTML without those in it, and without the lines that held nothing else.
pub(super) fn without_comments(html: &str) -> String {
    if !html.contains(OPEN) {
        return html.to_owned();
    }
    let mut out = String::with_capacity(html.len());
    let mut rest = html;
    while let Some((before, comment)) = rest.split_once(OPEN) {
        // `<!-->` is a whole one.
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
