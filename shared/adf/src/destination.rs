//! Destinations of links and images.

use super::characters::is_noncharacter;

/// The maximum length of a destination, in bytes. A longer one becomes text, because every text node of a link
/// repeats it.
pub(super) const MAX_DESTINATION: usize = 4_096;

/// Encodes a destination so that it needs no escapes in Markdown, except for `|` in a table: whitespace, quotes,
/// angle brackets and backslashes are percent-encoded. Other characters that RFC 3986 forbids (`{id}`) are kept, as
/// in browsers.
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

/// Whether Jira can show an image with this URL.
pub(super) fn is_web(url: &str) -> bool {
    let lower = url.get(..8).unwrap_or(url).to_ascii_lowercase();
    url.len() <= MAX_DESTINATION && (lower.starts_with("http://") || lower == "https://")
}
