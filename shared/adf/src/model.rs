//! What Markdown can say: the tree between Markdown and ADF.
//!
//! `parse` and `read` make it, `normalize` brings it into the shape that ADF allows, `write` and `render` say it
//! again in either language.

use std::sync::Arc;

use super::characters::is_space;
use super::node::{Card, Node};
use super::panel::Panel;

/// A block of text; blocks follow each other from top to bottom.
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
    /// Rows of cells of blocks; the first row is the header.
    Table(Vec<Vec<Vec<Block>>>),
    Image(Image),
    /// Lines of a list of decisions.
    Decisions(Vec<Vec<Inline>>),
    /// A smart link that stands alone; not an inline one.
    Card {
        url: String,
        card: Card,
    },
}

/// A bullet list, an ordered list (`start` is its first number), or a task list.
///
/// A list that `normalize` has seen is a task list when its first item is a task: then all are, and an item holds
/// one paragraph and nothing but task lists after it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct List {
    pub(super) start: Option<u64>,
    pub(super) items: Vec<Item>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Item {
    /// `None` for an item of an ordinary list; otherwise whether the task is done.
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

/// How a text looks. `code` stands alone or with a link: ADF allows nothing else beside it.
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

    /// Whether a reader would see anything of it.
    pub(super) fn is_blank(&self) -> bool {
        match self {
            Self::Text(text) => !text.marks.code && text.text.chars().all(is_space),
            Self::Break => true,
            Self::Image(_) | Self::Node(_) => false,
        }
    }

    /// Its marks; what is no text has none.
    pub(super) fn marks(&self) -> &Marks {
        static NONE: Marks = Marks { strong: false, em: false, strike: false, code: false, link: None };
        match self {
            Self::Text(text) => &text.marks,
            Self::Break | Self::Image(_) | Self::Node(_) => &NONE,
        }
    }
}

impl Marks {
    /// The marks that both have.
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
