//! Documents that can be sent to Jira.

use serde::Serialize;
use serde_json::Value;

/// The maximum length of a rich text field in Jira, which rejects longer ones with `The entered text is too long. It
/// exceeds the allowed limit of 32,767 characters.`
pub const MAX_CHARACTERS: usize = 32_767;

/// The maximum nesting of a document's JSON, at about the limit of JSON parsers, including `serde_json`'s own.
const MAX_DEPTH: usize = 128;

/// A document in the [Atlassian Document Format](https://developer.atlassian.com/cloud/jira/platform/apis/document/structure/):
/// `{"type": "doc", "version": 1, "content": […]}`.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Document(Value);

/// Why a JSON value is not a document. The message says what to change.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Invalid {
    /// The value is not an object.
    #[error("an ADF document must be a JSON object")]
    NotAnObject,
    /// `type` is not `"doc"`.
    #[error("`type` of an ADF document must be \"doc\"")]
    Type,
    /// `version` is not `1`.
    #[error("`version` of an ADF document must be the number 1")]
    Version,
    /// `content` is not an array.
    #[error("`content` of an ADF document must be an array of nodes")]
    Content,
    /// An element of `content`, counted from 0, is not an object with a `type`.
    #[error("`content[{0}]` must be an ADF node: an object with a `type`")]
    Node(usize),
    /// A key that documents do not have.
    #[error("remove `{}`: an ADF document has only `type`, `version` and `content`", .0.chars().take(50).collect::<String>())]
    Key(String),
    /// The JSON is nested too deeply.
    #[error("nest the ADF document less: at most {MAX_DEPTH} levels of JSON")]
    Depth,
}

impl Document {
    pub(super) fn valid(value: Value) -> Self {
        Self(value)
    }

    /// Accepts a document written by a caller. Only its top level is validated; the content is left to Jira, which
    /// knows what its instance accepts.
    pub fn from_json(value: Value) -> Result<Self, Invalid> {
        match check(&value) {
            Ok(()) => Ok(Self(value)),
            Err(invalid) => {
                dismantle(value);
                Err(invalid)
            }
        }
    }

    /// Whether the document has no content, which Jira treats as an empty field.
    pub fn is_empty(&self) -> bool {
        self.0.get("content").and_then(Value::as_array).is_none_or(Vec::is_empty)
    }

    /// Returns the document as JSON.
    pub fn as_json(&self) -> &Value {
        &self.0
    }

    /// Returns the document as JSON.
    pub fn into_json(self) -> Value {
        self.0
    }
}

impl From<Document> for Value {
    fn from(document: Document) -> Self {
        document.into_json()
    }
}

fn check(value: &Value) -> Result<(), Invalid> {
    let root = value.as_object().ok_or(Invalid::NotAnObject)?;
    if root.get("type").and_then(Value::as_str) != Some("doc") {
        return Err(Invalid::Type);
    }
    if root.get("version").and_then(Value::as_f64) != Some(1.0) {
        return Err(Invalid::Version);
    }
    let content = root.get("content").and_then(Value::as_array).ok_or(Invalid::Content)?;
    if let Some(key) = root.keys().find(|key| !["type", "version", "content"].contains(&key.as_str())) {
        return Err(Invalid::Key(key.clone()));
    }
    let is_node = |node: &Value| node.get("type").is_some_and(Value::is_string);
    if let Some(at) = content.iter().position(|node| !is_node(node)) {
        return Err(Invalid::Node(at));
    }
    check_depth(value)
}

fn check_depth(value: &Value) -> Result<(), Invalid> {
    let mut left = vec![(value, 1)];
    while let Some((value, depth)) = left.pop() {
        if depth > MAX_DEPTH {
            return Err(Invalid::Depth);
        }
        match value {
            Value::Array(values) => left.extend(values.iter().map(|value| (value, depth + 1))),
            Value::Object(fields) => left.extend(fields.values().map(|value| (value, depth + 1))),
            _ => {}
        }
    }
    Ok(())
}

/// Drops a value without recursion, because deeply nested JSON would overflow the stack.
fn dismantle(value: Value) {
    let mut left = vec![value];
    while let Some(value) = left.pop() {
        match value {
            Value::Array(values) => left.extend(values),
            Value::Object(fields) => left.extend(fields.into_iter().map(|(_, value)| value)),
            _ => {}
        }
    }
}

/// Returns the length of a document's text in UTF-16 code units. If it exceeds [`MAX_CHARACTERS`], Jira rejects the
/// document.
///
/// Jira counts after an undocumented conversion to text with markup, so it may also reject a document with less text.
pub fn text_length(document: &Document) -> usize {
    let mut length = 0;
    let mut left = vec![&document.0];
    while let Some(node) = left.pop() {
        if let Some(text) = node.get("text").and_then(Value::as_str) {
            length += text.encode_utf16().count();
        }
        left.extend(node.get("content").and_then(Value::as_array).into_iter().flatten());
    }
    length
}
