//! Conditions in JQL. Values are quoted, so a value cannot end early and add a condition of its own.
//!
//! <https://support.atlassian.com/jira-software-cloud/docs/jql-fields/>

use std::borrow::Cow;
use std::fmt::Write;

use time::OffsetDateTime;

use crate::error::JiraError;
use crate::ids::{ProjectId, SprintId, is_number};
use crate::reach::Reach;

/// A condition on issues, in JQL. Parts that contain `OR` do not exist, so conditions can be joined with `AND`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition(String);

impl Condition {
    /// Issues of a project.
    pub fn project(project: &ProjectId) -> Self {
        Self(format!("project = {}", name_or_id(project.as_str())))
    }

    /// Issues of a sprint.
    pub fn sprint(sprint: &SprintId) -> Self {
        Self(format!("sprint = {}", sprint.as_str()))
    }

    /// Issues in one of these statuses, each given by name or id; at least one.
    pub fn status(names: &[String]) -> Self {
        let names: Vec<String> = names.iter().map(|name| name_or_id(name)).collect();
        Self(format!("status in ({})", names.join(", ")))
    }

    /// Issues whose status has this category: `new`, `indeterminate` or `done`, which are the same in all languages.
    pub fn status_category(key: &str) -> Self {
        Self(format!("statusCategory = {}", quoted(key)))
    }

    /// Issues that are assigned to this account, or to nobody.
    pub fn assignee(account_id: Option<&str>) -> Self {
        match account_id {
            Some(account) => Self(format!("assignee = {}", quoted(account))),
            None => Self("assignee is EMPTY".to_owned()),
        }
    }

    /// Issues that were updated in this minute or later.
    ///
    /// Jira reads dates in JQL in the time zone of the account, which is not known here, but a number, without quotes,
    /// as milliseconds since 1970 (<https://github.com/airbytehq/airbyte/pull/48395>). In quotes it is a duration. A
    /// date in JQL has no seconds, so the minute's issues from before the moment are included.
    pub fn updated_since(moment: OffsetDateTime) -> Self {
        let minutes = moment.unix_timestamp().div_euclid(60).max(0);
        Self(format!("updated >= {}", minutes * 60_000))
    }

    /// Issues with this label.
    pub fn label(label: &str) -> Self {
        Self(format!("labels = {}", quoted(label)))
    }

    /// Issues that contain these words; `None` if the text has no word.
    pub fn text(text: &str) -> Option<Self> {
        let words = words(text);
        (!words.is_empty()).then(|| Self(format!("text ~ {}", quoted(&words))))
    }

    /// Issues that meet this condition and the other one.
    #[must_use]
    pub fn and(self, other: &Self) -> Self {
        Self(format!("{} AND {}", self.0, other.0))
    }

    /// The condition in JQL.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A query: a condition, which may be empty, and the order of what is found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Jql {
    text: String,
    /// Where `ORDER BY` begins; at the end if there is none.
    order_at: usize,
}

impl Jql {
    /// A query with a condition, in an order such as `created DESC`.
    pub fn new(condition: &Condition, order: &str) -> Self {
        Self { text: format!("{} ORDER BY {order}", condition.as_str()), order_at: condition.as_str().len() }
    }

    /// Takes a query from elsewhere. Only where its order begins is looked for; whether it is a query at all is for
    /// Jira's parser to say ([`crate::JiraSite::parse_jql`]).
    pub fn from_text(text: String) -> Self {
        let order_at = order_at(&text).unwrap_or(text.len());
        Self { text, order_at }
    }

    /// The query as it is, without limits.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The query for a connection with this reach: as it is, or limited to some projects.
    ///
    /// # Errors
    /// [`JiraError::ProjectNotAllowed`] if there are no projects.
    pub(crate) fn within(&self, reach: &Reach) -> Result<Cow<'_, str>, JiraError> {
        let Some(projects) = reach.condition()? else { return Ok(self.text.as_str().into()) };
        let (condition, order) = self.text.split_at(self.order_at);
        let (condition, order) = (condition.trim(), order.trim());
        let limited = match condition {
            "" => format!("{projects} {order}"),
            condition => format!("{projects} AND ({condition}) {order}"),
        };
        Ok(limited.trim_end().to_owned().into())
    }
}

