//! Reads and writes the JSON of a document's nodes.

use serde_json::{Value, json};

use crate::model::Inline;
use crate::read_inline;

pub(super) fn with_content(node: &Value, children: Vec<Value>) -> Value {
    let mut node = node.clone();
    node["content"] = children.into();
    node
}

/// Sets an attribute. `attrs` that are not an object are replaced.
pub(super) fn set_attr(node: &mut Value, name: &str, value: Value) {
    match node.get_mut("attrs").and_then(Value::as_object_mut) {
        Some(attrs) => _ = attrs.insert(name.to_owned(), value),
        None => node["attrs"] = json!({ name: value }),
    }
}

/// Reads an inline node.
pub(super) fn inlines(node: &Value) -> Vec<Inline> {
    let mut line = Vec::new();
    read_inline::node(node, &mut line);
    line
}
