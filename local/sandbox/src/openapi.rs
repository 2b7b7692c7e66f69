//! Validates requests against Atlassian's own description of Jira's platform API, an `OpenAPI` file
//! (<https://developer.atlassian.com/cloud/jira/platform/swagger-v3.v3.json>), if it is available.

use std::collections::HashMap;
use std::env;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, Once, PoisonError};

use anyhow::Context;
use axum::http::Method;
use percent_encoding::percent_decode_str;
use serde_json::Value;
use url::form_urlencoded;

/// Finds the `OpenAPI` file to validate requests against: the one in `JIRA_OPENAPI`, or the one next to the
/// checkout. Prints one line if there is none.
pub fn openapi_file() -> Option<PathBuf> {
    static SKIPPED: Once = Once::new();
    let beside = || {
        let beside_checkout = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(3)?;
        Some(beside_checkout.join("shared/reference/jira-platform-openapi.json")).filter(|path| path.exists())
    };
    let found = env::var_os("JIRA_OPENAPI").map(PathBuf::from).or_else(beside);
    if found.is_none() {
        SKIPPED.call_once(|| {
            // Written to stderr directly, because the test harness hides the output of passing tests.
            let line = "requests are not checked against Jira's OpenAPI file: JIRA_OPENAPI names none";
            let _ = writeln!(std::io::stderr(), "{line}");
        });
    }
    found
}

/// A parsed `OpenAPI` file.
#[derive(Debug)]
pub(crate) struct Document(Value);

impl Document {
    /// Loads a file, once per process because it is large.
    pub(crate) fn load(path: &Path) -> anyhow::Result<Arc<Self>> {
        static LOADED: Mutex<Option<HashMap<PathBuf, Arc<Document>>>> = Mutex::new(None);
        let mut loaded = LOADED.lock().unwrap_or_else(PoisonError::into_inner);
        let loaded = loaded.get_or_insert_default();
        if let Some(document) = loaded.get(path) {
            return Ok(Arc::clone(document));
        }
        let text = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
        let value = serde_json::from_slice(&text);
        let value = value.with_context(|| format!("{} is not JSON", path.display()))?;
        let document = Arc::new(Self(value));
        loaded.insert(path.to_owned(), Arc::clone(&document));
        Ok(document)
    }

    fn resolve<'a>(&'a self, schema: &'a Value) -> &'a Value {
        let reference = schema["$ref"].as_str().and_then(|reference| reference.strip_prefix('#'));
        reference.and_then(|pointer| self.0.pointer(pointer)).unwrap_or(schema)
    }

    /// Finds the matching path template; literal segments take precedence over parameters.
    fn path(&self, path: &str) -> Option<(&str, &Value)> {
        let segments: Vec<_> = path.split('/').collect();
        let matches = |template: &str| {
            let parts: Vec<_> = template.split('/').collect();
            let matches = |(part, segment): (&&str, &&str)| part.starts_with('{') || part == segment;
            parts.len() == segments.len() && parts.iter().zip(&segments).all(matches)
        };
        let known = self.0["paths"].as_object()?.iter();
        let known = known.filter(|(template, _)| matches(template));
        let (template, item) = known.min_by_key(|(template, _)| template.matches('{').count())?;
        Some((template, item))
    }
}

/// Returns what is wrong with a request; empty for requests to other APIs.
pub(crate) fn check(
    document: &Document,
    method: &Method,
    path: &str,
    query: Option<&str>,
    body: &[u8],
) -> Vec<String> {
    if !path.starts_with("/rest/api/") {
        return Vec::new();
    }
    let Some((template, item)) = document.path(path) else {
        return vec![format!("OpenAPI: there is no path {path}")];
    };
    let operation = &item[method.as_str().to_lowercase()];
    if operation.is_null() {
        return vec![format!("OpenAPI: {template} has no {method}")];
    }
    let mut checker = Checker { document, problems: Vec::new() };
    let parameters: Vec<_> = [&item["parameters"], &operation["parameters"]]
        .into_iter()
        .filter_map(Value::as_array)
        .flatten()
        .map(|parameter| document.resolve(parameter))
        .collect();
    checker.path(template, path, &parameters);
    checker.query(query.unwrap_or_default(), &parameters);
    checker.body(operation, body);
    checker.problems
}

struct Checker<'a> {
    document: &'a Document,
    problems: Vec<String>,
}

