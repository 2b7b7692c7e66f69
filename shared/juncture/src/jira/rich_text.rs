//! Rich text in requests: Markdown, or an ADF document.

use adf::{Document, MAX_CHARACTERS, TooLarge};
use runtime::Field;
use serde_json::Value;

use crate::error::{Error, Result};

/// A change to a field that can be cleared.
#[derive(Debug, Clone)]
pub(super) enum Change<T> {
    /// Keep the current value: the input contains nothing visible.
    Keep,
    /// Clear the field.
    Clear,
    /// Set this value.
    Set(T),
}

impl<T> Change<T> {
    /// Returns the value in Jira's format, null to clear the field; `None` keeps it.
    pub(super) fn into_json(self, value: impl FnOnce(T) -> Value) -> Option<Value> {
        match self {
            Self::Keep => None,
            Self::Clear => Some(Value::Null),
            Self::Set(set) => Some(value(set)),
        }
    }
}

/// A text from the caller, within Jira's limits as far as they can be checked here.
#[derive(Debug, Clone)]
pub(super) struct RichText {
    document: Document,
    /// The source of the document, if it was Markdown.
    markdown: Option<String>,
}

impl RichText {
    /// Parses a field that can be cleared; `None` if it is absent. An error names the field.
    pub(super) fn change(field: Field, name: &str) -> Result<Option<Change<Self>>> {
        let (document, markdown) = match field {
            Field::Absent => return Ok(None),
            Field::Null => return Ok(Some(Change::Clear)),
            Field::Text(text) if text.trim().is_empty() => return Ok(Some(Change::Clear)),
            Field::Text(text) => {
                let document = adf::from_markdown_within_limits(&text)
                    .map_err(|too_large| Error::bad_request(format!("{name} {too_large}")))?;
                if document.is_empty() {
                    return Ok(Some(Change::Keep));
                }
                (document, Some(text))
            }
            Field::Other(value @ Value::Object(_)) => {
                let document = Document::from_json(value)
                    .map_err(|invalid| Error::bad_request(format!("{name}: {invalid}")))?;
                let length = adf::text_length(&document);
                if length > MAX_CHARACTERS {
                    return Err(Error::bad_request(format!("{name} {}", TooLarge::Text(length))));
                }
                if document.is_empty() {
                    return Ok(Some(Change::Clear));
                }
                (document, None)
            }
            Field::Other(_) => {
                return Err(Error::bad_request(format!(
                    "{name} must be a string of Markdown, or an ADF document as a JSON object"
                )));
            }
        };
        Ok(Some(Change::Set(Self { document, markdown })))
    }

    /// Parses a text that must not be empty.
    pub(super) fn required(field: Field, name: &str) -> Result<Self> {
        let is_blank = match &field {
            Field::Absent | Field::Null => true,
            Field::Text(text) => text.trim().is_empty(),
            Field::Other(_) => false,
        };
        match Self::change(field, name)? {
            Some(Change::Set(text)) => Ok(text),
            _ if is_blank => Err(Error::bad_request(format!("Missing {name}"))),
            _ => Err(Error::bad_request(format!("{name} must contain visible text"))),
        }
    }

    /// Parses a text that may be left out; an empty one counts as left out.
    pub(super) fn optional(field: Field, name: &str) -> Result<Option<Self>> {
        match Self::change(field, name)? {
            None | Some(Change::Keep | Change::Clear) => Ok(None),
            Some(Change::Set(text)) => Ok(Some(text)),
        }
    }

    /// The text as an ADF document.
    pub(super) fn as_json(&self) -> &Value {
        self.document.as_json()
    }

    /// The source, if it was Markdown.
    pub(super) fn markdown(&self) -> Option<&str> {
        self.markdown.as_deref()
    }
}

impl From<Document> for RichText {
    fn from(document: Document) -> Self {
        Self { document, markdown: None }
    }
}

impl From<RichText> for Document {
    fn from(text: RichText) -> Self {
        text.document
    }
}

/// The text as an ADF document.
impl From<RichText> for Value {
    fn from(text: RichText) -> Self {
        text.document.into()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_required_text_has_something_to_read() {
        let empty = json!({ "type": "doc", "version": 1, "content": [] });
        for (field, said) in [
            (Field::Absent, "Missing body"),
            (Field::Null, "Missing body"),
            (Field::Text(" \n".to_owned()), "Missing body"),
            (Field::Text("<!-- -->".to_owned()), "visible"),
            (Field::Other(empty), "visible"),
            (Field::Other(json!(7)), "body must be a string of Markdown"),
            (Field::Text("a".repeat(32_768)), "body is 32768 characters long"),
        ] {
            let refusal = RichText::required(field.clone(), "body").err();
            let refusal = refusal.map(|error| error.message().to_owned()).unwrap_or_default();
            assert!(refusal.contains(said), "{field:?}: {refusal}");
        }
        let text = RichText::required(Field::Text("**a**".to_owned()), "body").unwrap();
        assert_eq!(text.markdown(), Some("**a**"));
        assert_eq!(Value::from(text)["type"], "doc");
    }

    #[test]
    fn an_optional_text_may_be_empty() {
        for field in [Field::Absent, Field::Null, Field::Text("  ".to_owned())] {
            assert!(RichText::optional(field, "comment").unwrap().is_none());
        }
        assert!(RichText::optional(Field::Text("a".to_owned()), "comment").unwrap().is_some());
    }
}
