//! Makes third-party text safe to show to a person: one line, limited in length, and free of characters that change
//! how the text around it reads. Escaping is left to the templates.

/// Whether a character changes how text is displayed: control characters, line and paragraph separators, and
/// directional embeddings, overrides and isolates
/// (<https://www.unicode.org/reports/tr9/#Explicit_Directional_Embeddings>). Directional marks (U+200E, U+200F) are
/// allowed: Arabic and Hebrew names contain them.
pub fn is_deceptive(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Whether a character has no width and joins nothing, so text made up of such characters looks empty.
fn is_invisible(character: char) -> bool {
    matches!(character, '\u{ad}' | '\u{200b}' | '\u{2060}'..='\u{2064}' | '\u{feff}' | '\u{e0000}'..='\u{e007f}')
}

/// Returns `text` as shown to a person: on one line, without deceptive or invisible characters, whitespace collapsed
/// to single spaces, truncated to `most` characters.
pub fn shown(text: &str, most: usize) -> String {
    let visible: String = text
        .chars()
        .map(|character| if is_deceptive(character) { ' ' } else { character })
        .filter(|character| !is_invisible(*character))
        .collect();
    let line = visible.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.chars().count() <= most {
        return line;
    }
    let kept: String = line.chars().take(most.saturating_sub(1)).collect();
    format!("{}…", kept.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deceptive_and_invisible_characters_are_not_shown() {
        assert_eq!(shown("Har\u{202e}bour\n\u{200b}1\u{0}", 20), "Har bour 1");
        assert_eq!(shown("0123456789", 10), "0123456789");
        assert_eq!(shown("01234567 89", 10), "01234567…");
        assert_eq!(shown("あいうえお", 3), "あい…");
        assert_eq!(shown("\u{202e}\u{2066}", 3), "");
    }
}
