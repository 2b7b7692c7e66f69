//! The data of one site's Jira: issues, boards and sprints.

pub(crate) mod agile;
pub(crate) mod catalog;
pub(crate) mod comment;
pub(crate) mod cursor;
pub(crate) mod custom;
pub(crate) mod history;
pub(crate) mod issue;
pub(crate) mod link;
pub(crate) mod shape;
pub(crate) mod workflow;

use std::collections::{BTreeMap, HashMap, VecDeque};

use agile::{Anchor, Board, Sprint, SprintState};
use catalog::{LINK_TYPES, LinkType};
use cursor::Cursor;
use history::{Change, FieldChange};
use issue::Issue;
use link::Link;
use shape::ProjectShape;
use time::OffsetDateTime;

use super::directory::Project;

#[derive(Default)]
pub(crate) struct Tracker {
    pub(crate) issues: BTreeMap<u64, Issue>,
    pub(crate) boards: BTreeMap<u64, Board>,
    pub(crate) sprints: BTreeMap<u64, Sprint>,
    pub(crate) links: BTreeMap<u64, Link>,
    /// The results of searches that have more pages.
    pub(crate) cursors: VecDeque<Cursor>,
    /// The types of links that this site has besides those of every site.
    pub(crate) more_link_types: Vec<&'static LinkType>,
    /// The configurations that differ from the default, by project.
    pub(crate) shapes: HashMap<u64, ProjectShape>,
    /// Issue ids by project and number.
    keys: HashMap<(u64, u32), u64>,
    /// The last number used, by project.
    numbers: HashMap<u64, u32>,
    last_issue: u64,
    last_comment: u64,
    last_link: u64,
    last_change: u64,
    last_worklog: u64,
    last_attachment: u64,
    last_rank: u64,
}

/// No id of another kind is in this range, so that a mix-up finds nothing.
const FIRST_LINK: u64 = 900_001;

const FIRST_CHANGE: u64 = 700_001;

/// The types of every site come before.
const FIRST_LINK_TYPE: usize = 10_100;

/// The ids of different types do not overlap, so that a mix-up finds nothing.
const FIRST_ISSUE: u64 = 10_101;
const FIRST_BOARD: u64 = 1;
const FIRST_SPRINT: u64 = 501;
const FIRST_COMMENT: u64 = 5_000_001;
const FIRST_WORKLOG: u64 = 30_001;
const FIRST_ATTACHMENT: u64 = 40_001;

impl Tracker {
    /// Adds an issue, and assigns its id and number.
    pub(crate) fn add(&mut self, mut issue: Issue) -> u64 {
        let number = self.numbers.entry(issue.project).or_default();
        *number += 1;
        issue.number = *number;
        self.last_issue = (self.last_issue + 1).max(FIRST_ISSUE);
        issue.id = self.last_issue;
        self.last_rank += 1;
        issue.rank = self.last_rank;
        self.keys.insert((issue.project, issue.number), issue.id);
        self.issues.insert(issue.id, issue);
        self.last_issue
    }

    /// The configuration of a project.
    pub(crate) fn shape(&self, project: u64) -> ProjectShape {
        self.shapes.get(&project).cloned().unwrap_or_default()
    }

    /// Removes an issue with its links. Its number is not reused.
    pub(crate) fn remove(&mut self, id: u64) {
        if let Some(issue) = self.issues.remove(&id) {
            self.keys.remove(&(issue.project, issue.number));
            self.links.retain(|_, link| link.inward != id && link.outward != id);
        }
    }

    /// Finds an issue by id, or by key in any case.
    pub(crate) fn find(&self, projects: &[Project], id_or_key: &str) -> Option<&Issue> {
        if let Ok(id) = id_or_key.parse() {
            return self.issues.get(&id);
        }
        let (key, number) = id_or_key.rsplit_once('-')?;
        let project = projects.iter().find(|project| project.key.eq_ignore_ascii_case(key))?;
        self.issues.get(self.keys.get(&(project.id, number.parse().ok()?))?)
    }

    /// Returns the id of a new comment.
    pub(crate) fn next_comment(&mut self) -> u64 {
        self.last_comment = (self.last_comment + 1).max(FIRST_COMMENT);
        self.last_comment
    }

