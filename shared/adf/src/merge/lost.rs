//! Counts what an edit removes that Markdown cannot express.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use crate::read_inline::kind;

/// Nodes and marks that Markdown can express, which are not counted.
const SAID: [&str; 30] = [
    "doc",
    "paragraph",
    "text",
    "heading",
    "hardBreak",
    "rule",
    "blockquote",
    "panel",
    "bulletList",
    "orderedList",
    "listItem",
    "taskList",
    "taskItem",
    "decisionList",
    "decisionItem",
    "codeBlock",
    "table",
    "tableRow",
    "tableCell",
    "tableHeader",
    "mention",
    "date",
    "status",
    "inlineCard",
    "blockCard",
    "embedCard",
    "strong",
    "em",
    "strike",
    "link",
];

/// How many nodes or marks of one kind (`media`, `textColor`) an edit removed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Lost {
    /// The kind's name in ADF.
    pub kind: String,
    /// How many were removed.
    pub count: usize,
}

/// Returns what one document has and the other has not, intentionally or not, if Markdown cannot express it.
pub(crate) fn lost(before: &Value, after: &Value) -> Vec<Lost> {
    let after = count(after);
    let missing = count(before).into_iter().filter_map(|(kind, count)| {
        let missing = count.saturating_sub(after.get(&kind).copied().unwrap_or_default());
        (missing > 0).then_some(Lost { kind, count: missing })
    });
    missing.collect()
}

fn count(document: &Value) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    let mut left = vec![document];
    while let Some(node) = left.pop() {
        let children =
            |name: &str| node.get(name).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        left.extend(children("content"));
        let marks = children("marks").iter().map(kind).filter(|mark| *mark != "code");
        let spans = ["colspan", "rowspan"].into_iter().filter(|name| {
            node.get("attrs")
                .and_then(|attrs| attrs.get(name))
                .and_then(Value::as_f64)
                .is_some_and(|span| span > 1.0)
        });
        let unsaid =
            std::iter::once(kind(node)).chain(marks).filter(|kind| !kind.is_empty() && !SAID.contains(kind));
        for kind in unsaid.chain(spans) {
            *counts.entry(kind.to_owned()).or_insert(0) += 1;
        }
    }
    counts
}
