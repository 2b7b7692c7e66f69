//! Documents generated from the schema, so that every node and every mark occurs.

use serde_json::{Map, Value, json};

use super::schema::SCHEMA;

/// Generates a document. Each byte decides one choice; without bytes, the shallowest alternative is chosen.
pub(crate) fn document(choices: &[u8]) -> Value {
    Maker { choices: choices.iter(), words: 0 }.make(&SCHEMA, 0)
}

struct Maker<'a> {
    choices: std::slice::Iter<'a, u8>,
    words: usize,
}

impl Maker<'_> {
    fn choose(&mut self, among: usize) -> Option<usize> {
        self.choices.next().map(|&byte| usize::from(byte) % among.max(1))
    }

    fn make(&mut self, schema: &Value, depth: usize) -> Value {
        if let Some(name) = schema["$ref"].as_str() {
            let name = name.rsplit('/').next().expect("a name");
            return self.make(&SCHEMA["definitions"][name], depth);
        }
        if let Some(all) = schema["allOf"].as_array() {
            return self.make(&merged(all), depth);
        }
        if let Some(any) = schema["anyOf"].as_array() {
            let chosen = self.choose(any.len()).unwrap_or_else(|| shallowest(any));
            return self.make(&any[chosen], depth);
        }
        if let Some(values) = schema["enum"].as_array() {
            return values[self.choose(values.len()).unwrap_or(0)].clone();
        }
        match schema["type"].as_str() {
            Some("object") => self.object(schema, depth),
            Some("array") => self.array(schema, depth),
            Some("string") => self.string(schema),
            Some("number") => {
                let least = schema["minimum"].as_i64().unwrap_or(0);
                let most = schema["maximum"].as_i64().unwrap_or(least + 5);
                json!(least + self.choose((most - least + 1) as usize).unwrap_or(0) as i64)
            }
            Some("boolean") => json!(self.choose(2) == Some(1)),
            _ => json!({ "name": "data", "url": "https://example.com/data" }),
        }
    }

    fn object(&mut self, schema: &Value, depth: usize) -> Value {
        let required = schema["required"].as_array().cloned().unwrap_or_default();
        let mut object = Map::new();
        for (name, property) in schema["properties"].as_object().into_iter().flatten() {
            let wanted = required.contains(&json!(name))
                || name == "content" && depth < 12
                || self.choose(3).is_some_and(|choice| choice == 0);
            if wanted {
                object.insert(name.clone(), self.make(property, depth + 1));
            }
        }
        Value::Object(object)
    }

    fn array(&mut self, schema: &Value, depth: usize) -> Value {
        let least = schema["minItems"].as_u64().unwrap_or(0) as usize;
        let most = schema["maxItems"].as_u64().map_or(least + 4, |most| most as usize);
        let length = least + self.choose(most - least + 1).filter(|_| depth < 24).unwrap_or(0);
        let item = |maker: &mut Self, at: usize| match &schema["items"] {
            Value::Array(items) => items.get(at).map(|item| maker.make(item, depth + 1)),
            Value::Null => None,
            item => Some(maker.make(item, depth + 1)),
        };
        Value::Array((0..length).map_while(|at| item(self, at)).collect())
    }

    fn string(&mut self, schema: &Value) -> Value {
        if let Some(pattern) = schema["pattern"].as_str() {
            return json!(if pattern.contains("neutral") { "neutral" } else { "#a1b2c3" });
        }
        self.words += 1;
        let odd = ["", "", "", " ", "*", "_", "`", "|", "\n", "#", "- ", "1. ", "http://x.y/", "]", "<b>"];
        let around = |choice: Option<usize>| choice.map_or("", |choice| odd[choice]);
        let (before, after) = (around(self.choose(odd.len())), around(self.choose(odd.len())));
        json!(format!("{before}word{}end{after}", self.words))
    }
}

/// Returns the shallowest alternative, which contains no others.
fn shallowest(any: &[Value]) -> usize {
    let leaf = |schema: &Value| {
        schema["$ref"]
            .as_str()
            .is_some_and(|name| name.ends_with("rule_node") || name.contains("text_inline"))
    };
    let plain = |schema: &Value| schema["$ref"].as_str().is_some_and(|name| name.contains("paragraph"));
    any.iter().position(leaf).or_else(|| any.iter().position(plain)).unwrap_or(0)
}

/// Merges the parts of an `allOf`; later parts take precedence.
fn merged(all: &[Value]) -> Value {
    let mut result = Map::new();
    for part in all {
        let part = match part["$ref"].as_str() {
            Some(name) => &SCHEMA["definitions"][name.rsplit('/').next().expect("a name")],
            None => part,
        };
        let part = match part["allOf"].as_array() {
            Some(all) => merged(all),
            None => part.clone(),
        };
        // If a part forbids additional properties, later parts cannot add any.
        let closed = result.get("additionalProperties") == Some(&Value::Bool(false));
        for (key, mut value) in part.as_object().expect("an object").clone() {
            if closed
                && key == "properties"
                && let (Some(known), Value::Object(new)) = (result.get("properties"), &mut value)
            {
                new.retain(|name, _| known.get(name).is_some());
            }
            match (result.get_mut(&key), value) {
                (Some(Value::Object(old)), Value::Object(new)) => old.extend(new),
                (Some(Value::Array(old)), Value::Array(new)) => old.extend(new),
                (_, value) => {
                    result.insert(key, value);
                }
            }
        }
    }
    Value::Object(result)
}

/// Returns the texts of a document's text nodes.
pub(crate) fn texts(document: &Value) -> Vec<&str> {
    match document {
        Value::Array(nodes) => nodes.iter().flat_map(texts).collect(),
        Value::Object(node) if node.get("type") == Some(&json!("text")) => {
            node.get("text").and_then(Value::as_str).into_iter().collect()
        }
        Value::Object(node) => node.get("content").map(texts).unwrap_or_default(),
        _ => Vec::new(),
    }
}
