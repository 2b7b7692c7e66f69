#![doc = include_str!("README.md")]

mod bare_urls;
mod clean;
mod comments;
mod definitions;
mod document;
mod edit;
mod escape;
mod fit;
mod flanking;
mod inline;
mod links;
mod model;
mod outline;
mod padding;
mod panel;
mod parse;
mod read;
mod read_inline;
mod render;
mod render_inline;
mod size;
mod source;
mod tokens;
mod write;

use model::{Block, Inline};
use serde_json::Value;

pub use clean::one_line;
pub use document::{Document, Invalid, MAX_CHARACTERS, text_length};
pub use size::TooLarge;

/// Converts Markdown to a document that is valid by Atlassian's schema, whatever the text is.
///
/// Plain text is Markdown too. A text of white space, comments and control characters makes a document without
/// content; any other text has something to show.
///
/// A document takes a hundred times the memory of its text and more: for a text that anybody may send there is
/// [`from_markdown_within_limits`].
pub fn from_markdown(markdown: &str) -> Document {
    Document::valid(write::document(blocks(markdown)))
}

/// As [`from_markdown`], for a document that Jira may take.
///
/// # Errors
/// When it would be too large, before it is made.
pub fn from_markdown_within_limits(markdown: &str) -> Result<Document, TooLarge> {
    let blocks = blocks(markdown);
    size::Size::of(&blocks).check()?;
    Ok(Document::valid(write::document(blocks)))
}

fn blocks(markdown: &str) -> Vec<Block> {
    let blocks = fit::document(parse::blocks(markdown));
    if !blocks.is_empty() {
        return blocks;
    }
    // What shows nothing as Markdown, such as a lone `#`, is shown as it was written.
    let text = comments::without_comments(&clean::markdown(markdown));
    fit::document(vec![Block::Paragraph(vec![Inline::text(text)])])
}

/// Converts a document to Markdown, as Jira gives it: any JSON gives a text, `null` the empty one.
///
/// Nodes that Markdown lacks are written as what they show; a node that this version does not know, as the
/// text in it.
pub fn to_markdown(document: &Value) -> String {
    render::document(&read::document(document))
}