    /// Moves issues, in this order, before or after another one. Renumbers all ranks.
    pub(crate) fn rank(&mut self, ids: &[u64], anchor: Anchor) {
        let (Anchor::Before(id) | Anchor::After(id)) = anchor;
        // Ranking an issue against itself is accepted and changes nothing for it.
        let moved: Vec<u64> = ids.iter().copied().filter(|moved| *moved != id).collect();
        let mut order: Vec<u64> = self.issues.keys().copied().filter(|id| !moved.contains(id)).collect();
        order.sort_by_key(|id| self.issues.get(id).map(|issue| issue.rank));
        let at = order.iter().position(|known| *known == id).unwrap_or_default();
        let at = if matches!(anchor, Anchor::After(_)) { at + 1 } else { at };
        order.splice(at..at, moved);
        self.last_rank = order.len() as u64;
        for (rank, id) in (1..).zip(order) {
            if let Some(issue) = self.issues.get_mut(&id) {
                issue.rank = rank;
            }
        }
    }

    /// Takes an issue out of its active and future sprints. The closed ones are its history.
    pub(crate) fn leave_open_sprints(&mut self, id: u64) {
        let Some(issue) = self.issues.get_mut(&id) else { return };
        let is_closed = |sprint: &Sprint| sprint.state == SprintState::Closed;
        issue.sprints.retain(|sprint| self.sprints.get(sprint).is_some_and(is_closed));
    }

    pub(crate) fn children(&self, id: u64) -> impl Iterator<Item = &Issue> {
        self.issues.values().filter(move |issue| issue.parent == Some(id))
    }

    pub(crate) fn subtasks(&self, id: u64) -> impl Iterator<Item = &Issue> {
        self.children(id).filter(|issue| issue.issue_type.is_subtask())
    }

    pub(crate) fn add_board(&mut self, board: Board) -> u64 {
        let id = self.boards.keys().last().map_or(FIRST_BOARD, |id| id + 1);
        self.boards.insert(id, Board { id, ..board });
        id
    }

    /// Adds a sprint and lists it on its board.
    pub(crate) fn add_sprint(&mut self, sprint: Sprint) -> u64 {
        let id = self.sprints.keys().last().map_or(FIRST_SPRINT, |id| id + 1);
        if let Some(board) = self.boards.get_mut(&sprint.origin_board) {
            board.sprints.push(id);
        }
        self.sprints.insert(id, Sprint { id, ..sprint });
        id
    }

    /// Returns the id of the next attachment.
    pub(crate) fn next_attachment(&mut self) -> u64 {
        self.last_attachment = (self.last_attachment + 1).max(FIRST_ATTACHMENT);
        self.last_attachment
    }

    /// Returns the id of the next worklog.
    pub(crate) fn next_worklog(&mut self) -> u64 {
        self.last_worklog = (self.last_worklog + 1).max(FIRST_WORKLOG);
        self.last_worklog
    }

    /// Records a change of an issue, unless no field changed.
    pub(crate) fn record(&mut self, issue: u64, author: &str, at: OffsetDateTime, fields: Vec<FieldChange>) {
        let Some(issue) = self.issues.get_mut(&issue).filter(|_| !fields.is_empty()) else { return };
        self.last_change = (self.last_change + 1).max(FIRST_CHANGE);
        issue.history.push(Change { id: self.last_change, author: author.into(), created: at, fields });
    }

    /// The types of links.
    pub(crate) fn link_types(&self) -> impl Iterator<Item = &'static LinkType> {
        LINK_TYPES.iter().chain(self.more_link_types.iter().copied())
    }

    /// Adds a type of links, which is never freed. Returns its id.
    pub(crate) fn add_link_type(&mut self, name: &str, outward: &str, inward: &str) -> &'static str {
        let leak = |text: &str| -> &'static str { text.to_owned().leak() };
        let id = leak(&(FIRST_LINK_TYPE + self.more_link_types.len()).to_string());
        let kind = LinkType { id, name: leak(name), outward: leak(outward), inward: leak(inward) };
        self.more_link_types.push(Box::leak(Box::new(kind)));
        id
    }

    /// Adds a link, unless there is one like it. Returns whether it was added.
    pub(crate) fn link(&mut self, kind: &'static LinkType, inward: u64, outward: u64) -> bool {
        let is_same = |link: &Link| (link.kind.id, link.inward, link.outward) == (kind.id, inward, outward);
        if self.links.values().any(is_same) {
            return false;
        }
        self.last_link = (self.last_link + 1).max(FIRST_LINK);
        let id = self.last_link;
        self.links.insert(id, Link { id, kind, inward, outward });
        true
    }

    /// The links of an issue, in both directions.
    pub(crate) fn links_of(&self, issue: u64) -> impl Iterator<Item = &Link> {
        self.links.values().filter(move |link| link.inward == issue || link.outward == issue)
    }
}
