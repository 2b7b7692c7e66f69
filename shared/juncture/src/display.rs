//! Texts of others on a page for a person: bounded, on one line, and free of what would change how the text around them
//! reads. Escaping is the templates' work.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// The longest name for whom a connection is made. An e-mail address alone may have 254 characters.
const LONGEST_NAME: usize = 300;

/// For whom a connection is made, in the words of the product's backend: "Acme, ada@acme.example".
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct DisplayName(String);

impl DisplayName {
    /// Reads a name; white space alone is none.
    ///
    /// # Errors
    /// 400 when it is too long, or holds characters that [`is_deceptive`] tells.
    pub fn parse(text: &str) -> Result<Option<Self>> {
        if text.chars().any(is_deceptive) {
            return Err(Error::bad_request(
                "display_name holds characters that control how text is shown, such as line breaks or a change of direction",
            ));
        }
        if text.chars().count() > LONGEST_NAME {
            return Err(Error::bad_request(format!("display_name is longer than {LONGEST_NAME} characters")));
        }
        let shown = shown(text, LONGEST_NAME);
        Ok((!shown.is_empty()).then_some(Self(shown)))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Whether a character controls how text is shown: control characters, separators of lines and paragraphs, and what
/// overrides, embeds or isolates a direction (<https://www.unicode.org/reports/tr9/#Explicit_Directional_Embeddings>).
/// Marks of a direction (U+200E, U+200F) are not among them: names in Arabic and Hebrew have them.
pub(crate) fn is_deceptive(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Whether a character takes no room and joins nothing, so that a text of it alone shows nothing.
fn is_invisible(character: char) -> bool {
    matches!(character, '\u{ad}' | '\u{200b}' | '\u{2060}'..='\u{2064}' | '\u{feff}' | '\u{e0000}'..='\u{e007f}')
}

/// A text as it is shown: without what is deceptive or invisible, white space as single spaces, and cut at so many
/// characters.
pub(crate) fn shown(text: &str, most: usize) -> String {
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
    fn a_name_is_any_text_on_one_line_that_changes_nothing_around_it() {
        let name = |text: &str| DisplayName::parse(text).unwrap().map(|name| name.as_str().to_owned());
        for fine in [
            "Acme, ada@acme.example",
            "株式会社",
            "<b>Acme</b> & \"Sons\"",
            "خط\u{200f} الأنابيب",
            "👩\u{200d}🚒",
        ] {
            assert_eq!(name(fine).as_deref(), Some(fine));
        }
        assert_eq!(name("  Acme \u{3000} Ltd ").as_deref(), Some("Acme Ltd"));
        for nothing in ["", "   ", "\u{200b}\u{feff}", "\u{3000}"] {
            assert_eq!(name(nothing), None, "{nothing:?}");
        }
        for bad in [
            "a\nb",
            "a\u{0}",
            "\u{202e}moc.live",
            "\u{2067}x\u{2069}",
            "a\u{2028}b",
            "a\u{85}b",
            &"x".repeat(301),
        ] {
            assert!(DisplayName::parse(bad).is_err(), "{bad:?}");
        }
        assert!(DisplayName::parse(&"あ".repeat(300)).is_ok());
    }

    #[test]
    fn what_others_wrote_is_shown_without_what_deceives() {
        assert_eq!(shown("Har\u{202e}bour\n\u{200b}1\u{0}", 20), "Har bour 1");
        assert_eq!(shown("0123456789", 10), "0123456789");
        assert_eq!(shown("01234567 89", 10), "01234567…");
        assert_eq!(shown("あいうえお", 3), "あい…");
        assert_eq!(shown("\u{202e}\u{2066}", 3), "");
    }
}
