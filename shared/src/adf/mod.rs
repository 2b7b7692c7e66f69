#![doc = include_str!("README.md")]

mod bare_urls;
mod document;
mod escape;
mod fit;
mod inline;
mod links;
mod model;
mod outline;
mod parse;
mod read;
mod read_inline;
mod render;
mod render_inline;
mod source;
mod tokens;
mod write;

use serde_json::Value;

pub use document::{Document, Invalid, MAX_CHARACTERS, text_length};

/// Converts Markdown to a document that is valid by Atlassian's schema, whatever the text is.
///
/// Plain text is Markdown too. An empty text makes a document without content, which Jira takes for an empty
/// field.
pub fn from_markdown(markdown: &str) -> Document {
    Document::valid(write::document(fit::document(parse::blocks(markdown))))
}

/// Converts a document to Markdown, as Jira gives it: any JSON gives a text, `null` the empty one.
///
/// Nodes that Markdown lacks are written as what they show; a node that this version does not know, as the
/// text in it.
pub fn to_markdown(document: &Value) -> String {
    render::document(&read::document(document))
}
