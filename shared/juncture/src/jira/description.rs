//! Descriptions, in the format that the caller asks for.

use adf::{from_markdown, to_markdown};
use serde_json::Value;

use crate::error::{Error, Result};

/// The format of descriptions and other rich text in responses.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum DescriptionFormat {
    /// Markdown text.
    #[default]
    Markdown,
    /// The document itself, in the Atlassian Document Format.
    Adf,
}

impl DescriptionFormat {
    /// Parses the parameter `description_format`, which defaults to Markdown; 400 for an unknown value.
    pub fn parse(word: Option<&str>) -> Result<Self> {
        Self::parse_as("description_format", word)
    }

    /// Parses the parameter `body_format`, for the bodies of comments and worklogs, like [`Self::parse`].
    pub fn parse_body(word: Option<&str>) -> Result<Self> {
        Self::parse_as("body_format", word)
    }

    fn parse_as(parameter: &str, word: Option<&str>) -> Result<Self> {
        match word {
            None | Some("markdown") => Ok(Self::Markdown),
            Some("adf") => Ok(Self::Adf),
            Some(_) => Err(Error::bad_request(format!("{parameter} must be markdown or adf"))),
        }
    }

    /// Converts rich text from Jira; null if it is empty or not rich text.
    pub(super) fn read(self, stored: &Value) -> Value {
        let markdown = match stored {
            Value::String(text) => text.clone(),
            Value::Object(_) => to_markdown(stored),
            _ => return Value::Null,
        };
        match (self, stored) {
            _ if markdown.is_empty() => Value::Null,
            (Self::Markdown, _) => markdown.into(),
            (Self::Adf, Value::Object(_)) => stored.clone(),
            (Self::Adf, _) => from_markdown(&markdown).into_json(),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_document_is_returned_as_adf_or_markdown() {
        let document = json!({ "type": "doc", "version": 1, "content": [{ "type": "rule" }] });
        assert_eq!(DescriptionFormat::Markdown.read(&document), "---");
        assert_eq!(DescriptionFormat::Adf.read(&document), document);
        assert_eq!(DescriptionFormat::Adf.read(&json!("# a"))["content"][0]["type"], "heading");
    }

    #[test]
    fn an_empty_description_is_null() {
        let empty = json!({ "type": "doc", "version": 1, "content": [] });
        let blank =
            json!({ "type": "doc", "version": 1, "content": [{ "type": "paragraph", "content": [] }] });
        for nothing in [json!(null), json!(7), json!([]), json!(""), json!({}), empty, blank] {
            for format in [DescriptionFormat::Markdown, DescriptionFormat::Adf] {
                assert_eq!(format.read(&nothing), Value::Null, "{nothing}");
            }
        }
    }

    #[test]
    fn there_are_two_formats() {
        assert_eq!(DescriptionFormat::parse(None).ok(), Some(DescriptionFormat::Markdown));
        assert_eq!(DescriptionFormat::parse(Some("adf")).ok(), Some(DescriptionFormat::Adf));
        let refused = DescriptionFormat::parse(Some("ADF")).err().map(|error| error.message().to_owned());
        assert_eq!(refused.as_deref(), Some("description_format must be markdown or adf"));
        let refused = DescriptionFormat::parse_body(Some("")).err().map(|error| error.message().to_owned());
        assert_eq!(refused.as_deref(), Some("body_format must be markdown or adf"));
    }
}
