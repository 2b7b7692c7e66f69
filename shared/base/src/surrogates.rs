//! Lone surrogates in JSON.

use std::borrow::Cow;

const REPLACEMENT: &str = "\\ufffd";

/// Replaces every escaped lone surrogate in a JSON text with U+FFFD.
///
/// JavaScript strings are UTF-16: cutting one in the middle of an emoji leaves a lone `\ud83d`, which is not a valid
/// character.
pub fn replace_lone(json: &str) -> Cow<'_, str> {
    if !json.contains("\\u") {
        return json.into();
    }
    let mut out = String::with_capacity(json.len());
    let mut rest = json;
    while let Some(at) = rest.find('\\') {
        out.push_str(&rest[..at]);
        let escape = &rest[at..];
        let length = match unit(escape) {
            Some(0xd800..=0xdbff) if matches!(unit(&escape[6..]), Some(0xdc00..=0xdfff)) => 12,
            Some(0xd800..=0xdfff) => {
                out.push_str(REPLACEMENT);
                rest = &escape[6..];
                continue;
            }
            Some(_) => 6,
            None => 1 + escape[1..].chars().next().map_or(0, char::len_utf8),
        };
        out.push_str(&escape[..length]);
        rest = &escape[length..];
    }
    out.push_str(rest);
    out.into()
}

/// Parses the UTF-16 code unit that a text starts with, written as `\u` and four hex digits.
fn unit(text: &str) -> Option<u16> {
    let digits = text.strip_prefix("\\u")?.get(..4)?;
    digits.bytes().all(|digit| digit.is_ascii_hexdigit()).then(|| u16::from_str_radix(digits, 16).ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_lone_surrogates_are_replaced() {
        for (json, expected) in [
            (r#""a\ud83d""#, r#""a\ufffd""#),
            (r#""\udE42 b""#, r#""\ufffd b""#),
            (r#""\ud83d\ud83d\ude42""#, r#""\ufffd\ud83d\ude42""#),
            (r#""\ude42\ud83d""#, r#""\ufffd\ufffd""#),
            (r#""\ud83d\n""#, r#""\ufffd\n""#),
            (r#""\ud83d\ude42 \u00e9 \\ud83d \"é""#, r#""\ud83d\ude42 \u00e9 \\ud83d \"é""#),
            (r#""\ud83"#, r#""\ud83"#),
            (r#""\uD83D\u12"#, r#""\ufffd\u12"#),
            ("\"\\u\\é\\", "\"\\u\\é\\"),
        ] {
            assert_eq!(replace_lone(json), expected, "{json}");
        }
    }
}
