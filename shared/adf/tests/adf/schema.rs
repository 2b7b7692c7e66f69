//! Atlassian's ADF schema, from the npm package `@atlaskit/adf-schema`.

use std::path::Path;
use std::sync::LazyLock;

use jsonschema::{Draft, Validator};
use serde_json::Value;

const FILE: &str = "tools/adf-schema/node_modules/@atlaskit/adf-schema/dist/json-schema/v1/full.json";

/// The schema as JSON.
pub(crate) static SCHEMA: LazyLock<Value> = LazyLock::new(|| {
    // Two crates compile this file; both are inside the repository.
    let folders = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors();
    let text = folders
        .filter_map(|folder| std::fs::read_to_string(folder.join(FILE)).ok())
        .next()
        .unwrap_or_else(|| panic!("no ADF schema in {FILE}; run `make setup-test`"));
    serde_json::from_str(&text).expect("the schema is JSON")
});

static VALIDATOR: LazyLock<Validator> = LazyLock::new(|| {
    jsonschema::options().with_draft(Draft::Draft4).build(&SCHEMA).expect("the schema is valid")
});

/// Whether a document is valid. Does not list the errors: the schema consists of nested alternatives, so that would
/// take time and memory exponential in the depth.
pub(crate) fn allows(document: &Value) -> bool {
    VALIDATOR.is_valid(document)
}

#[test]
fn the_schema_validates() {
    use serde_json::json;
    let text = |text: &str, marks: Value| json!({ "type": "text", "text": text, "marks": marks });
    let doc = |text: Value| json!({ "type": "doc", "version": 1, "content": [{ "type": "paragraph", "content": [text] }] });
    assert!(allows(&doc(text("a", json!([{ "type": "strong" }])))));
    assert!(!allows(&doc(text("", json!([])))));
    assert!(!allows(&doc(text("a", json!([{ "type": "code" }, { "type": "strong" }])))));
}
