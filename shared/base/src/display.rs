//! Texts of others, made fit to be shown to a person: bounded, on one line, and free of what would change how the text
//! around them reads. Escaping is the templates' work.

/// Whether a character controls how text is shown: control characters, separators of lines and paragraphs, and what
/// overrides, embeds or isolates a direction (<https://www.unicode.org/reports/tr9/#Explicit_Directional_Embeddings>).
/// Marks of a direction (U+200E, U+200F) are not among them: names in Arabic and Hebrew have them.
pub fn is_deceptive(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Whether a character takes no room and joins nothing, so that a text of it alone shows nothing.
fn is_invisible(character: char) -> bool {
    matches!(character, '\u{ad}' | '\u{200b}' | '\u{2060}'..='\u{2064}' | '\u{feff}' | '\u{e0000}'..='\u{e007f}')
}

/// A text as it is shown: without what is deceptive or invisible, white space as single spaces, and cut at so many
/// characters.
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
    fn what_others_wrote_is_shown_without_what_deceives() {
        assert_eq!(shown("Har\u{202e}bour\n\u{200b}1\u{0}", 20), "Har bour 1");
        assert_eq!(shown("0123456789", 10), "0123456789");
        assert_eq!(shown("01234567 89", 10), "01234567…");
        assert_eq!(shown("あいうえお", 3), "あい…");
        assert_eq!(shown("\u{202e}\u{2066}", 3), "");
    }
}
