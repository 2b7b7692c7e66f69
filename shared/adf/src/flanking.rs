//! Emphasis in scripts without spaces between words.
//!
//! In CommonMark, the second `**` of `**重要：**確認` does not close the emphasis, because it stands between punctuation
//! and a letter, like the first `**` of `x.**y**`. Chinese, Japanese and Korean have no space there, so such a
//! delimiter gets a [`GUARD`] on the side of the punctuation. It counts as a letter, and is removed from the parsed
//! text.

use super::characters::GUARD;
use super::splice::{self, Edit};

/// Inserts the guards into a text.
pub(super) fn guard(text: String) -> String {
    if text.is_ascii() {
        return text;
    }
    let mut edits = Vec::new();
    let mut from = 0;
    while let Some(found) = text[from..].find(['*', '~']) {
        let start = from + found;
        let before = &text[..start];
        if (before.len() - before.trim_end_matches('\\').len()) % 2 == 1 {
            from = start + 1;
            continue;
        }
        let delimiter = if text[start..].starts_with('*') { '*' } else { '~' };
        let end = text.len() - text[start..].trim_start_matches(delimiter).len();
        from = end;
        let (Some(before), Some(after)) = (before.chars().next_back(), text[end..].chars().next()) else {
            continue;
        };
        if needs_guard(before, after) {
            edits.push(Edit::insert(start, GUARD));
        } else if needs_guard(after, before) {
            edits.push(Edit::insert(end, GUARD));
        }
    }
    if edits.is_empty() { text } else { splice::apply(&text, edits) }
}

/// Whether a delimiter needs a guard between the character of its own text (`inside`) and the one beyond it
/// (`outside`).
pub(super) fn needs_guard(inside: char, outside: char) -> bool {
    (is_cjk(inside) || is_cjk(outside)) && kind(inside) == Kind::Punctuation && kind(outside) == Kind::Letter
}

#[derive(PartialEq)]
enum Kind {
    Letter,
    Punctuation,
    /// White space, and the delimiters of other marks.
    Other,
}

fn kind(c: char) -> Kind {
    match c {
        '*' | '_' | '~' => Kind::Other,
        c if c.is_whitespace() => Kind::Other,
        c if c.is_alphanumeric() => Kind::Letter,
        _ => Kind::Punctuation,
    }
}

/// Whether a character belongs to a script without spaces between words, or to its punctuation.
fn is_cjk(c: char) -> bool {
    matches!(c,
        // Jamo.
        '\u{1100}'..='\u{11ff}'
        // Radicals, punctuation, kana, Bopomofo, ideographs, Yi, Jamo.
        | '\u{2e80}'..='\u{a4cf}' | '\u{a960}'..='\u{a97f}'
        // Hangul.
        | '\u{ac00}'..='\u{d7ff}'
        // Ideographs, vertical and small forms, full-width forms.
        | '\u{f900}'..='\u{faff}' | '\u{fe10}'..='\u{fe1f}' | '\u{fe30}'..='\u{fe6f}' | '\u{ff01}'..='\u{ffee}'
        // Kana and ideographs of the supplementary planes.
        | '\u{1aff0}'..='\u{1b16f}' | '\u{20000}'..='\u{3ffff}')
}
