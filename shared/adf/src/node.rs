//! Inline nodes that are links in Markdown: mentions, dates, statuses and smart links.
//!
//! These links are readable, and nobody would write them otherwise, so they come back as the same nodes.

use time::format_description::well_known::Iso8601;
use time::{Date, OffsetDateTime};

use super::characters::{is_line_end, without_controls};
use super::destination::{destination, is_web};

const MENTION: &str = "accountid:";
const DATE: &str = "date:";
const STATUS: &str = "status:";

/// The link titles that stand for a card.
const CARDS: [(Card, &str); 3] =
    [(Card::Inline, "smart link"), (Card::Block, "card"), (Card::Embed, "embedded")];

const COLORS: [&str; 6] = ["neutral", "purple", "blue", "red", "yellow", "green"];

const DAY: i64 = 24 * 60 * 60 * 1_000;

/// A node that is part of a line like a word. It has no marks.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Node {
    /// `[@Ada](accountid:5b10a2844c20165700ede21g)`
    Mention {
        id: String,
        /// Includes the `@`.
        text: String,
    },
    /// Milliseconds since 1970: `[2026-11-20](date:)`. If it is not midnight UTC, the destination contains the
    /// milliseconds.
    Date(i64),
    /// `[In progress](status:blue)`
    Status { text: String, color: &'static str },
    /// `[https://example.com](https://example.com "smart link")`
    Card { url: String, card: Card },
}

/// How a smart link is displayed. Cards other than inline ones are alone in their paragraph.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Card {
    Inline,
    Block,
    Embed,
}

/// Whether a destination represents a node; links cannot have it.
pub(super) fn is_node(destination: &str) -> bool {
    [MENTION, DATE, STATUS].iter().any(|scheme| destination.starts_with(scheme))
}

impl Node {
    pub(super) fn mention(id: &str, text: &str) -> Option<Self> {
        let is_account = (1..=128).contains(&id.len())
            && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b":-_.".contains(&byte));
        let text = shown(text);
        let name = text.trim_start_matches('@').trim_start();
        (is_account && !name.is_empty())
            .then(|| Self::Mention { id: id.to_owned(), text: format!("@{name}") })
    }

    pub(super) fn date(milliseconds: i64) -> Option<Self> {
        let node = Self::Date(milliseconds);
        day(milliseconds).map(|_| node)
    }

    /// Unknown colours become neutral.
    pub(super) fn status(text: &str, color: &str) -> Option<Self> {
        let color = COLORS.into_iter().find(|known| *known == color).unwrap_or("neutral");
        let text = shown(text);
        (!text.is_empty()).then_some(Self::Status { text, color })
    }

    pub(super) fn card(url: &str, card: Card) -> Option<Self> {
        let url = destination(url);
        is_web(&url).then_some(Self::Card { url, card })
    }

    /// Returns the node that a link represents.
    pub(super) fn of_link(text: &str, destination: &str, title: &str) -> Option<Self> {
        if let Some(id) = destination.strip_prefix(MENTION) {
            return Self::mention(id, text).filter(|_| text.starts_with('@'));
        }
        if let Some(color) = destination.strip_prefix(STATUS) {
            return Self::status(text, color);
        }
        if let Some(moment) = destination.strip_prefix(DATE) {
            return if moment.is_empty() {
                let day = Date::parse(text, &Iso8601::DATE).ok()?;
                Self::date(day.midnight().assume_utc().unix_timestamp().checked_mul(1_000)?)
            } else {
                Self::date(moment.parse().ok()?)
            };
        }
        let (card, _) = CARDS.into_iter().find(|(_, known)| *known == title)?;
        Self::card(destination, card).filter(|_| text == destination)
    }

    /// Returns the link that represents this node: text, destination and title.
    pub(super) fn link(&self) -> (String, String, Option<&'static str>) {
        match self {
            Self::Mention { id, text } => (text.clone(), format!("{MENTION}{id}"), None),
            Self::Date(milliseconds) => {
                let day_begins = milliseconds.rem_euclid(DAY) == 0;
                let moment = if day_begins { String::new() } else { milliseconds.to_string() };
                (day(*milliseconds).unwrap_or_default(), format!("{DATE}{moment}"), None)
            }
            Self::Status { text, color } => (text.clone(), format!("{STATUS}{color}"), None),
            Self::Card { url, card } => {
                let title = CARDS.into_iter().find(|(known, _)| known == card).map(|(_, title)| title);
                (url.clone(), url.clone(), title)
            }
        }
    }
}

/// Formats the day of a timestamp, `2026-11-20`.
fn day(milliseconds: i64) -> Option<String> {
    let moment = OffsetDateTime::from_unix_timestamp(milliseconds.div_euclid(1_000)).ok()?;
    // Four-digit years only, which `[…](date:)` can be parsed from.
    (0..=9_999).contains(&moment.year()).then(|| moment.date().to_string())
}

/// Returns a text on one line, with single spaces between words.
fn shown(text: &str) -> String {
    let text = without_controls(text).replace(is_line_end, " ");
    text.split([' ', '\t']).filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}
