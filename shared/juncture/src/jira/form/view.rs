//! Forms as the API shows them.

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::kind::Kind;
use super::value::name_of;
use super::{FormField, default_of, option_id};

/// A form: its fields, and the JSON Schema of `fields` in a request.
#[derive(Debug, Clone, Serialize)]
pub struct FormView {
    /// The fields, in Jira's order to create an issue, else by id.
    pub fields: Vec<FieldView>,
    /// The JSON Schema of an object with the values of these fields, by id.
    pub json_schema: Value,
}

/// A field of a form.
#[derive(Debug, Clone, Serialize)]
pub struct FieldView {
    /// `customfield_10031`.
    pub id: String,
    /// The name on the site, which need not be unique.
    pub name: String,
    /// The kind of its values: `text`, `choice` and so on.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// Whether Jira requires a value.
    pub required: bool,
    /// Whether people have to be asked for it: it is required, and has no value by itself. Never in an edit.
    pub must_ask: bool,
    /// The value that it has if none is sent, in a readable form.
    pub default_value: Option<Value>,
    /// The values to choose from; null if any value of its type is allowed, or if they have to be searched for.
    pub allowed_values: Option<Vec<AllowedValue>>,
    /// The endpoint that searches for values.
    pub searched_with: Option<&'static str>,
    /// What it takes, in words.
    pub takes: &'static str,
}

/// A value to choose from.
#[derive(Debug, Clone, Serialize)]
pub struct AllowedValue {
    /// The id, digits.
    pub id: Option<String>,
    /// The name on the site.
    pub name: Option<String>,
    /// The values below it, of a cascading field.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub children: Option<Vec<AllowedValue>>,
}

impl AllowedValue {
    fn of(value: &Value) -> Self {
        let children = value["children"].as_array();
        Self {
            id: option_id(value),
            name: name_of(value).map(str::to_owned),
            children: children.map(|children| children.iter().map(Self::of).collect()),
        }
    }
}

impl FormView {
    pub(super) fn of(fields: &[FormField]) -> Self {
        let sent = || fields.iter().filter(|field| field.is_in_fields());
        let schemas: Map<String, Value> = sent().map(|field| (field.id.clone(), schema(field))).collect();
        let required: Vec<&str> =
            sent().filter(|field| field.must_ask()).map(|field| field.id.as_str()).collect();
        Self {
            fields: fields.iter().map(FieldView::of).collect(),
            json_schema: json!({
                "$schema": "https://json-schema.org/draft/2020-12/schema",
                "type": "object",
                "properties": schemas,
                "required": required,
            }),
        }
    }
}

impl FieldView {
    fn of(field: &FormField) -> Self {
        let allowed = field.screen.allowed_values.as_deref();
        Self {
            id: field.id.clone(),
            name: field.name.clone(),
            kind: field.kind.name(),
            required: field.is_required(),
            must_ask: field.must_ask(),
            default_value: default_of(field),
            allowed_values: allowed.map(|values| values.iter().map(AllowedValue::of).collect()),
            searched_with: field.kind.searched_with(),
            takes: field.kind.takes(),
        }
    }
}

/// The JSON Schema of a field's values, with its name and the names of the allowed values.
fn schema(field: &FormField) -> Value {
    let mut schema = field.kind.json_schema();
    schema["title"] = field.name.clone().into();
    let names: Vec<&str> = field.screen.allowed_values.iter().flatten().filter_map(name_of).collect();
    if !names.is_empty() {
        match field.kind {
            Kind::Choice => schema["enum"] = names.into(),
            Kind::Choices => schema["items"]["enum"] = names.into(),
            Kind::Cascade => schema["enum"] = cascades(field).into(),
            _ => {}
        }
    }
    if field.may_be_null()
        && let Some(kind) = schema.get_mut("type")
    {
        *kind = match kind.take() {
            Value::Array(mut kinds) => {
                kinds.push("null".into());
                kinds.into()
            }
            kind => json!([kind, "null"]),
        };
        if let Some(values) = schema.get_mut("enum").and_then(Value::as_array_mut) {
            values.push(Value::Null);
        }
    }
    schema
}

/// The values of a cascading field: each option, and each option below it.
fn cascades(field: &FormField) -> Vec<String> {
    let mut names = Vec::new();
    for parent in field.screen.allowed_values.iter().flatten() {
        let Some(name) = name_of(parent) else { continue };
        names.push(name.to_owned());
        let children = parent["children"].as_array().into_iter().flatten();
        names.extend(children.filter_map(name_of).map(|child| format!("{name} > {child}")));
    }
    names
}
