//! What holds for every input from outside, one function per parser, each for any bytes.
//!
//! `make fuzz` has libFuzzer look for bytes that break one (`fuzz/`, built with `--cfg fuzzing`); the unit tests
//! replay what it found worth keeping (`fuzz/corpus/`). Neither is part of a build that is deployed.

#![allow(clippy::expect_used, reason = "a broken promise is to end the run, in a test as under the fuzzer")]

mod answers;
mod documents;
mod request;
#[path = "../../../adf/tests/adf/schema.rs"]
mod schema;
#[path = "../../../adf/tests/adf/documents.rs"]
mod schema_documents;
mod sealed;
mod settings;

use crate::error::Error;
pub use answers::{atlassian_answer, jira_answer, jira_refusal, upstash_answer};
use base::config::{FromSettings, Settings};
pub use documents::{adf_document, adf_json, markdown};
pub use request::{body, event, form, headers, ids, issue_input, query};
pub use sealed::{code, connect_token, cursor, return_url, sealed};
pub use settings::{addresses, database_url, secret};

/// A parser, by its name.
pub type Target = (&'static str, fn(&[u8]));

/// Every parser of outside input.
pub const TARGETS: [Target; 22] = [
    ("addresses", addresses),
    ("adf_document", adf_document),
    ("adf_json", adf_json),
    ("atlassian_answer", atlassian_answer),
    ("body", body),
    ("code", code),
    ("connect_token", connect_token),
    ("cursor", cursor),
    ("database_url", database_url),
    ("event", event),
    ("form", form),
    ("headers", headers),
    ("ids", ids),
    ("issue_input", issue_input),
    ("jira_answer", jira_answer),
    ("jira_refusal", jira_refusal),
    ("markdown", markdown),
    ("query", query),
    ("return_url", return_url),
    ("sealed", sealed),
    ("secret", secret),
    ("upstash_answer", upstash_answer),
];

/// Longer than any sentence that a caller reads.
const LONGEST_SENTENCE: usize = 300;

/// A refusal puts it down to the caller, and says in one line what to change.
fn check_refusal(error: &Error) {
    assert!(error.status().is_client_error(), "{error}");
    let sentence = error.message();
    assert!(sentence.len() > 8 && sentence.chars().count() <= LONGEST_SENTENCE, "{sentence:?}");
    assert!(!sentence.chars().any(char::is_control), "{sentence:?}");
}

/// A value, or nothing for a refusal that is as it must be.
fn accepted<T, E: Into<Error>>(outcome: Result<T, E>) -> Option<T> {
    outcome.map_err(Into::into).inspect_err(check_refusal).ok()
}

/// The concern, set up from these settings.
fn from_settings<T: FromSettings>(pairs: &[(&str, &str)]) -> T {
    let pairs = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    T::from_settings(&Settings::from_pairs(pairs)).unwrap_or_else(|error| panic!("{error}"))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::{Path, PathBuf};

    use super::TARGETS;

    fn corpus() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus")
    }

    fn names(folder: PathBuf) -> BTreeSet<String> {
        let entries = std::fs::read_dir(folder).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.collect()
    }

    #[test]
    fn every_parser_has_a_corpus() {
        let expected: BTreeSet<String> = TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect();
        assert_eq!(names(corpus()), expected);
    }

    #[test]
    fn what_was_found_before_holds() {
        for (name, target) in TARGETS {
            let folder = corpus().join(name);
            let mut count = 0;
            for file in names(folder.clone()) {
                // Shown if the test fails.
                println!("{name}/{file}");
                target(&std::fs::read(folder.join(file)).unwrap());
                count += 1;
            }
            assert!(count >= 3, "{name} has a corpus of {count}");
        }
    }
}
