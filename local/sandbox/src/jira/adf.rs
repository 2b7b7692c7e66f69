//! Validates Atlassian documents: their structure, and the required attributes. See
//! <https://developer.atlassian.com/cloud/jira/platform/apis/document/structure/>.

use serde_json::Value;

const INLINE: &str =
    "text hardBreak mention emoji date status inlineCard mediaInline placeholder inlineExtension";

const TOP: &str = "paragraph heading bulletList orderedList taskList decisionList codeBlock blockquote panel rule table \
    expand mediaSingle mediaGroup blockCard embedCard extension bodiedExtension layoutSection";

const IN_EXPAND: &str = "paragraph heading bulletList orderedList taskList decisionList codeBlock blockquote panel rule table \
    nestedExpand mediaSingle mediaGroup blockCard embedCard extension";

const IN_CELL: &str = "paragraph heading bulletList orderedList taskList decisionList codeBlock blockquote panel rule \
    nestedExpand mediaSingle mediaGroup blockCard embedCard extension";

const IN_PANEL: &str = "paragraph heading bulletList orderedList codeBlock taskList decisionList rule mediaSingle mediaGroup \
    blockCard extension";

const IN_LIST: &str = "paragraph bulletList orderedList taskList codeBlock mediaSingle extension";

const IN_QUOTE: &str = "paragraph bulletList orderedList codeBlock mediaSingle mediaGroup extension";

/// What a type of node may contain.
struct Content {
    /// Names of node types, separated by spaces.
    kinds: &'static str,
    /// Whether it may be empty.
    optional: bool,
}

/// Whether a space-separated list of names contains this one.
fn names(list: &str, kind: &str) -> bool {
    list.split_whitespace().any(|name| name == kind)
}

fn content(kind: &str) -> Option<Content> {
    let (kinds, optional) = match kind {
        "doc" => (TOP, true),
        "paragraph" | "heading" | "taskItem" | "decisionItem" | "caption" => (INLINE, true),
        "codeBlock" => ("text", true),
        "bulletList" | "orderedList" => ("listItem", false),
        "listItem" => (IN_LIST, false),
        "taskList" => ("taskItem taskList blockTaskItem", false),
        "decisionList" => ("decisionItem", false),
        "blockquote" => (IN_QUOTE, false),
        "panel" => (IN_PANEL, false),
        "expand" | "nestedExpand" => (IN_EXPAND, false),
        "table" => ("tableRow", false),
        "tableRow" => ("tableHeader tableCell", true),
        "tableHeader" | "tableCell" => (IN_CELL, false),
        "mediaSingle" => ("media caption", false),
        "mediaGroup" => ("media", false),
        "layoutSection" => ("layoutColumn", false),
        "layoutColumn" | "bodiedExtension" | "blockTaskItem" => (TOP, false),
        "rule" | "media" | "blockCard" | "embedCard" | "extension" => ("", true),
        _ if names(INLINE, kind) => ("", true),
        _ => return None,
    };
    Some(Content { kinds, optional })
}

/// Required attributes of a type of node.
fn required(kind: &str) -> &'static [&'static str] {
    match kind {
        "heading" => &["level"],
        "panel" => &["panelType"],
        "taskList" | "decisionList" => &["localId"],
        "taskItem" | "decisionItem" => &["localId", "state"],
        "mention" => &["id"],
        "emoji" => &["shortName"],
        "date" => &["timestamp"],
        "status" => &["text", "color"],
        "mediaInline" => &["id", "collection"],
        "media" => &["type"],
        "placeholder" => &["text"],
        _ => &[],
    }
}

/// Validates a document. Returns its length in characters, or what is wrong with it.
pub(super) fn check(document: &Value) -> Result<usize, String> {
    if document["type"] != "doc" || document["version"] != 1 {
        return Err("the root must be a doc of version 1".to_owned());
    }
    if document["content"].as_array().is_none() {
        return Err("the root has no content".to_owned());
    }
    node(document, "doc")
}

