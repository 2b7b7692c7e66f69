//! The docs name files, tests, Redis keys, settings and log fields. All of them must exist, and where a page lists all
//! of a kind, none may be missing.
//!
//! Only reads files.

#![allow(clippy::unwrap_used, reason = "a helper that fails fails its test")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// The pages on which every threat and every item names what guards against it, and a test that fails without it.
const SECURITY: &str = "docs/security.md";
const AUDIT: &str = "docs/audits/oauth-and-asvs.md";
const FINDINGS: &str = "docs/audits/fuzzing.md";

const ARCHITECTURE: &str = "docs/architecture.md";
const OPERATING: &str = "docs/operating.md";
const SETTINGS: &str = "docs/settings.md";

/// A changelog also names things that no longer exist.
const HISTORY: &str = "CHANGELOG.md";

/// Created by a command or by users, and not in the repository.
const MADE: [&str; 8] =
    [".local", ".env", ".aws-sam", "dist", "target", "fuzz/artifacts", "fuzz/corpus-grown", "fuzz/target"];

/// The extensions of our files.
const ENDS: [&str; 13] =
    [".rs", ".py", ".md", ".yaml", ".toml", ".sh", ".js", ".mjs", ".json", ".sql", ".html", ".css", ".svg"];

#[test]
fn every_file_that_a_page_names_exists() {
    let (files, folders) = (files(), folders());
    let is_there = |name: &str| {
        let below = format!("/{name}");
        files.iter().chain(&folders).any(|path| path == name || path.ends_with(&below))
    };
    let (mut tried, mut missing) = (0, BTreeSet::new());
    for page in pages() {
        let text = prose(&read(&page));
        for name in quoted(&text).filter(|word| is_a_path(word, &folders)) {
            tried += 1;
            if !is_there(name.trim_end_matches('/')) {
                missing.insert(format!("{page} names {name}"));
            }
        }
    }
    assert!(missing.is_empty(), "none of these exists: {missing:#?}");
    assert!(tried > 200, "{tried} files");
}

#[test]
fn guards_are_in_deployed_code() {
    let folders = folders();
    let is_deployed = |path: &&String| {
        !["tests/", "local/", "benches/", "fuzz/"].iter().any(|folder| path.starts_with(folder))
    };
    let (files, mut missing) = (files(), BTreeSet::new());
    for page in [SECURITY, AUDIT] {
        let text = read(page);
        for row in rows(&text).filter(|row| row.len() > 2) {
            for name in quoted(row[row.len() - 2]).filter(|word| is_a_path(word, &folders)) {
                let below = format!("/{}", name.trim_end_matches('/'));
                let mut deployed = files.iter().chain(&folders).filter(is_deployed);
                if !deployed.any(|path| path == name || path.ends_with(&below)) {
                    missing.insert(format!("{page} names {name}"));
                }
            }
        }
    }
    assert!(missing.is_empty(), "none of these exists outside of tests: {missing:#?}");
}

#[test]
fn every_link_within_the_repository_leads_somewhere() {
    let (mut tried, mut broken) = (0, Vec::new());
    for page in pages().into_iter().chain([HISTORY.to_owned()]) {
        // Skips links that a page quotes as code.
        let text: String = prose(&read(&page)).split('`').step_by(2).collect();
        for link in text.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(link, _)| link) {
            if link.contains("://") {
                continue;
            }
            let (path, anchor) = link.split_once('#').unwrap_or((link, ""));
            let target = match path {
                "" => page.clone(),
                path => resolved(&page, path),
            };
            let leads_there = match anchor {
                "" => root().join(&target).exists(),
                _ if !root().join(&target).is_file() => false,
                anchor => headings(&prose(&read(&target))).any(|heading| slug(heading) == anchor),
            };
            if !leads_there {
                broken.push(format!("{page} links to {link}"));
            }
            tried += 1;
        }
    }
    assert!(broken.is_empty(), "these lead nowhere: {broken:#?}");
    assert!(tried > 40, "{tried} links");
}

#[test]
fn every_test_that_a_page_names_exists() {
    let tests = tests();
    assert!(tests.len() > 100, "hardly a test was found");
    for page in [SECURITY, AUDIT, FINDINGS] {
        let text = read(page);
        let named: BTreeSet<&str> =
            rows(&text).flat_map(|row| quoted(row[row.len() - 1])).filter(|word| is_a_test(word)).collect();
        assert!(named.len() > 5, "{page} names hardly a test");
        let missing: Vec<&str> = named.into_iter().filter(|name| !tests.contains(*name)).collect();
        assert!(missing.is_empty(), "{page} names tests that do not exist: {missing:#?}");
    }
}

