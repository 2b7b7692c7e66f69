//! Destinations of links and images.

use super::characters::is_noncharacter;

/// A longer destination is kept as text: every text node of a link repeats it, so that it multiplies.
pub(super) const MAX_DESTINATION: usize = 4_096;

/// Makes a destination that needs no escape in Markdown, but for a `|` in a table: white space, quotes, angle brackets
/// and backslashes are percent-encoded. Other characters that RFC 3986 forbids stay (`{id}`), as they do in browsers.
pub(super) fn destination(raw: &str) -> String {
    let mut out = String::with_capacity(raw.len());
    for c in raw.trim().chars().filter(|&c| !c.is_control() && !is_noncharacter(c)) {
        match c {
            '<' | '>' | '"' | '\\' | '`' => encode(c, &mut out),
            c if c.is_whitespace() || c == '\u{feff}' => encode(c, &mut out),
            c => out.push(c),
        }
    }
    out
}

fn encode(c: char, out: &mut String) {
    let mut bytes = [0; 4];
    for byte in c.encode_utf8(&mut bytes).bytes() {
        out.push_str(&format!("%{byte:02X}"));
    }
}

/// Whether Jira can show an image from there.
pub(super) fn is_web(url: &str) -> bool {
    let lower = url.get(..8).unwrap_or(url).to_ascii_lowercase();
    url.len() <= MAX_DESTINATION && (lower.starts_with("http://") || lower == "https://")
}
