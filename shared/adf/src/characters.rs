//! Characters that Markdown, ADF or Jira treat in a way of their own.

/// White space that Markdown drops at the ends of a line.
pub(super) fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n')
}

/// What ends a line of a text.
pub(super) fn is_line_end(c: char) -> bool {
    matches!(c, '\n' | '\u{2028}' | '\u{2029}')
}

/// Leaves out what cannot be stored.
pub(super) fn without_controls(text: &str) -> String {
    text.chars().filter(|&c| is_storable(c)).collect()
}

/// The text of a code block: what `clean` would not leave in Markdown is not in it either.
pub(super) fn code_text(text: &str) -> String {
    let text = without_controls(text).replace(is_line_end, "\n");
    let lines = text.split('\n').map(|line| line.trim_start_matches('\u{feff}'));
    lines.collect::<Vec<_>>().join("\n")
}

/// Whether a character is text: no control character, which XML 1.0 (Jira's exports) forbids for the most part, and
/// no noncharacter.
fn is_storable(c: char) -> bool {
    matches!(c, '\n' | '\t') || !(c.is_control() || is_noncharacter(c))
}

/// A noncharacter that counts as a letter while a text is parsed, and is left out of what is read.
pub(super) const GUARD: &str = "\u{fdd2}";

/// Whether Unicode keeps a character for the inner use of programs, as `bare_urls` and [`GUARD`] use some.
pub(super) fn is_noncharacter(c: char) -> bool {
    matches!(c, '\u{fdd0}'..='\u{fdef}' | '\u{fffe}' | '\u{ffff}')
}
