//! The pages on security name files and tests. Each of them exists, so that a reader can go and look.

#![allow(clippy::unwrap_used, reason = "a helper that fails fails its test")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// What is held to its word.
const PAGES: [&str; 2] = ["docs/security.md", "docs/security-checklist.md"];

/// Where a file may be, in whose name the pages leave the first folders out.
const FOLDERS: [&str; 8] = [
    "",
    "shared/juncture/src",
    "shared/base/src",
    "shared/stores/src",
    "shared/runtime/src",
    "tests/e2e",
    "tests",
    "docs",
];

/// Where tests are.
const SOURCES: [&str; 9] = [
    "shared/stores/src",
    "shared/runtime/src",
    "shared/juncture/src",
    "shared/base/src",
    "shared/adf",
    "functions",
    "admin/src",
    "local/src",
    "tests",
];

#[test]
fn every_file_that_a_page_names_exists() {
    for page in PAGES {
        let text = read(page);
        let named: BTreeSet<&str> = quoted(&text).filter(|word| is_a_path(word)).collect();
        assert!(named.len() > 10, "{page} names hardly a file");
        for name in named {
            let exists = FOLDERS.iter().any(|folder| root().join(folder).join(name).exists());
            assert!(exists, "{page} names {name}, which does not exist");
        }
    }
}

#[test]
fn every_test_that_a_page_names_exists() {
    let tests = tests();
    assert!(tests.len() > 100, "hardly a test was found");
    for page in PAGES {
        let text = read(page);
        let named: BTreeSet<&str> =
            rows(&text).flat_map(|row| quoted(row[row.len() - 1])).filter(|word| is_a_test(word)).collect();
        assert!(named.len() > 10, "{page} names hardly a test");
        for name in named {
            assert!(tests.contains(name), "{page} names the test {name}, which does not exist");
        }
    }
}

#[test]
fn every_item_has_a_state_and_a_reason() {
    let text = read("docs/security-checklist.md");
    let mut tried = 0;
    for row in rows(&text).filter(|row| row[0].starts_with(|c: char| c.is_ascii_digit())) {
        let [item, state, place, reason] = row[..] else { panic!("four cells are asked of {row:?}") };
        match state {
            "yes" => assert!(!place.is_empty() && !reason.is_empty(), "where, and which test? {item}"),
            "accepted" => assert!(!reason.is_empty(), "why? {item}"),
            "n/a" => {}
            _ => panic!("{state} is no state: {item}"),
        }
        tried += 1;
    }
    assert!(tried > 100, "{tried} items");
}

/// The cells of every row of every table.
fn rows(text: &str) -> impl Iterator<Item = Vec<&str>> {
    let rows = text.lines().filter_map(|line| line.strip_prefix('|')?.strip_suffix('|'));
    rows.map(|row| row.split('|').map(str::trim).collect())
}

/// What stands between backticks.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

fn is_a_path(word: &str) -> bool {
    let is_plain = word.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '/' | '.' | '-' | '_'));
    let has_an_end =
        [".rs", ".py", ".md", ".yaml", ".toml", ".sh", ".js"].iter().any(|end| word.ends_with(end));
    // A route begins with a slash.
    is_plain && !word.starts_with('/') && (has_an_end || word.contains('/'))
}

/// Tests are named in sentences, and nothing else in these tables has so many words.
fn is_a_test(word: &str) -> bool {
    word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
        && word.split('_').count() > 2
}

/// The names of all tests.
fn tests() -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for file in SOURCES.iter().flat_map(|folder| files(&root().join(folder))) {
        let text = fs::read_to_string(&file).unwrap();
        for after in text.split("test]\n").skip(1) {
            let name = after.split_once("fn ").and_then(|(_, rest)| rest.split_once('('));
            names.extend(name.map(|(name, _)| name.to_owned()));
        }
    }
    names
}

/// Every file of Rust below a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries
        .flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] })
        .filter(|path| path.extension().is_some_and(|end| end == "rs"))
        .collect()
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap()
}
