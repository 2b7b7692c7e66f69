//! Link reference definitions, such as `[docs]: https://docs.example`.
//!
//! Markdown shows none of them, whether they are referenced or not. Log lines can look the same
//! (`[ERROR]: OutOfMemoryError`), so a definition that is not referenced stays text, and so does one that is
//! referenced but may be a log line.

use std::collections::HashMap;
use std::ops::Range;

use pulldown_cmark::{BrokenLink, CowStr, Event, OffsetIter, Parser, Tag};

use super::characters::GUARD;
use super::splice::{self, Edit};
use super::syntax::OPTIONS;

/// The maximum length of a label, in characters.
const MAX_LABEL: usize = 999;

/// The definitions of a text by label, spelled as in their references.
#[derive(Debug, Default)]
pub(super) struct Definitions(HashMap<String, Definition>);

#[derive(Debug)]
struct Definition {
    destination: String,
    title: String,
}

impl Definitions {
    /// Removes the definitions that are not shown, and escapes the others so that they become text.
    pub(super) fn take_out(text: String) -> (Self, String) {
        if !text.contains("]:") {
            return (Self::default(), text);
        }
        let mut definitions = Self::default();
        let mut edits = Vec::new();
        let mut labels = Vec::new();
        // The ranges in which a `[` does not start a line of text.
        let mut taken = Vec::new();
        let mut events = Parser::new_ext(&text, OPTIONS).into_offset_iter();
        for (event, range) in events.by_ref() {
            match event {
                Event::Start(Tag::Link { id, .. } | Tag::Image { id, .. }) => {
                    labels.push(id);
                    taken.push(range);
                }
                Event::Start(Tag::CodeBlock(_) | Tag::HtmlBlock) | Event::Code(_) | Event::InlineHtml(_) => {
                    taken.push(range);
                }
                _ => {}
            }
        }
        let known = events.reference_definitions();
        for label in &labels {
            let Some(known) = known.get(label) else { continue };
            let definition = Definition {
                destination: known.dest.to_string(),
                title: known.title.as_deref().unwrap_or_default().to_owned(),
            };
            let is_new = definitions.0.insert(label.to_string(), definition).is_none();
            if is_new && (known.title.is_some() || is_address(&known.dest)) {
                edits.push(Edit::remove(known.span.clone()));
                taken.push(known.span.clone());
            }
        }
        edits.extend(labels_at_line_starts(&text, taken).map(|at| Edit::insert(at, "\\")));
        let text = splice::apply(&text, edits);
        (definitions, text)
    }

    /// Parses a text whose definitions were taken out.
    pub(super) fn events<'a>(
        &'a self,
        text: &'a str,
    ) -> OffsetIter<'a, impl FnMut(BrokenLink<'a>) -> Option<(CowStr<'a>, CowStr<'a>)>> {
        let find = |link: BrokenLink<'a>| {
            let found = self.0.get(&*link.reference.replace(GUARD, ""))?;
            Some((found.destination.as_str().into(), found.title.as_str().into()))
        };
        Parser::new_with_broken_link_callback(text, OPTIONS, Some(find)).into_offset_iter()
    }
}

/// Whether a destination cannot be a word from a log.
fn is_address(destination: &str) -> bool {
    destination.is_empty()
        || destination.contains(['/', '@', ' '])
        || destination.starts_with(['#', '?'])
        || destination.get(..4).is_some_and(|scheme| scheme.eq_ignore_ascii_case("tel:"))
}

/// Finds the lines that start with `[label]:`, after any quote and list markers; returns the offset of each `[`.
fn labels_at_line_starts(text: &str, mut taken: Vec<Range<usize>>) -> impl Iterator<Item = usize> {
    taken.sort_unstable_by_key(|range| range.start);
    let mut taken = taken.into_iter().peekable();
    let mut taken_to = 0;
    let mut line_start = 0;
    text.split_inclusive('\n').filter_map(move |line| {
        let marker =
            |c: char| c.is_ascii_digit() || matches!(c, ' ' | '\t' | '>' | '*' | '+' | '-' | '.' | ')');
        let rest = line.trim_start_matches(marker);
        let rest = ["[ ] ", "[x] ", "[X] "].iter().find_map(|mark| rest.strip_prefix(mark)).unwrap_or(rest);
        let at = line_start + line.len() - rest.len();
        line_start += line.len();
        while let Some(range) = taken.next_if(|range| range.start <= at) {
            taken_to = taken_to.max(range.end);
        }
        (at >= taken_to && starts_with_label(&text[at..])).then_some(at)
    })
}

fn starts_with_label(text: &str) -> bool {
    let Some(label) = text.strip_prefix('[') else { return false };
    let mut chars = label.chars().take(MAX_LABEL + 1);
    while let Some(c) = chars.next() {
        match c {
            '\\' => {
                chars.next();
            }
            '[' => return false,
            ']' => return chars.next() == Some(':'),
            _ => {}
        }
    }
    false
}