impl Checker<'_> {
    fn report(&mut self, problem: String) {
        self.problems.push(format!("OpenAPI: {problem}"));
    }

    fn path(&mut self, template: &str, path: &str, parameters: &[&Value]) {
        for (part, segment) in template.split('/').zip(path.split('/')) {
            let Some(name) = part.strip_prefix('{').and_then(|part| part.strip_suffix('}')) else { continue };
            let known = parameters.iter().find(|parameter| parameter["name"] == name);
            let text = percent_decode_str(segment).decode_utf8_lossy().into_owned();
            if let Some(parameter) = known
                && !is_text_of(&parameter["schema"], &text)
            {
                self.report(format!("{text:?} is no {name}"));
            }
        }
    }

    fn query(&mut self, query: &str, parameters: &[&Value]) {
        let known: Vec<_> = parameters.iter().filter(|parameter| parameter["in"] == "query").collect();
        let mut given = Vec::new();
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            match known.iter().find(|parameter| parameter["name"] == *name) {
                None => self.report(format!("there is no query parameter {name:?}")),
                Some(parameter) => {
                    let schema = self.document.resolve(&parameter["schema"]);
                    let item = self.document.resolve(&schema["items"]);
                    let matches = if schema["type"] == "array" {
                        value.split(',').all(|value| is_text_of(item, value))
                    } else {
                        is_text_of(schema, &value)
                    };
                    if !matches {
                        self.report(format!("the query parameter {name:?} has the wrong type"));
                    }
                }
            }
            given.push(name);
        }
        for parameter in known.iter().filter(|parameter| parameter["required"] == true) {
            if !given.iter().any(|name| parameter["name"] == **name) {
                self.report(format!("the query parameter {} is missing", parameter["name"]));
            }
        }
    }

    fn body(&mut self, operation: &Value, body: &[u8]) {
        // The parts of a form are checked by the endpoint.
        if operation["requestBody"]["content"].get("multipart/form-data").is_some() {
            return;
        }
        let schema = &operation["requestBody"]["content"]["application/json"]["schema"];
        if schema.is_null() {
            if !body.is_empty() {
                self.report("there is no body".to_owned());
            }
            return;
        }
        match serde_json::from_slice(body) {
            Ok(body) => self.value("body", schema, &body),
            Err(_) => self.report("the body is not JSON".to_owned()),
        }
    }

    fn value(&mut self, at: &str, schema: &Value, value: &Value) {
        let schema = self.document.resolve(schema);
        for part in schema["allOf"].as_array().into_iter().flatten() {
            self.value(at, part, value);
        }
        let matches = match schema["type"].as_str() {
            Some("object") => value.is_object(),
            Some("array") => value.is_array(),
            Some("string") => value.is_string(),
            Some("integer") => value.is_i64() || value.is_u64(),
            Some("number") => value.is_number(),
            Some("boolean") => value.is_boolean(),
            _ => true,
        };
        if !matches {
            return self.report(format!("{at} is not of type {}", schema["type"]));
        }
        if let Some(allowed) = schema["enum"].as_array()
            && !allowed.contains(value)
        {
            self.report(format!("{at} is none of the allowed values"));
        }
        for item in value.as_array().into_iter().flatten() {
            self.value(&format!("an item of {at}"), &schema["items"], item);
        }
        if let Some(members) = value.as_object() {
            self.members(at, schema, members);
        }
    }

    fn members(&mut self, at: &str, schema: &Value, members: &serde_json::Map<String, Value>) {
        let more = &schema["additionalProperties"];
        for (name, value) in members {
            match (schema["properties"].get(name), more) {
                (Some(property), _) => self.value(&format!("{at}.{name}"), property, value),
                (None, Value::Bool(false)) => self.report(format!("{at} has no {name:?}")),
                (None, Value::Object(_)) => self.value(&format!("{at}.{name}"), more, value),
                (None, _) => {}
            }
        }
        for name in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            if !members.contains_key(name) {
                self.report(format!("{at} lacks {name:?}"));
            }
        }
    }
}

/// Whether a text from a URL is a valid value of a simple type.
fn is_text_of(schema: &Value, text: &str) -> bool {
    let listed = |allowed: &Vec<Value>| allowed.iter().any(|value| value == text);
    schema["enum"].as_array().is_none_or(listed)
        && match schema["type"].as_str() {
            Some("integer") => text.parse::<i64>().is_ok(),
            Some("number") => text.parse::<f64>().is_ok(),
            Some("boolean") => text.parse::<bool>().is_ok(),
            _ => true,
        }
}