#[test]
fn every_item_has_a_state_and_a_reason() {
    let text = read(AUDIT);
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

#[test]
fn the_page_on_the_architecture_knows_every_redis_key() {
    let text = read(ARCHITECTURE);
    let told: BTreeSet<String> = rows(&text).flat_map(|row| kinds_of_keys(row[0], "`juncture:")).collect();
    let sources = sources();
    let used: BTreeSet<String> =
        sources.iter().flat_map(|(_, code)| kinds_of_keys(code, "\"juncture:")).collect();
    assert!(used.len() > 5, "{used:?}");
    assert_eq!(told, used, "{ARCHITECTURE} on the left, the sources on the right");
}

#[test]
fn the_page_on_the_architecture_knows_every_crate() {
    let text = read(ARCHITECTURE);
    let mut tried = 0;
    for file in files() {
        let Some(folder) = file.strip_suffix("/Cargo.toml").filter(|folder| folder.starts_with("shared/"))
        else {
            continue;
        };
        assert!(text.contains(&format!("`{folder}/`")), "{ARCHITECTURE} does not name {folder}/");
        assert!(root().join(folder).join("README.md").exists(), "{folder}/ has no README.md");
        tried += 1;
    }
    assert!(tried > 3, "{tried} crates");
}

#[test]
fn the_page_on_settings_knows_every_setting_and_parameter() {
    let (text, template) = (read(SETTINGS), read("template.yaml"));
    let is_a_setting = |word: &str| {
        word.contains('_') && word.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_')
    };
    let told: BTreeSet<&str> =
        rows(&text).flat_map(|row| quoted(row[0])).filter(|word| is_a_setting(word)).collect();
    let example = read(".env.example");
    let known: BTreeSet<&str> =
        example.lines().filter_map(|line| line.split_once('=')).map(|(name, _)| name).collect();
    let known: BTreeSet<&str> = known.into_iter().filter(|word| is_a_setting(word)).collect();
    assert!(known.len() > 20, "{known:?}");
    assert_eq!(told, known, "{SETTINGS} on the left, .env.example on the right");
    let parameters: BTreeSet<&str> =
        rows(&text).filter(|row| quoted(row[0]).any(is_a_setting)).flat_map(|row| quoted(row[1])).collect();
    for parameter in parameters {
        let declared = format!("\n  {parameter}:\n");
        assert!(
            template.contains(&declared),
            "{SETTINGS} names {parameter}, which template.yaml does not have"
        );
    }
}

#[test]
fn the_page_for_operators_knows_every_field_of_the_log() {
    let text = read(OPERATING);
    let told: BTreeSet<&str> = rows(&text).flat_map(|row| quoted(row[0])).collect();
    let mut used = BTreeMap::new();
    for (file, code) in sources() {
        for level in ["error", "warn", "info"] {
            for event in code.split(&format!("tracing::{level}!(")).skip(1).map(str::trim_start) {
                // Fields come before the message, which is the last argument.
                let fields = event.split_once(", \"").filter(|_| !event.starts_with('"'));
                for field in fields.into_iter().flat_map(|(fields, _)| fields.split(", ")) {
                    let name = field.split('=').next().unwrap_or_default();
                    used.insert(name.trim().trim_start_matches(['%', '?']).to_owned(), file.clone());
                }
            }
        }
        if file.ends_with("telemetry/completion.rs") {
            let entries = code.split("serialize_entry(\"").skip(1).filter_map(|entry| entry.split_once('"'));
            used.extend(entries.map(|(name, _)| (name.to_owned(), file.clone())));
        }
    }
    assert!(used.len() > 20, "{used:?}");
    used.retain(|field, _| !told.contains(field.as_str()));
    assert!(used.is_empty(), "{OPERATING} does not explain these, which are logged: {used:#?}");
}

#[test]
fn every_message_that_the_page_for_operators_quotes_is_logged() {
    let text = read(OPERATING);
    let is_a_message = |words: &&str| {
        words.split(' ').count() > 2 && words.bytes().all(|b| b.is_ascii_alphabetic() || b" ,;'".contains(&b))
    };
    let in_queries = text.split("message = \"").skip(1).filter_map(|rest| rest.split_once('"'));
    let in_prose = prose(&text);
    let told: BTreeSet<&str> =
        quoted(&in_prose).filter(is_a_message).chain(in_queries.map(|(message, _)| message)).collect();
    assert!(told.len() > 5, "{told:?}");
    let sources = sources();
    let is_logged = |message: &&&str| sources.iter().any(|(_, code)| code.contains(**message));
    let missing: Vec<&&str> = told.iter().filter(|message| !is_logged(message)).collect();
    assert!(missing.is_empty(), "{OPERATING} quotes what is not in the sources: {missing:#?}");
}

/// The parts after `mark` up to the next colon, which is how the names of keys look.
fn kinds_of_keys(text: &str, mark: &str) -> Vec<String> {
    let kinds = text.split(mark).skip(1).filter_map(|rest| rest.split_once(':')).map(|(kind, _)| kind);
    kinds.map(str::to_owned).collect()
}

/// The cells of every row of every table.
fn rows(text: &str) -> impl Iterator<Item = Vec<&str>> {
    let rows = text.lines().filter_map(|line| line.strip_prefix('|')?.strip_suffix('|'));
    rows.map(|row| row.split('|').map(str::trim).collect())
}

/// A page without its code blocks.
fn prose(text: &str) -> String {
    let mut is_code = false;
    let keep = |line: &&str| {
        let is_fence = line.trim_start().starts_with("```");
        is_code ^= is_fence;
        !is_code && !is_fence
    };
    text.lines().filter(keep).collect::<Vec<_>>().join("\n")
}

/// The text between backticks.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

fn headings(text: &str) -> impl Iterator<Item = &str> {
    text.lines().filter(|line| line.starts_with('#')).map(|line| line.trim_start_matches('#').trim())
}

/// The anchor that GitHub generates for a heading.
fn slug(heading: &str) -> String {
    let kept = heading.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.collect::<String>().to_lowercase().replace(' ', "-")
}

/// The target of a page's link, relative to the root.
fn resolved(page: &str, link: &str) -> String {
    let mut segments: Vec<&str> = page.split('/').collect();
    segments.pop();
    for segment in link.split('/') {
        match segment {
            ".." => drop(segments.pop()),
            segment => segments.push(segment),
        }
    }
    segments.join("/")
}

/// Whether a word names one of our files or folders: it has one of the extensions, or starts with a top-level folder.
/// Pages may leave out leading folders.
fn is_a_path(word: &str, folders: &BTreeSet<String>) -> bool {
    let is_plain = word.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '/' | '.' | '-' | '_'));
    let is_made = MADE.iter().any(|made| {
        word.strip_prefix(made).is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '.']))
    });
    let has_an_end = ENDS.iter().any(|end| word.ends_with(end) && word.len() > end.len());
    let is_below =
        word.split_once('/').is_some_and(|(first, rest)| rest.is_empty() || folders.contains(first));
    // A route starts with a slash.
    is_plain && !is_made && !word.starts_with('/') && (has_an_end || is_below || word.ends_with('/'))
}

