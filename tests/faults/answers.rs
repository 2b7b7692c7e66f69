//! Records every response in full, to compare before and after a change that callers must not notice.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use anyhow::Result;
use juncture_tests::Answer;

/// Words of at least this length with digits differ between runs: tokens, request ids, cookies.
const SHORTEST_SECRET: usize = 20;

/// Responses by endpoint, server and fault.
#[derive(Default)]
pub(crate) struct Answers(Mutex<BTreeMap<String, String>>);

impl Answers {
    pub(crate) fn add(&self, name: String, answer: &Answer) {
        let mut headers: Vec<String> = answer
            .headers
            .iter()
            .filter(|(name, _)| *name != "date")
            .map(|(name, value)| format!("{name}: {}", String::from_utf8_lossy(value.as_bytes())))
            .collect();
        headers.sort();
        let text = format!("{}\n{}\n\n{}\n", answer.status, headers.join("\n"), answer.body);
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(name, without_what_differs(&text));
    }

    pub(crate) fn write(&self, file: &Path) -> Result<()> {
        let answers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let text: String = answers.iter().map(|(name, answer)| format!("=== {name}\n{answer}\n")).collect();
        Ok(fs::write(file, text)?)
    }
}

/// Masks what differs between runs: ports, times, tokens and ids.
fn without_what_differs(text: &str) -> String {
    let is_of_word = |letter: char| letter.is_ascii_alphanumeric() || "-_%:.".contains(letter);
    let differs = |word: &str| {
        let digits = word.chars().filter(char::is_ascii_digit).count();
        (word.len() >= SHORTEST_SECRET && digits > 1) || word.starts_with("127.0.0.1:") || digits > 7
    };
    let mut masked = String::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let end = rest.find(|letter| is_of_word(letter) != is_of_word(first)).unwrap_or(rest.len());
        let (word, after) = rest.split_at(end);
        masked.push_str(if is_of_word(first) && differs(word) { "*" } else { word });
        rest = after;
    }
    masked
}
