//! Properties that hold for every input from outside: one function per parser, each accepting any bytes.
//!
//! The tests replay `fuzz/corpus/`; `make fuzz` runs libFuzzer to find bytes that violate one
//! (`fuzz/fuzz_targets/`). The limits on memory and time are in `fuzz/src/lib.rs`.

#![allow(clippy::expect_used, reason = "a broken promise is to end the run, in a test as under the fuzzer")]

mod answers;
mod documents;
mod event;
mod jira;
mod proxy;
mod request;
#[path = "../../../shared/adf/tests/adf/schema.rs"]
mod schema;
#[path = "../../../shared/adf/tests/adf/documents.rs"]
mod schema_documents;
mod sealed;
mod settings;
mod support;
mod writes;

pub use answers::{atlassian_answer, jira_answer, jira_refusal, upstash_answer};
pub use documents::{adf_document, adf_json, markdown};
pub use event::event;
pub use proxy::proxy;
pub use request::{body, filters, form, form_values, headers, ids, issue_input, query};
pub use sealed::{code, connect_token, cursor, return_url, sealed};
pub use settings::{addresses, database_url, secret};
pub use writes::{duration, jql_search, relation, upload, write_input};

/// The name of a parser, and the function that checks it.
pub type Target = (&'static str, fn(&[u8]));

/// All parsers of input from outside.
pub const TARGETS: [Target; 30] = [
    ("addresses", addresses),
    ("adf_document", adf_document),
    ("adf_json", adf_json),
    ("atlassian_answer", atlassian_answer),
    ("body", body),
    ("code", code),
    ("connect_token", connect_token),
    ("cursor", cursor),
    ("database_url", database_url),
    ("duration", duration),
    ("event", event),
    ("filters", filters),
    ("form", form),
    ("form_values", form_values),
    ("headers", headers),
    ("ids", ids),
    ("issue_input", issue_input),
    ("jira_answer", jira_answer),
    ("jira_refusal", jira_refusal),
    ("jql_search", jql_search),
    ("markdown", markdown),
    ("proxy", proxy),
    ("query", query),
    ("relation", relation),
    ("return_url", return_url),
    ("sealed", sealed),
    ("secret", secret),
    ("upload", upload),
    ("upstash_answer", upstash_answer),
    ("write_input", write_input),
];