fn node(value: &Value, at: &str) -> Result<usize, String> {
    let members = value.as_object().ok_or_else(|| format!("{at}: a node must be an object"))?;
    let kind = value["type"].as_str().unwrap_or_default();
    let at = format!("{at} > {kind}");
    let allowed = content(kind).ok_or_else(|| format!("{at}: unknown type"))?;
    let known = |name: &String| match name.as_str() {
        "type" | "attrs" | "content" | "marks" => true,
        "version" => kind == "doc",
        "text" => kind == "text",
        _ => false,
    };
    if let Some(name) = members.keys().find(|name| !known(name)) {
        return Err(format!("{at}: unknown member {name:?}"));
    }
    attributes(value, kind, &at)?;
    marks(value, &at)?;

    let children = match &value["content"] {
        Value::Null if !members.contains_key("content") => &[][..],
        Value::Array(children) => children,
        _ => return Err(format!("{at}: content must be a list")),
    };
    if children.is_empty() && !allowed.optional {
        return Err(format!("{at}: must not be empty"));
    }
    let mut length = 0;
    if kind == "text" {
        let text = value["text"].as_str().filter(|text| !text.is_empty());
        length += text.ok_or_else(|| format!("{at}: must have a text that is not empty"))?.chars().count();
    }
    for child in children {
        if !names(allowed.kinds, child["type"].as_str().unwrap_or_default()) {
            return Err(format!("{at}: must not contain {}", child["type"]));
        }
        if kind == "codeBlock" && child.get("marks").is_some_and(|marks| *marks != Value::Array(Vec::new())) {
            return Err(format!("{at}: its text has no marks"));
        }
        length += node(child, &at)?;
    }
    // A block counts as ending in a line break.
    Ok(length + usize::from(!names(INLINE, kind)))
}

fn attributes(value: &Value, kind: &str, at: &str) -> Result<(), String> {
    let attrs = &value["attrs"];
    let missing = required(kind).iter().find(|name| attrs.get(**name).is_none());
    if let Some(name) = missing {
        return Err(format!("{at}: lacks the attribute {name:?}"));
    }
    if let Some((name, _)) =
        attrs.as_object().and_then(|attrs| attrs.iter().find(|(_, value)| value.is_null()))
    {
        return Err(format!("{at}: the attribute {name:?} is null"));
    }
    let is_valid = match kind {
        "heading" => attrs["level"].as_u64().is_some_and(|level| (1..=6).contains(&level)),
        "orderedList" => attrs.get("order").is_none_or(Value::is_u64),
        "codeBlock" => attrs.get("language").is_none_or(Value::is_string),
        "date" => attrs["timestamp"].is_string(),
        "mention" => attrs["id"].is_string(),
        "panel" => ["info", "note", "tip", "warning", "error", "success", "custom"]
            .iter()
            .any(|kind| attrs["panelType"] == *kind),
        "taskItem" => attrs["state"] == "TODO" || attrs["state"] == "DONE",
        "media" if attrs["type"] == "external" => attrs["url"].is_string(),
        "media" => attrs["id"].is_string() && attrs["collection"].is_string(),
        "inlineCard" | "blockCard" => attrs["url"].is_string() || attrs.get("data").is_some(),
        _ => true,
    };
    if is_valid { Ok(()) } else { Err(format!("{at}: an attribute has a wrong value")) }
}

