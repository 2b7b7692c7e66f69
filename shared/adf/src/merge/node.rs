//! Nodes of a document, as JSON: what is read of them and written into them.

use serde_json::{Value, json};

use crate::model::Inline;
use crate::read_inline;

pub(super) fn with_content(node: &Value, children: Vec<Value>) -> Value {
    let mut node = node.clone();
    node["content"] = children.into();
    node
}

/// Attributes that are none give way.
pub(super) fn set_attr(node: &mut Value, name: &str, value: Value) {
    match node.get_mut("attrs").and_then(Value::as_object_mut) {
        Some(attrs) => _ = attrs.insert(name.to_owned(), value),
        None => node["attrs"] = json!({ name: value }),
    }
}

/// The pieces of a node that stands in a line.
pub(super) fn inlines(node: &Value) -> Vec<Inline> {
    let mut line = Vec::new();
    read_inline::node(node, &mut line);
    line
}
