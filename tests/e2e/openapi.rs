//! Parses the requests that `openapi.yaml` documents.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result};
use juncture_tests::openapi::{at, resolved};
use juncture_tests::repository;
use reqwest::Method;
use saphyr::{LoadableYamlNode as _, Yaml};

/// An operation of the JSON API.
pub(crate) struct Operation {
    pub(crate) method: Method,
    pub(crate) path: String,
    /// The query parameters, and whether each is required.
    pub(crate) query: BTreeMap<String, bool>,
    /// The JSON body, if the operation takes one.
    pub(crate) body: Option<Body>,
}

/// A JSON body.
pub(crate) struct Body {
    /// Its fields, and the JSON types that each may have.
    pub(crate) fields: BTreeMap<String, BTreeSet<String>>,
    /// The required fields; `None` if that depends on other fields.
    pub(crate) required: Option<BTreeSet<String>>,
    /// The strings in the document's example.
    pub(crate) example: BTreeMap<String, String>,
}

fn text(node: &Yaml<'_>, key: &str) -> Option<String> {
    at(node, &[key])?.as_str().map(str::to_owned)
}

fn texts(node: &Yaml<'_>) -> impl Iterator<Item = String> {
    node.as_sequence().into_iter().flatten().filter_map(Yaml::as_str).map(str::to_owned)
}

fn types(document: &Yaml<'_>, schema: &Yaml<'_>) -> Result<BTreeSet<String>> {
    let schema = resolved(document, schema)?;
    let mut types = BTreeSet::from_iter(text(schema, "type"));
    types.extend(at(schema, &["type"]).into_iter().flat_map(texts));
    for several in ["anyOf", "oneOf"] {
        for schema in at(schema, &[several]).and_then(|node| node.as_sequence()).into_iter().flatten() {
            types.extend(self::types(document, schema)?);
        }
    }
    Ok(types)
}

fn body(document: &Yaml<'_>, operation: &Yaml<'_>) -> Result<Option<Body>> {
    let Some(body) = at(operation, &["requestBody"]) else { return Ok(None) };
    let content = at(resolved(document, body)?, &["content", "application/json"]);
    let Some((content, schema)) = content.and_then(|content| Some((content, at(content, &["schema"])?)))
    else {
        return Ok(None);
    };
    let properties = at(schema, &["properties"]).and_then(Yaml::as_mapping).context("no properties")?;
    let mut fields = BTreeMap::new();
    for (name, schema) in properties {
        fields.insert(name.as_str().context("no name")?.to_owned(), types(document, schema)?);
    }
    let required = at(schema, &["required"]).map(|names| texts(names).collect());
    anyhow::ensure!(required.is_some() || at(schema, &["anyOf"]).is_some(), "what is required?");
    let example = at(content, &["example"]).and_then(Yaml::as_mapping).into_iter().flatten();
    let example =
        example.filter_map(|(name, value)| Some((name.as_str()?.to_owned(), value.as_str()?.to_owned())));
    Ok(Some(Body { fields, required, example: example.collect() }))
}

fn query(document: &Yaml<'_>, operation: &Yaml<'_>) -> Result<BTreeMap<String, bool>> {
    let mut query = BTreeMap::new();
    for parameter in at(operation, &["parameters"]).and_then(|node| node.as_sequence()).into_iter().flatten()
    {
        let parameter = resolved(document, parameter)?;
        if text(parameter, "in").as_deref() == Some("query") {
            let is_required = at(parameter, &["required"]).and_then(Yaml::as_bool).unwrap_or_default();
            query.insert(text(parameter, "name").context("no name")?, is_required);
        }
    }
    Ok(query)
}

/// A path with the examples of its parameters in their places.
fn with_examples(document: &Yaml<'_>, path: &str, item: &Yaml<'_>) -> Result<String> {
    let mut path = path.to_owned();
    for parameter in at(item, &["parameters"]).and_then(|node| node.as_sequence()).into_iter().flatten() {
        let parameter = resolved(document, parameter)?;
        if text(parameter, "in").as_deref() == Some("path") {
            let name = text(parameter, "name").context("no name")?;
            let example = text(parameter, "example").with_context(|| format!("{name} has no example"))?;
            path = path.replace(&format!("{{{name}}}"), &example);
        }
    }
    Ok(path)
}

/// The operations with JSON responses.
pub(crate) fn operations() -> Result<Vec<Operation>> {
    let text = std::fs::read_to_string(repository().join("openapi.yaml"))?;
    let documents = Yaml::load_from_str(&text)?;
    let document = documents.first().context("openapi.yaml is empty")?;
    let paths = at(document, &["paths"]).and_then(Yaml::as_mapping).context("no paths")?;
    let mut operations = Vec::new();
    for (path, item) in paths {
        let path = path.as_str().context("no path")?;
        let is_page = path.starts_with("/finalize-connection") || path.contains("authorization-callback");
        for (method, operation) in item.as_mapping().into_iter().flatten() {
            let method = method.as_str().context("no method")?.to_uppercase();
            if is_page || !["GET", "POST", "PUT", "DELETE"].contains(&method.as_str()) {
                continue;
            }
            operations.push(Operation {
                method: method.parse()?,
                path: with_examples(document, path, item)?,
                query: query(document, operation)?,
                body: body(document, operation)?,
            });
        }
    }
    Ok(operations)
}
