//! Finds nodes of `openapi.yaml`.

use anyhow::{Context, Result};
use saphyr::Yaml;

/// The node below the keys of `path`, if there is one.
pub fn at<'a>(node: &'a Yaml<'a>, path: &[&str]) -> Option<&'a Yaml<'a>> {
    path.iter().try_fold(node, |node, key| node.as_mapping_get(key))
}

/// The node, or the node that it references.
///
/// # Errors
/// If the reference leads nowhere.
pub fn resolved<'a>(document: &'a Yaml<'a>, node: &'a Yaml<'a>) -> Result<&'a Yaml<'a>> {
    let Some(reference) = at(node, &["$ref"]).and_then(Yaml::as_str) else { return Ok(node) };
    let path: Vec<&str> = reference.trim_start_matches("#/").split('/').collect();
    at(document, &path).with_context(|| format!("{reference} leads nowhere"))
}
