//! Escapes text so that it is read as itself in Markdown.

use super::characters::is_space;

/// The context of a text, as far as it affects the meaning of its characters.
#[derive(Clone, Copy, Default)]
pub(super) struct Around {
    /// It starts a line that could be read as a block.
    pub(super) line_start: bool,
    /// It ends a heading.
    pub(super) heading_end: bool,
    /// It is followed by a link.
    pub(super) before_link: bool,
    pub(super) in_link: bool,
    /// Its first or last character must not count as whitespace; see `render_inline`.
    pub(super) encode_first: bool,
    pub(super) encode_last: bool,
}

pub(super) fn text(text: &str, around: Around) -> String {
    let mut out = String::with_capacity(text.len() + 8);
    let start = if around.line_start { block_start(text) } else { None };
    let mut before = None;
    let mut chars = text.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        let next = chars.peek().map(|&(_, c)| c);
        let first = before.is_none();
        let is_encoded =
            (first && around.encode_first) || (next.is_none() && around.encode_last) || needs_entity(c);
        if is_encoded {
            out.push_str(&entity(c));
        } else {
            let after = &text[at + c.len_utf8()..];
            let special = match c {
                '*' | '`' | '[' | '~' => true,
                ']' => around.in_link,
                '\\' => !followed_by_itself(after, around, |c| c == ' ' || c.is_ascii_alphanumeric()),
                '_' => {
                    !(before.is_some_and(char::is_alphanumeric)
                        && followed_by_itself(after, around, char::is_alphanumeric))
                }
                '<' => {
                    next.is_none_or(|next| next.is_ascii_alphabetic() || matches!(next, '/' | '!' | '?'))
                        || is_address(after)
                }
                '&' => is_reference(after),
                '!' => next.is_none() && around.before_link,
                '#' => next.is_none() && around.heading_end,
                _ => false,
            };
            if special || start == Some(at) {
                out.push('\\');
            }
            out.push(c);
        }
        before = Some(if is_encoded { ';' } else { c });
    }
    out
}

/// Whether the text after `<` could make it an e-mail address, which need not start with a letter.
fn is_address(after: &str) -> bool {
    let end = after.find(|c: char| c.is_whitespace() || matches!(c, '<' | '>'));
    after[..end.unwrap_or(after.len())].contains('@')
}

/// Whether the next character is of this kind and is written unencoded.
fn followed_by_itself(after: &str, around: Around, kind: impl Fn(char) -> bool) -> bool {
    let is_encoded = around.encode_last && after.chars().nth(1).is_none();
    !is_encoded && after.starts_with(kind)
}

/// Returns where to escape a line that would otherwise start a block, or turn the previous line into a heading or a
/// table.
fn block_start(text: &str) -> Option<usize> {
    let rest = text.trim_start_matches(|c: char| c.is_ascii_digit());
    let digits = text.len() - rest.len();
    if digits > 0 {
        let marker = rest.starts_with(['.', ')']) && ends_marker(&rest[1..]);
        return marker.then_some(digits);
    }
    let first = text.chars().next()?;
    let after = &text[first.len_utf8()..];
    let special = match first {
        '>' | '=' | '|' => true,
        '#' => ends_marker(after.trim_start_matches('#')),
        '+' => ends_marker(after),
        '-' | ':' => ends_marker(after) || !after.starts_with(char::is_alphanumeric),
        _ => false,
    };
    special.then_some(0)
}

fn ends_marker(after: &str) -> bool {
    after.is_empty() || after.starts_with(is_space)
}

/// Whether the text after `&` could make it a character reference.
pub(super) fn is_reference(after: &str) -> bool {
    let name = after.trim_start_matches(|c: char| c.is_ascii_alphanumeric() || c == '#');
    name.len() < after.len() && name.starts_with(';')
}

/// Whether a character would be dropped, or break the line, unless it is written as an entity.
fn needs_entity(c: char) -> bool {
    matches!(c, '\u{feff}' | '\u{2028}' | '\u{2029}') || c.is_control() && c != '\t'
}

fn entity(c: char) -> String {
    match c {
        '\u{a0}' => "&nbsp;".to_owned(),
        c => format!("&#{};", u32::from(c)),
    }
}
