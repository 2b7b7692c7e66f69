//! Splits a query into words, quoted strings and operators.

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Token {
    Word(String),
    Quoted(String),
    Sign(&'static str),
}

/// Longer ones first.
const SIGNS: [&str; 12] = ["!=", "!~", ">=", "<=", "=", "~", ">", "<", "(", ")", ",", "!"];

/// Splits a query into tokens.
pub(super) fn tokens(jql: &str) -> Result<Vec<Token>, String> {
    let mut rest = jql.trim_start();
    let mut tokens = Vec::new();
    while let Some(first) = rest.chars().next() {
        let (token, length) = match first {
            '"' | '\'' => quoted(rest, first)?,
            _ => match SIGNS.iter().find(|sign| rest.starts_with(**sign)) {
                Some(sign) => (Token::Sign(sign), sign.len()),
                None => word(rest)?,
            },
        };
        tokens.push(token);
        rest = rest[length..].trim_start();
    }
    Ok(tokens)
}

fn quoted(text: &str, quote: char) -> Result<(Token, usize), String> {
    let mut value = String::new();
    let mut characters = text.char_indices().skip(1);
    while let Some((at, character)) = characters.next() {
        match character {
            '\\' => match characters.next() {
                Some((_, escaped @ ('"' | '\'' | '\\' | ' '))) => value.push(escaped),
                Some((_, 'n')) => value.push('\n'),
                Some((_, 't')) => value.push('\t'),
                Some((_, 'r')) => value.push('\r'),
                Some((_, 'u')) => value.push(code_unit(&mut characters)?),
                other => return Err(format!("an illegal escape sequence {other:?}")),
            },
            _ if character == quote => return Ok((Token::Quoted(value), at + 1)),
            _ if is_control(character) => {
                return Err(format!("the character {character:?} must be escaped"));
            }
            _ => value.push(character),
        }
    }
    Err("the quoted string has not been completed".to_owned())
}

/// The four digits of an escaped character.
fn code_unit(characters: &mut impl Iterator<Item = (usize, char)>) -> Result<char, String> {
    let digits: String = characters.take(4).map(|(_, digit)| digit).collect();
    let code =
        Some(&digits).filter(|digits| digits.len() == 4 && digits.bytes().all(|b| b.is_ascii_hexdigit()));
    let character = code.and_then(|digits| char::from_u32(u32::from_str_radix(digits, 16).ok()?));
    character.ok_or_else(|| format!("an illegal escape sequence \\u{digits}"))
}

/// The characters that Jira's grammar does not allow in strings: control characters except line breaks, and Unicode's
/// non-characters.
fn is_control(character: char) -> bool {
    (character.is_control() && !['\n', '\r'].contains(&character))
        || matches!(character, '\u{fdd0}'..='\u{fdef}' | '\u{fffe}' | '\u{ffff}')
}

fn word(text: &str) -> Result<(Token, usize), String> {
    let ends = |c: char| c.is_whitespace() || "\"'=!<>~(),".contains(c);
    let length = text.find(ends).unwrap_or(text.len());
    let word = &text[..length];
    // All other characters are reserved outside quotes.
    match word.chars().find(|c| !c.is_alphanumeric() && !"._-[]:".contains(*c)) {
        Some(reserved) => Err(format!("the character '{reserved}' is reserved and must be quoted")),
        None => Ok((Token::Word(word.to_owned()), length)),
    }
}
