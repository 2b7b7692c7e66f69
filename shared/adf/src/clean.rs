//! What people paste, as text that can be stored.

use super::characters::is_noncharacter;

/// Markdown as the parser gets it: lines end in `\n`, a separator of lines (U+2028, a form feed) is a hard break, and
/// what cannot be stored is left out.
pub(super) fn markdown(text: &str) -> String {
    storable(text, "  \n")
}

/// A text of one line, such as a summary, without what cannot be stored.
///
/// Colours of a terminal and other control characters are left out, tabs and separators of lines become spaces. A
/// line end stays, as `\n`: it is the caller's to say what it means.
pub fn one_line(text: &str) -> String {
    storable(text, " ").replace('\t', " ")
}

/// A byte order mark where a line begins is dropped: it would hide a heading. Files that were joined have several.
fn storable(text: &str, line_break: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        rest = &rest[c.len_utf8()..];
        match c {
            '\u{1b}' => rest = after_escape(rest),
            '\u{9b}' => rest = after_control_sequence(rest),
            '\u{feff}' if out.is_empty() || out.ends_with('\n') => {}
            '\r' => {
                rest = rest.strip_prefix('\n').unwrap_or(rest);
                out.push('\n');
            }
            '\n' | '\t' => out.push(c),
            '\u{b}' | '\u{c}' | '\u{85}' | '\u{2028}' | '\u{2029}' => out.push_str(line_break),
            '\0' => out.push(char::REPLACEMENT_CHARACTER),
            c if is_noncharacter(c) => out.push(char::REPLACEMENT_CHARACTER),
            c if c.is_control() => {}
            c => out.push(c),
        }
    }
    out
}

/// What follows a sequence of a terminal that began with ESC
/// ([ECMA-48](https://ecma-international.org/publications-and-standards/standards/ecma-48/), [the sequences of
/// xterm](https://invisible-island.net/xterm/ctlseqs/ctlseqs.html)). A letter behind an ESC that begins none stays.
fn after_escape(rest: &str) -> &str {
    let mut chars = rest.chars();
    match (chars.next(), chars.next()) {
        (Some('['), _) => after_control_sequence(&rest[1..]),
        (Some(']' | 'P' | 'X' | '^' | '_'), _) => after_control_string(&rest[1..]).unwrap_or(rest),
        // A set of characters, the alignment test, UTF-8.
        (Some('(' | ')' | '*' | '+'), Some('0'..='2' | 'A' | 'B')) => &rest[2..],
        (Some('#'), Some('3'..='8')) | (Some('%'), Some('@' | 'G')) => &rest[2..],
        // The cursor is saved and restored, the keypad changes its mode.
        (Some('7' | '8' | '=' | '>'), _) => &rest[1..],
        _ => rest,
    }
}

/// What follows parameters, intermediate characters and the final one; where that is missing, the parameters.
fn after_control_sequence(rest: &str) -> &str {
    let parameters = rest.trim_start_matches(|c| ('0'..='?').contains(&c));
    let is_bare = parameters.len() == rest.len();
    let last = if is_bare { rest } else { parameters.trim_start_matches(|c| (' '..='/').contains(&c)) };
    last.strip_prefix(|c| ('@'..='~').contains(&c)).unwrap_or(parameters)
}

/// What follows a title, a link's address or another string for the terminal; `None` where it does not end on its
/// line.
fn after_control_string(rest: &str) -> Option<&str> {
    let end = rest.find(['\n', '\r', '\u{7}', '\u{1b}', '\u{9c}'])?;
    let after = &rest[end..];
    after.strip_prefix("\u{1b}\\").or_else(|| after.strip_prefix(['\u{7}', '\u{9c}']))
}
