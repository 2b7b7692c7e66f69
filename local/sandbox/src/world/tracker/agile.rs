//! Boards and sprints.

use time::OffsetDateTime;

pub(crate) struct Board {
    pub(crate) id: u64,
    pub(crate) name: String,
    pub(crate) kind: BoardKind,
    /// Id of the project that the board's filter selects.
    pub(crate) project: u64,
    /// Listed only on request, and then without name and type.
    pub(crate) private: bool,
    /// Ids of the sprints that it lists, including some that were created on other boards.
    pub(crate) sprints: Vec<u64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BoardKind {
    Scrum,
    Kanban,
    /// The board of a team-managed project; this one has sprints.
    Simple,
}

impl BoardKind {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Scrum => "scrum",
            Self::Kanban => "kanban",
            Self::Simple => "simple",
        }
    }
}

#[derive(Clone)]
pub(crate) struct Sprint {
    pub(crate) id: u64,
    pub(crate) name: String,
    pub(crate) state: SprintState,
    pub(crate) goal: Option<String>,
    /// Id of the board that it was created on.
    pub(crate) origin_board: u64,
    pub(crate) created: OffsetDateTime,
    /// A future sprint may have none, as in the next field.
    pub(crate) start: Option<OffsetDateTime>,
    pub(crate) end: Option<OffsetDateTime>,
    /// When it was closed.
    pub(crate) completed: Option<OffsetDateTime>,
}

/// A position in the order of all issues: next to the issue with this id.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Anchor {
    Before(u64),
    After(u64),
}

/// In the order of Jira's lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum SprintState {
    Closed,
    Active,
    Future,
}

impl SprintState {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Active => "active",
            Self::Future => "future",
        }
    }
}
