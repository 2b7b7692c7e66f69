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

/// Converts any Markdown to a document that is valid according to Atlassian's schema.
///
/// Plain text is Markdown, too. A text of only whitespace, comments and control characters gives a document without
/// content; any other text gives one that shows something.
///
/// A document takes more than a hundred times the memory of its text. For untrusted text, use
/// [`from_markdown_within_limits`].
pub fn from_markdown(markdown: &str) -> Document {
    Document::valid(write::document(blocks(markdown)))
}

/// Like [`from_markdown`], but returns an error before building a document that is too large for Jira.
pub fn from_markdown_within_limits(markdown: &str) -> Result<Document, TooLarge> {
    let blocks = blocks(markdown);
    size::Size::of(&blocks).check()?;
    Ok(Document::valid(write::document(blocks)))
}

/// The result of an edit.
#[derive(Clone, Debug, PartialEq)]
pub struct Edited {
    /// The edited document.
    pub document: Document,
    /// What the edit removed that Markdown cannot express.
    pub lost: Vec<Lost>,
}

/// Replaces a stored document's content with Markdown, and keeps what Markdown cannot express wherever the text still
/// says what [`to_markdown`] made of the document: unchanged text changes nothing, and a new paragraph adds one.
///
/// Returns an error if the text is too large for Jira.
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
    // A text that shows nothing as Markdown, such as a lone `#`, is shown as written.
    let text = comments::without_comments(&clean::markdown(markdown));
    normalize::document(vec![Block::Paragraph(vec![Inline::text(text)])])
}

/// Converts a document from Jira to Markdown. Accepts any JSON; `null` gives an empty text.
///
/// Nodes that Markdown lacks are written as what they show, unknown nodes as the text they contain.
pub fn to_markdown(document: &Value) -> String {
    render::document(&read::document(document))
}
