//! Converts custom field values to a readable form.
//!
//! Jira and its apps use many kinds of objects as values, which are not documented in one place
//! (<https://developer.atlassian.com/cloud/jira/platform/rest/v3/intro/>). People see them as text.

use adf::to_markdown;
use serde_json::Value;

/// Returns the value as a person would read it:
///
/// - strings, numbers and booleans unchanged; lists element by element;
/// - rich text as Markdown;
/// - an option by its value, a cascading option as `Parent > Child`;
/// - a user by display name, or as Jira sends it, with the account id, if there is none;
/// - a group, sprint, version, team or anything else with a name by its name;
/// - any other object unchanged.
pub(super) fn readable(value: &Value) -> Value {
    match value {
        Value::Array(values) => values.iter().map(readable).collect(),
        Value::Object(fields) => {
            if fields.get("type").is_some_and(|kind| kind == "doc") && fields.contains_key("content") {
                return to_markdown(value).into();
            }
            if let Some(option) = fields.get("value").filter(|option| plain(option).is_some()) {
                return match fields.get("child").and_then(|child| plain(&child["value"])) {
                    Some(child) => format!("{} > {child}", plain(option).unwrap_or_default()).into(),
                    None => option.clone(),
                };
            }
            let names = ["displayName", "name", "title"].iter().filter_map(|name| fields.get(*name));
            names.into_iter().find(|name| name.is_string()).unwrap_or(value).clone()
        }
        plain => plain.clone(),
    }
}

/// Formats a string, number or boolean as text.
fn plain(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(_) | Value::Bool(_) => Some(value.to_string()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn custom_fields_become_readable() {
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
            // An unexpected value only affects itself.
            (json!([null, { "value": "Mast" }, 7]), json!([null, "Mast", 7])),
            (json!({ "value": 5, "child": { "value": "Keel" } }), json!("5 > Keel")),
            (json!({ "value": "Hull", "child": { "value": 5 } }), json!("Hull > 5")),
            (json!({ "value": "Hull", "child": null }), json!("Hull")),
            (json!({ "value": null, "name": "Mast" }), json!("Mast")),
            (json!({ "displayName": null, "name": "Sam" }), json!("Sam")),
            (
                json!({ "accountId": "5:a", "displayName": null }),
                json!({ "accountId": "5:a", "displayName": null }),
            ),
            (json!({ "errorMessage": "x", "links": {} }), json!({ "errorMessage": "x", "links": {} })),
            (json!({ "name": { "a": 1 } }), json!({ "name": { "a": 1 } })),
        ] {
            assert_eq!(readable(&jira), ours);
        }
    }
}
