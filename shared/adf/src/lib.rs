#![doc = include_str!("../README.md")]

mod bare_urls;
mod blocks;
mod characters;
mod clean;
mod comments;
mod definitions;
mod destination;
mod document;
mod escape;
mod flanking;
mod grid;
mod inline;
mod links;
mod merge;
mod model;
mod node;
mod normalize;
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
mod splice;
mod syntax;
mod tokens;
mod write;

use model::{Block, Inline};
use serde_json::Value;

pub use clean::one_line;
pub use document::{Document, Invalid, MAX_CHARACTERS, text_length};
pub use merge::Lost;
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

/// What becomes of a stored document by an edit.
#[derive(Clone, Debug, PartialEq)]
pub struct Edited {
    /// The document now.
    pub document: Document,
    /// What it had that Markdown cannot say, and has no longer.
    pub lost: Vec<Lost>,
}

/// Gives a stored document the content of a Markdown text, and keeps what Markdown cannot say wherever the text says
/// still what [`to_markdown`] made of the document: a text that did not change changes nothing, and a paragraph more adds
/// one.
///
/// # Errors
/// When the text would make too large a document.
pub fn edit(stored: &Value, markdown: &str) -> Result<Edited, TooLarge> {
    let is_same = |read: &str| clean::markdown(markdown).trim_end() == read.trim_end();
    if stored.get("type").is_some_and(|kind| kind == "doc") && is_same(&to_markdown(stored)) {
        return Ok(Edited { document: Document::valid(stored.clone()), lost: Vec::new() });
    }
    let blocks = blocks(markdown);
    size::Size::of(&blocks).check()?;
    let document = merge::document(stored, blocks);
    let lost = merge::lost(stored, &document);
    Ok(Edited { document: Document::valid(document), lost })
}

fn blocks(markdown: &str) -> Vec<Block> {
    let blocks = normalize::document(parse::blocks(markdown));
    if !blocks.is_empty() {
        return blocks;
    }
    // What shows nothing as Markdown, such as a lone `#`, is shown as it was written.
    let text = comments::without_comments(&clean::markdown(markdown));
    normalize::document(vec![Block::Paragraph(vec![Inline::text(text)])])
}

/// Converts a document to Markdown, as Jira gives it: any JSON gives a text, `null` the empty one.
///
/// Nodes that Markdown lacks are written as what they show; a node that this version does not know, as the
/// text in it.
pub fn to_markdown(document: &Value) -> String {
    render::document(&read::document(document))
}
