//! Replays `fuzz/corpus/` with stable Rust, and checks that every parser has a fuzz target.

#![allow(clippy::unwrap_used, reason = "a helper that fails fails its test")]

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use properties::TARGETS;

fn fuzz(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}

fn names(folder: &str) -> BTreeSet<String> {
    let entries = fs::read_dir(fuzz(folder)).unwrap();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

fn parsers() -> BTreeSet<String> {
    TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect()
}

#[test]
fn every_parser_has_a_corpus() {
    assert_eq!(names("corpus"), parsers());
}

#[test]
fn every_parser_has_a_fuzz_target() {
    let expected: BTreeSet<String> = parsers().iter().map(|name| format!("{name}.rs")).collect();
    assert_eq!(names("fuzz_targets"), expected);
    let manifest = fs::read_to_string(fuzz("Cargo.toml")).unwrap();
    for name in parsers() {
        let path = format!("fuzz_targets/{name}.rs");
        let binary = format!("[[bin]]\nname = \"{name}\"\npath = \"{path}\"\n");
        assert!(manifest.contains(&binary), "fuzz/Cargo.toml has no {name}");
        let target = fs::read_to_string(fuzz(&path)).unwrap();
        assert!(target.contains(&format!("(properties::{name}, data)")), "{path} fuzzes another parser");
    }
}

#[test]
fn what_was_found_before_holds() {
    for (name, parser) in TARGETS {
        let folder = format!("corpus/{name}");
        let files = names(&folder);
        assert!(files.len() >= 3, "{name} has a corpus of {}", files.len());
        for file in files {
            // Only visible if the test fails.
            println!("{name}/{file}");
            parser(&fs::read(fuzz(&folder).join(file)).unwrap());
        }
    }
}