/// Where `ORDER BY` begins in a query. Both words are reserved, so in a valid query they stand nowhere else outside of
/// quotes.
fn order_at(text: &str) -> Option<usize> {
    let mut quote = None;
    let mut is_escaped = false;
    let mut is_in_word = false;
    for (at, character) in text.char_indices() {
        if let Some(open) = quote {
            if !is_escaped && character == open {
                quote = None;
            }
            is_escaped = !is_escaped && character == '\\';
            continue;
        }
        if "\"'".contains(character) {
            quote = Some(character);
            is_in_word = false;
            continue;
        }
        let is_word = character.is_alphanumeric() || "_-.\\".contains(character);
        if is_word && !is_in_word && begins_order(&text[at..]) {
            return Some(at);
        }
        is_in_word = is_word;
    }
    None
}

fn begins_order(text: &str) -> bool {
    let mut words = text.split_whitespace();
    let first = words.next().is_some_and(|word| word.eq_ignore_ascii_case("order"));
    let second =
        words.next().and_then(|word| word.get(..2)).is_some_and(|word| word.eq_ignore_ascii_case("by"));
    first && second
}

/// A name is quoted, because it may be a reserved word. A number is not, because in quotes it could match a name.
fn name_or_id(text: &str) -> String {
    if is_number(text) { text.to_owned() } else { quoted(text) }
}

/// Returns a text as a string of JQL. Jira's grammar has no control characters and no Unicode non-characters in
/// strings, but an escape for each.
fn quoted(text: &str) -> String {
    let mut string = String::with_capacity(text.len() + 2);
    string.push('"');
    for character in text.chars() {
        match character {
            '"' | '\\' => string.extend(['\\', character]),
            '\u{fdd0}'..='\u{fdef}' | '\u{fffe}' | '\u{ffff}' => escape(&mut string, character),
            _ if character.is_control() => escape(&mut string, character),
            _ => string.push(character),
        }
    }
    string.push('"');
    string
}

/// Only for characters below U+10000.
fn escape(string: &mut String, character: char) {
    // Writing to a string cannot fail.
    _ = write!(string, "\\u{:04x}", u32::from(character));
}

