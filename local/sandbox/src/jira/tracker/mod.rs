//! What one site's Jira holds: issues, boards and sprints.

mod agile;
mod generate;
mod issue;
mod seed;

use std::collections::{BTreeMap, HashMap};

pub(super) use agile::{Board, BoardKind, Sprint, SprintState};
pub use generate::{CreatedProject, NewProject};
pub(super) use issue::{Estimate, Issue};

use super::search::Cursors;
use crate::seed::Project;

#[derive(Default)]
pub(crate) struct Tracker {
    pub(super) issues: BTreeMap<u64, Issue>,
    pub(super) boards: BTreeMap<u64, Board>,
    pub(super) sprints: BTreeMap<u64, Sprint>,
    /// Open result lists of searches.
    pub(super) cursors: Cursors,
    /// Issue ids by project and number.
    keys: HashMap<(u64, u32), u64>,
    /// The last number that was given out, by project.
    numbers: HashMap<u64, u32>,
    last_issue: u64,
}

/// Ids of the three kinds start apart, so that a mix-up finds nothing.
const FIRST_ISSUE: u64 = 10_101;
const FIRST_BOARD: u64 = 1;
const FIRST_SPRINT: u64 = 501;

impl Tracker {
    /// The issues, boards and sprints that a site starts with.
    pub(crate) fn seeded(site: &str, projects: &[Project]) -> Self {
        let mut tracker = Self::default();
        seed::fill(&mut tracker, site, projects);
        tracker
    }

    /// Gives an issue its id and number and takes it in.
    pub(super) fn add(&mut self, mut issue: Issue) -> u64 {
        let number = self.numbers.entry(issue.project).or_default();
        *number += 1;
        issue.number = *number;
        self.last_issue = (self.last_issue + 1).max(FIRST_ISSUE);
        issue.id = self.last_issue;
        self.keys.insert((issue.project, issue.number), issue.id);
        self.issues.insert(issue.id, issue);
        self.last_issue
    }

    /// Takes an issue away for good. Its number is not given out again.
    pub(super) fn remove(&mut self, id: u64) {
        if let Some(issue) = self.issues.remove(&id) {
            self.keys.remove(&(issue.project, issue.number));
        }
    }

    /// Finds an issue by its id, or by its key in any case.
    pub(super) fn find(&self, projects: &[Project], id_or_key: &str) -> Option<&Issue> {
        if let Ok(id) = id_or_key.parse() {
            return self.issues.get(&id);
        }
        let (key, number) = id_or_key.rsplit_once('-')?;
        let project = projects.iter().find(|project| project.key.eq_ignore_ascii_case(key))?;
        self.issues.get(self.keys.get(&(project.id, number.parse().ok()?))?)
    }

    pub(super) fn children(&self, id: u64) -> impl Iterator<Item = &Issue> {
        self.issues.values().filter(move |issue| issue.parent == Some(id))
    }

    pub(super) fn subtasks(&self, id: u64) -> impl Iterator<Item = &Issue> {
        self.children(id).filter(|issue| issue.issue_type.is_subtask())
    }

    pub(super) fn add_board(&mut self, board: Board) -> u64 {
        let id = self.boards.keys().last().map_or(FIRST_BOARD, |id| id + 1);
        self.boards.insert(id, Board { id, ..board });
        id
    }

    /// Adds a sprint, which its board lists.
    pub(super) fn add_sprint(&mut self, sprint: Sprint) -> u64 {
        let id = self.sprints.keys().last().map_or(FIRST_SPRINT, |id| id + 1);
        if let Some(board) = self.boards.get_mut(&sprint.origin_board) {
            board.sprints.push(id);
        }
        self.sprints.insert(id, Sprint { id, ..sprint });
        id
    }
}
