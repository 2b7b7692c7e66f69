//! Whom a connection is for, as shown on a page.

use base::display::{is_deceptive, shown};
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// Maximum length of a display name, in characters. An email address alone may have 254.
const MAX_NAME_CHARS: usize = 300;

/// Whom a connection is for, in the words of the product's backend: "Acme, ada@acme.example".
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct DisplayName(String);

impl DisplayName {
    /// Parses a name; `None` if it is only white space. Returns 400 if it is too long or contains
    /// [deceptive](is_deceptive) characters.
    pub fn parse(text: &str) -> Result<Option<Self>> {
        if text.chars().any(is_deceptive) {
            return Err(Error::bad_request(
                "display_name contains characters that control how text is shown, such as line breaks or a change of direction",
            ));
        }
        if text.chars().count() > MAX_NAME_CHARS {
            return Err(Error::bad_request(format!(
                "display_name is longer than {MAX_NAME_CHARS} characters"
            )));
        }
        let shown = shown(text, MAX_NAME_CHARS);
        Ok((!shown.is_empty()).then_some(Self(shown)))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_display_name_is_one_line_without_control_characters() {
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
}
