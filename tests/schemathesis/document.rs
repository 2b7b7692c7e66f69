//! The links and the writing operations of `openapi.yaml`, named as schemathesis names them.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result};
use juncture_tests::openapi::resolved;
use juncture_tests::repository;
use saphyr::{LoadableYamlNode as _, Yaml};

pub(crate) struct Document {
    /// `GET /from -> [200] Name -> POST /to`.
    pub(crate) links: BTreeSet<String>,
    /// The operations with a method other than GET: `POST /to`.
    pub(crate) writes: BTreeSet<String>,
}

pub(crate) fn read() -> Result<Document> {
    let text = std::fs::read_to_string(repository().join("openapi.yaml"))?;
    let documents = Yaml::load_from_str(&text)?;
    let document = documents.first().context("openapi.yaml is empty")?;
    let paths = document.as_mapping_get("paths").and_then(Yaml::as_mapping).context("no paths")?;
    let mut operations = Vec::new();
    let mut names = BTreeMap::new();
    for (path, item) in paths {
        for (method, operation) in item.as_mapping().context("no operations")? {
            let method = method.as_str().context("no method")?.to_uppercase();
            // What is beside the methods has no id: the parameters of all of them.
            if let Some(id) = operation.as_mapping_get("operationId").and_then(Yaml::as_str) {
                let name = format!("{method} {}", path.as_str().context("no path")?);
                names.insert(id, name.clone());
                operations.push((name, operation));
            }
        }
    }
    let writes = names.values().filter(|name| !name.starts_with("GET ")).cloned().collect();
    let mut links = BTreeSet::new();
    for (from, operation) in operations {
        let responses = operation.as_mapping_get("responses").and_then(Yaml::as_mapping);
        for (status, response) in responses.context("no responses")? {
            let status = status.as_str().context("a status is no string")?;
            let response = resolved(document, response)?;
            for (name, link) in
                response.as_mapping_get("links").and_then(Yaml::as_mapping).into_iter().flatten()
            {
                let name = name.as_str().context("no name")?;
                let to = link.as_mapping_get("operationId").and_then(Yaml::as_str).context("no target")?;
                let to =
                    names.get(to).with_context(|| format!("{name} leads to {to}, which does not exist"))?;
                links.insert(format!("{from} -> [{status}] {name} -> {to}"));
            }
        }
    }
    Ok(Document { links, writes })
}
