//! Boards and sprints as they are kept.

use time::OffsetDateTime;

pub(in crate::atlassian) struct Board {
    pub(in crate::atlassian) id: u64,
    pub(in crate::atlassian) name: String,
    pub(in crate::atlassian) kind: BoardKind,
    /// Id of the project that the board's filter is about.
    pub(in crate::atlassian) project: u64,
    /// Listed only on request, and then without name and type.
    pub(in crate::atlassian) private: bool,
    /// Ids of the sprints that it lists, also some that were made on other boards.
    pub(in crate::atlassian) sprints: Vec<u64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::atlassian) enum BoardKind {
    Scrum,
    Kanban,
    /// The board of a team-managed project; this one has sprints.
    Simple,
}

impl BoardKind {
    pub(in crate::atlassian) fn name(self) -> &'static str {
        match self {
            Self::Scrum => "scrum",
            Self::Kanban => "kanban",
            Self::Simple => "simple",
        }
    }
}

pub(in crate::atlassian) struct Sprint {
    pub(in crate::atlassian) id: u64,
    pub(in crate::atlassian) name: String,
    pub(in crate::atlassian) state: SprintState,
    pub(in crate::atlassian) goal: Option<String>,
    /// Id of the board that it was made on.
    pub(in crate::atlassian) origin_board: u64,
    pub(in crate::atlassian) created: OffsetDateTime,
    /// Without it a sprint is only planned; it lasts two weeks.
    pub(in crate::atlassian) start: Option<OffsetDateTime>,
}

/// In the order of Jira's lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::atlassian) enum SprintState {
    Closed,
    Active,
    Future,
}

impl SprintState {
    pub(in crate::atlassian) fn name(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Active => "active",
            Self::Future => "future",
        }
    }
}