fn marks(value: &Value, at: &str) -> Result<(), String> {
    const MARKS: [&str; 14] = [
        "strong",
        "em",
        "strike",
        "underline",
        "code",
        "link",
        "subsup",
        "textColor",
        "backgroundColor",
        "annotation",
        "border",
        "alignment",
        "indentation",
        "breakout",
    ];
    let marks = match value.get("marks") {
        None => return Ok(()),
        Some(marks) => marks.as_array().ok_or_else(|| format!("{at}: marks must be a list"))?,
    };
    let names: Vec<_> = marks.iter().map(|mark| mark["type"].as_str().unwrap_or_default()).collect();
    if let Some(name) = names.iter().find(|name| !MARKS.contains(name)) {
        return Err(format!("{at}: unknown mark {name:?}"));
    }
    if names.contains(&"code") && names.iter().any(|name| !["code", "link", "annotation"].contains(name)) {
        return Err(format!("{at}: code goes with link and annotation only"));
    }
    let complete = |mark: &Value| match mark["type"].as_str() {
        Some("link") => mark["attrs"]["href"].is_string(),
        Some("subsup") => mark["attrs"]["type"] == "sub" || mark["attrs"]["type"] == "sup",
        Some("textColor" | "backgroundColor") => mark["attrs"]["color"].is_string(),
        _ => true,
    };
    let null =
        |mark: &Value| mark["attrs"].as_object().is_some_and(|attrs| attrs.values().any(Value::is_null));
    if marks.iter().all(|mark| complete(mark) && !null(mark)) {
        Ok(())
    } else {
        Err(format!("{at}: a mark has a wrong attribute"))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::check;
    use crate::world::World;
    use crate::world::settings::Settings;

    fn document(content: Value) -> Value {
        json!({ "type": "doc", "version": 1, "content": content })
    }

    fn text(text: &str) -> Value {
        json!({ "type": "text", "text": text })
    }

    fn block(kind: &str, content: Value) -> Value {
        json!({ "type": kind, "content": content })
    }

    #[test]
    fn characters_are_counted() {
        assert_eq!(check(&document(json!([]))), Ok(1));
        assert_eq!(check(&document(json!([block("paragraph", json!([text("Möwe")]))]))), Ok(6));
    }

    #[test]
    fn forbidden_structures_are_found() {
        let p = || block("paragraph", json!([text("x")]));
        let faulty = [
            text("x"),
            p(),
            json!({ "type": "doc", "content": [] }),
            json!({ "type": "doc", "version": 1 }),
            json!({ "type": "doc", "version": 1, "content": [], "extra": 1 }),
            document(json!([text("x")])),
            document(json!([block("paragraph", json!([text("")]))])),
            document(json!([block("bulletList", json!([]))])),
            document(json!([block("bulletList", json!([p()]))])),
            document(json!([block("blockquote", json!([block("blockquote", json!([p()]))]))])),
            document(json!([{ "type": "heading", "content": [text("x")] }])),
            document(json!([{ "type": "heading", "attrs": { "level": 7 }, "content": [text("x")] }])),
            document(json!([{ "type": "codeBlock", "attrs": { "language": null }, "content": [text("x")] }])),
            document(json!([block(
                "paragraph",
                json!([{
                    "type": "text", "text": "x", "marks": [{ "type": "code" }, { "type": "strong" }],
                }])
            )])),
            document(json!([block(
                "paragraph",
                json!([{
                    "type": "text", "text": "x", "marks": [{ "type": "link", "attrs": { "href": "u", "title": null } }],
                }])
            )])),
            document(json!([block(
                "table",
                json!([block("tableRow", json!([block("tableCell", json!([]))]))])
            )])),
            document(json!([{ "type": "unheard", "content": [] }])),
        ];
        for value in faulty {
            assert!(check(&value).is_err(), "{value}");
        }
    }

    #[test]
    fn every_description_at_start_is_a_document() {
        let world = World::new(Settings::default());
        let trackers = world.trackers.values().map(|tracker| tracker.read().unwrap());
        let mut found = 0;
        for tracker in trackers {
            for text in tracker.issues.values().filter_map(|issue| issue.description.as_ref()) {
                check(&serde_json::from_str(text).unwrap()).unwrap();
                found += 1;
            }
        }
        assert!(found > 100);
    }
}
