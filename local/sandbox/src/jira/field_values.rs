//! Values of fields: why they are refused, and how those that several kinds of fields have are read.

use serde_json::Value;

use super::adf;

/// Maximum length of a document, in characters.
pub(super) const MAX_TEXT: usize = 32_767;

/// Why a field is refused.
pub(super) struct FieldError {
    pub(super) text: String,
    /// Whether it is a mistake of the app rather than an invalid value.
    pub(super) misuse: bool,
    /// Whether Jira's error omits the field's name.
    pub(super) general: bool,
}

impl FieldError {
    pub(super) fn value(text: impl Into<String>) -> Self {
        Self { text: text.into(), misuse: false, general: false }
    }

    pub(super) fn misuse(text: impl Into<String>) -> Self {
        Self { misuse: true, ..Self::value(text) }
    }
}

pub(super) fn not_on_screen(id: &str) -> FieldError {
    FieldError::misuse(format!(
        "Field '{id}' cannot be set. It is not on the appropriate screen, or unknown."
    ))
}

/// Validates rich text.
pub(super) fn check_document(value: &Value) -> Result<(), FieldError> {
    if !value.is_object() {
        let text = "Operation value must be an Atlassian Document (see the Atlassian Document Format)";
        return Err(FieldError::misuse(text));
    }
    match adf::check(value) {
        Err(defect) => Err(FieldError { general: true, ..FieldError::misuse(defect) }),
        Ok(length) if length > MAX_TEXT => {
            let text = "The entered text is too long. It exceeds the allowed limit of 32,767 characters.";
            Err(FieldError::value(text))
        }
        Ok(_) => Ok(()),
    }
}

/// The first of `names` that the object contains, and its text.
pub(super) fn reference<'a>(
    value: &'a Value,
    names: &[&'static str],
) -> Result<(&'static str, &'a str), FieldError> {
    if !value.is_object() {
        return Err(FieldError::misuse("data was not an object"));
    }
    let found = names.iter().find_map(|&name| Some((name, value.get(name)?)));
    let (name, value) = found.ok_or_else(|| FieldError::misuse(format!("expected one of {names:?}")))?;
    let text = value.as_str().ok_or_else(|| FieldError::misuse(format!("'{name}' must be a string")))?;
    Ok((name, text))
}

pub(super) fn label(value: &Value) -> Result<String, FieldError> {
    let label = value.as_str().ok_or_else(|| FieldError::misuse("string expected at index 0"))?;
    if label.is_empty() || label.contains(char::is_whitespace) {
        return Err(FieldError::value(format!("The label '{label}' contains spaces which is invalid.")));
    }
    Ok(label.to_owned())
}
