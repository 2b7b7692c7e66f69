//! Values of custom fields, made readable.
//!
//! Jira's apps and its custom fields send objects of many kinds, described nowhere in one place
//! (<https://developer.atlassian.com/cloud/jira/platform/rest/v3/intro/>). What people see of them is a text.

use serde_json::Value;

use crate::adf::to_markdown;

/// The value as a person would read it:
///
/// - texts, numbers and truth values as they are; lists element by element;
/// - rich text as Markdown;
/// - an option by its value, a cascading one as `Parent > Child`;
/// - a user by the display name; a group, sprint, version, team and whatever else has a name by its name;
/// - an object with none of these as it is.
pub(super) fn readable(value: &Value) -> Value {
    match value {
        Value::Array(values) => values.iter().map(readable).collect(),
        Value::Object(fields) => {
            if fields.get("type").is_some_and(|kind| kind == "doc") && fields.contains_key("content") {
                return to_markdown(value).into();
            }
            if let Some(option) = fields.get("value").filter(|option| !option.is_object()) {
                return match fields.get("child").and_then(|child| child["value"].as_str()) {
                    Some(child) => format!("{} > {child}", option.as_str().unwrap_or_default()).into(),
                    None => option.clone(),
                };
            }
            let name = ["displayName", "name", "title"].iter().find_map(|name| fields.get(*name));
            name.filter(|name| name.is_string()).unwrap_or(value).clone()
        }
        plain => plain.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn people_read_texts() {
        let document = json!({ "type": "doc", "version": 1, "content": [
            { "type": "paragraph", "content": [{ "type": "text", "text": "a", "marks": [{ "type": "strong" }] }] },
        ] });
        for (jira, ours) in [
            (json!("High"), json!("High")),
            (json!(3.5), json!(3.5)),
            (json!(true), json!(true)),
            (document, json!("**a**")),
            (json!({ "id": "1", "value": "Security", "self": "https://x" }), json!("Security")),
            (json!({ "value": "Hull", "child": { "value": "Keel" } }), json!("Hull > Keel")),
            (json!({ "accountId": "1", "displayName": "Sam" }), json!("Sam")),
            (
                json!([{ "id": 1, "name": "Sprint 1" }, { "name": "Sprint 2" }]),
                json!(["Sprint 1", "Sprint 2"]),
            ),
            (json!([]), json!([])),
            (json!({ "errorMessage": "x", "links": {} }), json!({ "errorMessage": "x", "links": {} })),
            (json!({ "name": { "a": 1 } }), json!({ "name": { "a": 1 } })),
        ] {
            assert_eq!(readable(&jira), ours);
        }
    }
}
