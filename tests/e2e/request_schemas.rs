//! The functions require and accept the request fields and parameters that `openapi.yaml` documents.

use std::collections::BTreeSet;

use anyhow::{Context, Result};
use juncture_tests::{TestStack, run};
use serde_json::{Map, Value, json};

use crate::openapi::{Operation, operations};

/// Sends a request. Returns the error message, if any.
async fn refusal(
    stack: &TestStack,
    operation: &Operation,
    query: &[(&str, &str)],
    body: Option<&Map<String, Value>>,
) -> Result<Option<String>> {
    // The names and values in these tests need no encoding.
    let query: Vec<String> = query.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let path = format!("{}?{}", operation.path, query.join("&"));
    let request = stack.request(operation.method.clone(), &path).bearer_auth(stack.secret_key());
    let request = match body {
        Some(body) => request.json(body),
        None => request,
    };
    let answer = stack.send(request).await?;
    let said = answer.json(answer.status)["error"].as_str().map(str::to_owned);
    assert_eq!(said.is_none(), answer.status < 400, "{} {}", operation.method, operation.path);
    Ok(said)
}

fn names(said: &Option<String>, name: &str) -> bool {
    let words = said.iter().flat_map(|said| said.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_')));
    words.into_iter().any(|word| word == name)
}

fn says_missing(said: &Option<String>, name: &str) -> bool {
    said.as_deref().is_some_and(|said| said.starts_with("Missing ")) && names(said, name)
}

/// A body with a value for every field: the one from the document's example, or an arbitrary one of its type.
fn filled(operation: &Operation) -> Result<Map<String, Value>> {
    let body = operation.body.as_ref().context("a body")?;
    let value = |name: &String, types: &BTreeSet<String>| match body.example.get(name) {
        Some(text) => json!(text),
        None if name == "provider" => json!("jira"),
        None if types.contains("string") => json!("x"),
        None if types.contains("boolean") => json!(true),
        None => json!(1),
    };
    Ok(body.fields.iter().map(|(name, types)| (name.clone(), value(name, types))).collect())
}

#[test]
fn a_body_requires_exactly_the_documented_fields() {
    run(async {
        let stack = TestStack::shared().await?;
        let mut tried = 0;
        for operation in operations()? {
            let Some(required) = operation.body.as_ref().and_then(|body| body.required.clone()) else {
                continue;
            };
            let filled = filled(&operation)?;
            for name in filled.keys() {
                for blank in [None, Some(json!(null)), Some(json!(""))] {
                    let types = &operation.body.as_ref().context("a body")?.fields[name];
                    // A null is a value of its own in a field for which it is documented.
                    if blank == Some(json!(null)) && required.contains(name) && types.contains("null") {
                        continue;
                    }
                    let mut body = filled.clone();
                    body.remove(name);
                    body.extend(blank.map(|blank| (name.clone(), blank)));
                    let said = refusal(stack, &operation, &[], Some(&body)).await?;
                    let is_required = required.contains(name);
                    assert_eq!(
                        says_missing(&said, name),
                        is_required,
                        "{}: {body:?}: {said:?}",
                        operation.path
                    );
                    tried += 1;
                }
            }
        }
        assert!(tried > 60, "{tried}");
        Ok(())
    });
}

#[test]
fn a_field_of_the_wrong_type_is_named() {
    run(async {
        let stack = TestStack::shared().await?;
        let mut tried = 0;
        for operation in &operations()? {
            let Some(document) = &operation.body else { continue };
            let example = document.example.iter().map(|(name, value)| (name.clone(), json!(value)));
            let example: Map<String, Value> = example.collect();
            for (name, types) in &document.fields {
                let values = [
                    ("boolean", json!(true)),
                    ("integer", json!(7)),
                    ("string", json!("a b")),
                    ("array", json!([])),
                ];
                for (kind, value) in values {
                    if types.contains(kind) {
                        continue;
                    }
                    let mut body = example.clone();
                    body.insert(name.clone(), value);
                    let said = refusal(stack, operation, &[], Some(&body)).await?;
                    assert!(names(&said, name), "{}: {body:?}: {said:?}", operation.path);
                    tried += 1;
                }
            }
        }
        assert!(tried > 60, "{tried}");
        Ok(())
    });
}

#[test]
fn a_query_requires_exactly_the_documented_parameters() {
    run(async {
        let stack = TestStack::shared().await?;
        let mut tried = 0;
        // Operations that also accept a body require them in either place.
        for operation in operations()?.iter().filter(|operation| operation.body.is_none()) {
            for (name, is_required) in &operation.query {
                let others = operation.query.keys().filter(|other| *other != name);
                let mut query: Vec<(&str, &str)> = others.map(|other| (other.as_str(), "x")).collect();
                for blank in [None, Some("")] {
                    query.extend(blank.map(|blank| (name.as_str(), blank)));
                    let said = refusal(stack, operation, &query, None).await?;
                    assert_eq!(
                        says_missing(&said, name),
                        *is_required,
                        "{}: {query:?}: {said:?}",
                        operation.path
                    );
                    tried += 1;
                }
            }
        }
        assert!(tried > 60, "{tried}");
        Ok(())
    });
}
