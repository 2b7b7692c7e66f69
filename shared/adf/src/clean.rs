//! Cleans pasted text so that it can be stored.

use super::characters::is_noncharacter;

/// Prepares Markdown for the parser: lines end in `\n`, line separators (U+2028, form feed) become hard breaks, and
/// what cannot be stored is removed.
pub(super) fn markdown(text: &str) -> String {
    storable(text, "  \n")
}

/// Cleans a text that should be one line, such as a summary.
///
/// Terminal colours and other control characters are removed; tabs and line separators become spaces. Line ends are
/// kept as `\n`: what they mean is up to the caller.
pub fn one_line(text: &str) -> String {
    storable(text, " ").replace('\t', " ")
}

/// Drops byte order marks at the start of a line, where they would hide a heading. Concatenated files have several.
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

/// Returns what follows a terminal escape sequence, of which ESC has been read
/// ([ECMA-48](https://ecma-international.org/publications-and-standards/standards/ecma-48/), [xterm's
/// sequences](https://invisible-island.net/xterm/ctlseqs/ctlseqs.html)). If it is not a sequence, what follows ESC is
/// kept.
fn after_escape(rest: &str) -> &str {
    let mut chars = rest.chars();
    match (chars.next(), chars.next()) {
        (Some('['), _) => after_control_sequence(&rest[1..]),
        (Some(']' | 'P' | 'X' | '^' | '_'), _) => after_control_string(&rest[1..]).unwrap_or(rest),
        // Character sets, the screen alignment test, UTF-8.
        (Some('(' | ')' | '*' | '+'), Some('0'..='2' | 'A' | 'B')) => &rest[2..],
        (Some('#'), Some('3'..='8')) | (Some('%'), Some('@' | 'G')) => &rest[2..],
        // Saving and restoring the cursor, keypad modes.
        (Some('7' | '8' | '=' | '>'), _) => &rest[1..],
        _ => rest,
    }
}

/// Returns what follows the parameters, intermediate characters and final character of a control sequence. If the
/// final character is missing, only the parameters are skipped.
fn after_control_sequence(rest: &str) -> &str {
    let parameters = rest.trim_start_matches(|c| ('0'..='?').contains(&c));
    let is_bare = parameters.len() == rest.len();
    let last = if is_bare { rest } else { parameters.trim_start_matches(|c| (' '..='/').contains(&c)) };
    last.strip_prefix(|c| ('@'..='~').contains(&c)).unwrap_or(parameters)
}

/// Returns what follows a control string, such as a title or a link target; `None` if it does not end on its line.
fn after_control_string(rest: &str) -> Option<&str> {
    let end = rest.find(['\n', '\r', '\u{7}', '\u{1b}', '\u{9c}'])?;
    let after = &rest[end..];
    after.strip_prefix("\u{1b}\\").or_else(|| after.strip_prefix(['\u{7}', '\u{9c}']))
}
