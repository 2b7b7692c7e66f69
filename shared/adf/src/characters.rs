//! Characters with a special meaning in Markdown, ADF or Jira.

/// White space that Markdown removes at the ends of a line.
pub(super) fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n')
}

/// Characters that end a line of text.
pub(super) fn is_line_end(c: char) -> bool {
    matches!(c, '\n' | '\u{2028}' | '\u{2029}')
}

/// Removes characters that cannot be stored.
pub(super) fn without_controls(text: &str) -> String {
    text.chars().filter(|&c| is_storable(c)).collect()
}

/// Returns the text of a code block, without what `clean` removes from Markdown.
pub(super) fn code_text(text: &str) -> String {
    let text = without_controls(text).replace(is_line_end, "\n");
    let lines = text.split('\n').map(|line| line.trim_start_matches('\u{feff}'));
    lines.collect::<Vec<_>>().join("\n")
}

/// Whether a character can be stored: not a control character, most of which XML 1.0 (Jira's exports) forbids, and
/// not a noncharacter.
fn is_storable(c: char) -> bool {
    matches!(c, '\n' | '\t') || !(c.is_control() || is_noncharacter(c))
}

/// A noncharacter that the parser treats as a letter, and that is removed from the parsed text.
pub(super) const GUARD: &str = "\u{fdd2}";

/// Whether Unicode reserves a character for internal use. `bare_urls` and [`GUARD`] use some of them.
pub(super) fn is_noncharacter(c: char) -> bool {
    matches!(c, '\u{fdd0}'..='\u{fdef}' | '\u{fffe}' | '\u{ffff}')
}
