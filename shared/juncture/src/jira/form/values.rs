//! The values for the fields of a form.

use adf::Document;
use serde_json::{Map, Value};

use super::super::rich_text::{Change, RichText};

/// The values for the fields of a form, converted to Jira's format.
#[derive(Debug, Clone, Default)]
pub(in crate::jira) struct FieldValues {
    /// By field id; cleared fields are null or empty lists.
    pub(in crate::jira) values: Map<String, Value>,
    /// Texts with formatting, which an edit merges into the stored ones.
    pub(in crate::jira) texts: Vec<(String, Change<RichText>)>,
}

impl FieldValues {
    /// Whether there is a value for a field.
    pub(in crate::jira) fn has(&self, id: &str) -> bool {
        self.values.contains_key(id) || self.texts.iter().any(|(known, _)| known == id)
    }

    /// The ids of the fields that are Markdown, and their text.
    pub(in crate::jira) fn markdown(&self) -> impl Iterator<Item = (&str, &str)> {
        self.texts.iter().filter_map(|(id, text)| match text {
            Change::Set(text) => Some((id.as_str(), text.markdown()?)),
            _ => None,
        })
    }

    /// Replaces the document of a text; `None` keeps the one in Jira.
    pub(in crate::jira) fn set_text(&mut self, id: &str, document: Option<Document>) {
        if let Some((_, text)) = self.texts.iter_mut().find(|(known, _)| known == id) {
            *text = document.map_or(Change::Keep, |document| Change::Set(document.into()));
        }
    }

    /// The values, in Jira's format.
    pub(in crate::jira) fn into_fields(self) -> Map<String, Value> {
        let texts = self.texts.into_iter();
        let texts = texts.filter_map(|(id, text)| Some((id, text.into_json(Value::from)?)));
        self.values.into_iter().chain(texts).collect()
    }
}
