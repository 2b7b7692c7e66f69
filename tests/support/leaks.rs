//! Searches everything that functions log for secrets, after every test. The ledger is shared by the whole process, so
//! what one test forbids is searched for in the logs of all tests.

use std::collections::{HashMap, HashSet};
use std::sync::{LazyLock, Mutex, PoisonError};

use serde_json::Value;

/// Shorter strings may appear in a log by chance.
const SHORTEST: usize = 12;

/// How many characters of a string are searched for: part of a secret is still a secret.
const PART: usize = 24;

/// The prefix of the sandbox's tokens and authorization codes: the header of a JWT.
const JWT: &str = "eyJ0eXAiOiJKV1Qi";

static LEDGER: LazyLock<Mutex<Ledger>> = LazyLock::new(Mutex::default);

/// The first bytes of a forbidden part.
type Beginning = [u8; SHORTEST];

#[derive(Default)]
struct Ledger {
    /// Keyed by their first bytes, so a search takes the same time however many there are.
    secrets: HashMap<Beginning, HashSet<(String, &'static str)>>,
    /// Lines that have not been searched yet.
    lines: Vec<String>,
}

impl Ledger {
    fn forbid(&mut self, part: &str, what: &'static str) {
        if let Some(beginning) = part.as_bytes().first_chunk() {
            self.secrets.entry(*beginning).or_default().insert((part.to_owned(), what));
        }
    }

    /// The kind of the first forbidden secret in a line.
    fn known_in(&self, line: &str) -> Option<&'static str> {
        line.as_bytes().windows(SHORTEST).enumerate().find_map(|(place, window)| {
            let rest = line.as_bytes().get(place..)?;
            let mut candidates = self.secrets.get(window)?.iter();
            candidates.find(|(part, _)| rest.starts_with(part.as_bytes())).map(|(_, what)| *what)
        })
    }
}

/// Adds a log line.
pub(crate) fn logged(line: String) {
    LEDGER.lock().unwrap_or_else(PoisonError::into_inner).lines.push(line);
}

/// Forbids a text in the log.
pub(crate) fn forbid(what: &'static str, text: &str) {
    // Characters that JSON escapes are skipped.
    let plain =
        |character: char| character.is_ascii() && !matches!(character, '"' | '\\' | '\0'..' ' | '\x7f');
    let longest =
        text.split(|character| !plain(character)).max_by_key(|part| part.len()).unwrap_or_default().trim();
    if longest.len() >= SHORTEST {
        let from = longest.len().saturating_sub(PART) / 2;
        let part = longest.get(from..longest.len().min(from + PART)).unwrap_or_default();
        LEDGER.lock().unwrap_or_else(PoisonError::into_inner).forbid(part, what);
    }
}

/// Forbids every string in a body.
pub(crate) fn forbid_strings_of(body: &Value) {
    match body {
        Value::String(text) => forbid("text of a body", text),
        Value::Array(items) => items.iter().for_each(forbid_strings_of),
        Value::Object(fields) => fields.values().for_each(forbid_strings_of),
        _ => {}
    }
}

/// Searches what was logged since the last search.
pub(crate) fn search() -> Result<(), String> {
    let mut ledger = LEDGER.lock().unwrap_or_else(PoisonError::into_inner);
    let lines = std::mem::take(&mut ledger.lines);
    for line in lines {
        if let Some(what) = ledger.known_in(&line).or_else(|| leak_in(&line)) {
            return Err(format!("a function logged a secret, {what}: {line}"));
        }
    }
    Ok(())
}

/// The kind of secret in a line, recognised by its format.
pub fn leak_in(line: &str) -> Option<&'static str> {
    if line.contains(JWT) {
        return Some("a token or authorization code of Atlassian");
    }
    for (prefix, what) in [
        ("st_", "a state"),
        ("cc_", "a connection code"),
        ("br_", "the cookie of a browser"),
        ("lk_", "the owner of a lock"),
    ] {
        let mut found = line.match_indices(prefix).map(|(place, _)| &line[place + prefix.len()..]);
        if found.any(|rest| rest.chars().take_while(|c| is_base64url(*c)).count() >= 40) {
            return Some(what);
        }
    }
    let mut sealed = line.match_indices("v1:").map(|(place, _)| &line[place + 3..]);
    if sealed.any(|rest| rest.split(':').nth(1).is_some_and(|text| text.len() > 40)) {
        return Some("a sealed token");
    }
    let is_address = |(place, _): (usize, &str)| {
        let before = line[..place].chars().next_back().is_some_and(char::is_alphanumeric);
        let domain: String =
            line[place + 1..].chars().take_while(|c| is_base64url(*c) || *c == '.').collect();
        before && domain.trim_matches('.').contains('.')
    };
    line.match_indices('@').any(is_address).then_some("an e-mail address")
}

fn is_base64url(character: char) -> bool {
    character.is_ascii_alphanumeric() || matches!(character, '-' | '_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_found_and_other_text_is_not() {
        let code = "A".repeat(43);
        for (line, is_leak) in [
            (format!("{{\"cause\":\"state st_{code} unknown\"}}"), true),
            (format!("/finalize-connection/jira/cc_{code}"), true),
            (format!("value v1:ab12cd34:{code}"), true),
            ("cannot assign to somebody@example.com".to_owned(), true),
            (format!("token {JWT}LCJhbGciOi"), true),
            ("GET /finalize-connection/{provider}/{connection_code}".to_owned(), false),
            ("request_id 8476a536-e9f4-11e8-9739-2dfe598c3fcd, v1: none, st_short, 3 @ 4".to_owned(), false),
        ] {
            assert_eq!(leak_in(&line).is_some(), is_leak, "{line}");
        }
    }

    #[test]
    fn a_sent_text_is_found_in_a_later_line() {
        forbid_strings_of(
            &serde_json::json!({ "fields": [{ "summary": "The \"harbour\" is flooded by the tide" }] }),
        );
        logged(r#"{"message":"request failed","cause":"is flooded by the tide"}"#.to_owned());
        assert!(search().is_err());
        logged(r#"{"message":"request failed","cause":"the tide"}"#.to_owned());
        assert_eq!(search(), Ok(()));
    }
}
