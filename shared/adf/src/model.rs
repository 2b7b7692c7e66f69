//! The tree between Markdown and ADF, with everything that Markdown can express.
//!
//! `parse` and `read` build it, `normalize` brings it into the structure that ADF allows, and `write` and `render`
//! output ADF and Markdown.

use std::sync::Arc;

use super::characters::is_space;
use super::node::{Card, Node};
use super::panel::Panel;

/// A block. Blocks follow each other from top to bottom.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Block {
    Paragraph(Vec<Inline>),
    Heading(u8, Vec<Inline>),
    Quote(Vec<Block>),
    Panel(Panel, Vec<Block>),
    List(List),
    Code {
        language: Option<String>,
        text: String,
    },
    Rule,
    /// Rows of cells, each a list of blocks; the first row is the header.
    Table(Vec<Vec<Vec<Block>>>),
    Image(Image),
    /// A decision list, one line per decision.
    Decisions(Vec<Vec<Inline>>),
    /// A smart link alone in its paragraph; never an inline one.
    Card {
        url: String,
        card: Card,
    },
}

/// A bullet list, an ordered list (`start` is its first number) or a task list.
///
/// After `normalize`, a list is a task list if its first item is a task: then all items are tasks, and an item
/// contains one paragraph, followed by task lists only.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct List {
    pub(super) start: Option<u64>,
    pub(super) items: Vec<Item>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Item {
    /// For a task, whether it is done; `None` in other lists.
    pub(super) task: Option<bool>,
    pub(super) blocks: Vec<Block>,
}

/// A piece of a line.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Inline {
    Text(Text),
    Break,
    Image(Image),
    Node(Node),
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Text {
    pub(super) text: String,
    pub(super) marks: Marks,
}

/// The style of a text. `code` can only be combined with a link, because ADF allows nothing else.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Marks {
    pub(super) strong: bool,
    pub(super) em: bool,
    pub(super) strike: bool,
    pub(super) code: bool,
    pub(super) link: Option<Arc<Link>>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Link {
    pub(super) href: String,
    pub(super) title: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Image {
    pub(super) url: String,
    pub(super) alt: String,
    pub(super) link: Option<Arc<Link>>,
}

impl Inline {
    pub(super) fn text(text: impl Into<String>) -> Self {
        Self::marked(text, Marks::default())
    }

    pub(super) fn strong(text: impl Into<String>) -> Self {
        Self::marked(text, Marks { strong: true, ..Marks::default() })
    }

    pub(super) fn marked(text: impl Into<String>, marks: Marks) -> Self {
        Self::Text(Text { text: text.into(), marks })
    }

    /// Whether it shows nothing.
    pub(super) fn is_blank(&self) -> bool {
        match self {
            Self::Text(text) => !text.marks.code && text.text.chars().all(is_space),
            Self::Break => true,
            Self::Image(_) | Self::Node(_) => false,
        }
    }

    /// Returns its marks; only text has any.
    pub(super) fn marks(&self) -> &Marks {
        static NONE: Marks = Marks { strong: false, em: false, strike: false, code: false, link: None };
        match self {
            Self::Text(text) => &text.marks,
            Self::Break | Self::Image(_) | Self::Node(_) => &NONE,
        }
    }
}

impl Marks {
    /// Returns the marks that both have.
    pub(super) fn common(&self, other: &Self) -> Self {
        Self {
            strong: self.strong && other.strong,
            em: self.em && other.em,
            strike: self.strike && other.strike,
            code: self.code && other.code,
            link: self.link.clone().filter(|_| self.link == other.link),
        }
    }
}

impl List {
    pub(super) fn is_tasks(&self) -> bool {
        self.items.first().is_some_and(|item| item.task.is_some())
    }
}