/// Returns the words of a text, without what a text search would take as an operator: an unbalanced `(` or a leading
/// `*` is an error in Jira, `-` excludes. Nothing is lost, because Jira does not index these characters
/// (<https://confluence.atlassian.com/jirasoftwareserver082/search-syntax-for-text-fields-974359692.html>).
fn words(text: &str) -> String {
    let is_operator = |c: char| "+-&|!(){}[]^~*?:\\/\"<>=".contains(c);
    let words = text.split(|c: char| c.is_whitespace() || c.is_control() || is_operator(c));
    let words = words.filter(|word| word.chars().any(char::is_alphanumeric)).map(|word| match word {
        "AND" | "OR" | "NOT" | "TO" => word.to_ascii_lowercase(),
        word => word.to_owned(),
    });
    words.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn limited(query: &str) -> String {
        let reach = Reach::Projects(vec!["1".to_owned(), "2".to_owned()]);
        Jql::from_text(query.to_owned()).within(&reach).unwrap().into_owned()
    }

    #[test]
    fn a_query_is_limited_before_its_order() {
        for (query, expected) in [
            ("key = A-1", "project in (1, 2) AND (key = A-1)"),
            ("key = A-1 OR key = B-1", "project in (1, 2) AND (key = A-1 OR key = B-1)"),
            ("key = A-1 ORDER BY key", "project in (1, 2) AND (key = A-1) ORDER BY key"),
            (
                "key = A-1\norder\n\tby key, \"order by\"",
                "project in (1, 2) AND (key = A-1) order\n\tby key, \"order by\"",
            ),
            ("(key = A-1)Order By key", "project in (1, 2) AND ((key = A-1)) Order By key"),
            ("text ~ \"a\"ORDER BY key", "project in (1, 2) AND (text ~ \"a\") ORDER BY key"),
            ("ORDER BY key", "project in (1, 2) ORDER BY key"),
            ("text ~ \"order by a\"", "project in (1, 2) AND (text ~ \"order by a\")"),
            ("text ~ 'order by a'", "project in (1, 2) AND (text ~ 'order by a')"),
            (r#"text ~ "\" order by a""#, r#"project in (1, 2) AND (text ~ "\" order by a")"#),
            (r#"text ~ "\\" order by a"#, r#"project in (1, 2) AND (text ~ "\\") order by a"#),
            ("reorder = 1 AND orderby = 2", "project in (1, 2) AND (reorder = 1 AND orderby = 2)"),
            ("é = 1 ORDER BY é", "project in (1, 2) AND (é = 1) ORDER BY é"),
        ] {
            assert_eq!(limited(query), expected);
        }
    }

    #[test]
    fn a_query_without_limits_is_sent_as_it_is() {
        let query = Jql::from_text(" key = A-1  ORDER  BY key".to_owned());
        assert_eq!(query.within(&Reach::Everything).unwrap(), query.as_str());
        assert!(query.within(&Reach::Projects(vec![])).is_err());
        let ours = Jql::new(&Condition::label("order by"), "key");
        assert_eq!(ours.within(&Reach::Everything).unwrap(), "labels = \"order by\" ORDER BY key");
        let reach = Reach::Projects(vec!["1".to_owned()]);
        assert_eq!(ours.within(&reach).unwrap(), "project in (1) AND (labels = \"order by\") ORDER BY key");
    }

    /// A token of JQL, by Jira's grammar.
    #[derive(Debug, PartialEq)]
    enum Token {
        Word(String),
        Text(String),
    }

    /// Splits JQL as Jira's lexer does; `None` if it is malformed.
    fn tokens(jql: &str) -> Option<Vec<Token>> {
        let mut tokens = Vec::new();
        let mut rest = jql.chars().peekable();
        while let Some(first) = rest.next() {
            if first == ' ' {
                continue;
            }
            if first != '"' {
                let mut word = String::from(first);
                while let Some(next) = rest.next_if(|c| *c != ' ' && *c != '"') {
                    word.push(next);
                }
                tokens.push(Token::Word(word));
                continue;
            }
            let mut text = String::new();
            loop {
                match rest.next()? {
                    '"' => break,
                    '\\' => match rest.next()? {
                        'u' => {
                            let digits: String = (0..4).map_while(|_| rest.next()).collect();
                            text.push(char::from_u32(u32::from_str_radix(&digits, 16).ok()?)?);
                        }
                        escaped @ ('"' | '\\') => text.push(escaped),
                        _ => return None,
                    },
                    '\u{fdd0}'..='\u{fdef}' | '\u{fffe}' | '\u{ffff}' => return None,
                    control if control.is_control() => return None,
                    other => text.push(other),
                }
            }
            tokens.push(Token::Text(text));
        }
        Some(tokens)
    }

    fn three(field: &str, operator: &str, value: &str) -> Option<Vec<Token>> {
        let word = |text: &str| Token::Word(text.to_owned());
        Some(vec![word(field), word(operator), Token::Text(value.to_owned())])
    }

    /// Any text, and more often than by chance one that could break out of quotes.
    fn hostile() -> impl Strategy<Value = String> {
        let pieces = prop_oneof![
            any::<char>().prop_map(String::from),
            prop::sample::select(vec![
                "\"",
                "\\",
                "\\\"",
                "'",
                "\n",
                "\0",
                "\u{fdd0}",
                "\u{ffff}",
                " OR ",
                " AND ",
                ")",
                "(",
                "ORDER BY",
                "*",
                "~",
                "--",
                "\\u0022",
                "EMPTY",
                "currentUser()",
                " ",
            ])
            .prop_map(str::to_owned),
        ];
        prop::collection::vec(pieces, 0..20).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #[test]
        fn limits_begin_every_query(query in hostile()) {
            prop_assert!(limited(&query).starts_with("project in (1, 2)"));
        }

        #[test]
        fn any_text_stays_one_value(text in hostile()) {
            prop_assert_eq!(tokens(Condition::label(&text).as_str()), three("labels", "=", &text));
            prop_assert_eq!(tokens(Condition::assignee(Some(&text)).as_str()), three("assignee", "=", &text));
            let status = Condition::status(&[format!("x{text}")]);
            let list = status.as_str().strip_prefix("status in (").and_then(|list| list.strip_suffix(')'));
            prop_assert_eq!(tokens(list.unwrap()), Some(vec![Token::Text(format!("x{text}"))]));
        }

        #[test]
        fn a_text_search_has_words_only(text in hostile()) {
            let Some(condition) = Condition::text(&text) else {
                prop_assert!(!text.chars().any(char::is_alphanumeric), "{}", text);
                return Ok(());
            };
            let searched = words(&text);
            prop_assert_eq!(tokens(condition.as_str()), three("text", "~", &searched));
            for word in searched.split(' ') {
                prop_assert!(word.chars().any(char::is_alphanumeric), "{}", searched);
                prop_assert!(!["AND", "OR", "NOT", "TO"].contains(&word), "{}", searched);
                prop_assert!(!word.contains(|c| "+-&|!(){}[]^~*?:\\/\"<>=".contains(c)), "{}", searched);
            }
        }
    }

    #[test]
    fn names_are_quoted_and_numbers_are_not() {
        let project = |id: &str| Condition::project(&ProjectId::parse(id).unwrap());
        assert_eq!(project("10000").as_str(), "project = 10000");
        assert_eq!(project("AND").as_str(), "project = \"AND\"");
        assert_eq!(Condition::sprint(&SprintId::parse("501").unwrap()).as_str(), "sprint = 501");
        let names = ["3", "To Do", "EMPTY"].map(str::to_owned);
        assert_eq!(Condition::status(&names).as_str(), "status in (3, \"To Do\", \"EMPTY\")");
        assert_eq!(Condition::status_category("done").as_str(), "statusCategory = \"done\"");
        assert_eq!(Condition::assignee(None).as_str(), "assignee is EMPTY");
        let both = project("AB").and(&Condition::label("a\"b\\"));
        assert_eq!(both.as_str(), "project = \"AB\" AND labels = \"a\\\"b\\\\\"");
        assert_eq!(quoted("a\u{ffff}\n"), "\"a\\uffff\\u000a\"");
    }

    #[test]
    fn a_moment_is_rounded_down_to_its_minute() {
        let at = |milliseconds: i128| {
            let moment = OffsetDateTime::from_unix_timestamp_nanos(milliseconds * 1_000_000).unwrap();
            Condition::updated_since(moment).0
        };
        assert_eq!(at(1_732_877_091_887), "updated >= 1732877040000");
        assert_eq!(at(1_732_877_040_000), "updated >= 1732877040000");
        assert_eq!(at(0), "updated >= 0");
        assert_eq!(at(-5), "updated >= 0", "before there was Jira");
    }

    #[test]
    fn a_text_becomes_its_words() {
        for (text, searched) in [
            ("full screen", Some("full screen")),
            ("  (broken [text  ", Some("broken text")),
            ("*x? -y AND NOT z", Some("x y and not z")),
            ("NullPointerException: foo.bar(\"x\")", Some("NullPointerException foo.bar x")),
            ("Möwe 船", Some("Möwe 船")),
            ("?!*", None),
            ("", None),
        ] {
            let expected = searched.map(|words| format!("text ~ \"{words}\""));
            assert_eq!(Condition::text(text).map(|condition| condition.0), expected, "{text}");
        }
    }
}