/// Test names are sentences, and nothing else in these tables has so many words.
fn is_a_test(word: &str) -> bool {
    word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
        && word.split('_').count() > 2
}

/// The names of all tests.
fn tests() -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for file in files().into_iter().filter(|file| file.ends_with(".rs")) {
        for after in read(&file).split("test]\n").skip(1) {
            let name = after.split_once("fn ").and_then(|(_, rest)| rest.split_once('('));
            names.extend(name.map(|(name, _)| name.to_owned()));
        }
    }
    names
}

/// The deployed files without their tests: names and code.
fn sources() -> Vec<(String, String)> {
    let is_deployed = |file: &String| {
        let is_code =
            file.ends_with(".rs") && (file.starts_with("shared/") || file.starts_with("functions/"));
        is_code && !file.contains("/tests")
    };
    let code = |file: String| {
        let text = read(&file);
        let code = text.split("#[cfg(test)]").next().unwrap_or_default();
        (file, code.split_whitespace().collect::<Vec<_>>().join(" "))
    };
    files().into_iter().filter(is_deployed).map(code).collect()
}

/// The pages that are checked.
fn pages() -> Vec<String> {
    files().into_iter().filter(|file| file.ends_with(".md") && file != HISTORY).collect()
}

/// Every folder that contains a file.
fn folders() -> BTreeSet<String> {
    let mut folders = BTreeSet::new();
    for file in files() {
        let parents = Path::new(&file).ancestors().skip(1).filter_map(Path::to_str);
        folders.extend(parents.filter(|parent| !parent.is_empty()).map(str::to_owned));
    }
    folders
}

/// Every file of the repository, relative to the root, without created ones.
fn files() -> BTreeSet<String> {
    fn collect(folder: &Path, prefix: &str, found: &mut BTreeSet<String>) {
        for entry in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap()) {
            let name = entry.file_name().into_string().unwrap();
            let path = format!("{prefix}{name}");
            let is_hidden = name.starts_with('.') && ![".ci", ".github"].contains(&name.as_str());
            if !entry.file_type().unwrap().is_dir() {
                found.insert(path);
            } else if !is_hidden && name != "node_modules" && !MADE.contains(&path.as_str()) {
                collect(&entry.path(), &format!("{path}/"), found);
            }
        }
    }
    let mut found = BTreeSet::new();
    collect(root(), "", &mut found);
    found
}

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}
