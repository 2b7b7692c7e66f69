//! Projects of any size, generated on request.

use std::sync::Arc;

use serde_json::json;
use time::{Duration, OffsetDateTime};

use super::tracker::Tracker;
use super::tracker::agile::{Board, BoardKind, Sprint, SprintState};
use super::tracker::catalog::{DONE, IN_PROGRESS, ISSUE_TYPES, PRIORITIES, TO_DO};
use super::tracker::issue::{Estimate, Issue};

/// A project to create.
#[derive(Clone, Debug)]
pub struct NewProject {
    /// Capital letters and digits, starting with a letter; unique on the site.
    pub key: String,
    /// The number of issues.
    pub issues: usize,
    /// The number of scrum boards.
    pub boards: usize,
    /// The number of sprints per board. The last is future, the one before it active, the others closed; a single
    /// one is active. The issues are spread over all sprints and the backlog.
    pub sprints_per_board: usize,
}

/// What was created; ids are in the order of creation.
#[derive(Clone, Debug)]
pub struct CreatedProject {
    /// The project's id.
    pub id: u64,
    /// The project's key.
    pub key: String,
    /// Ids of the boards.
    pub boards: Vec<u64>,
    /// Ids of all sprints, grouped by board.
    pub sprints: Vec<u64>,
}

/// Fills an existing project.
pub(crate) fn fill(tracker: &mut Tracker, id: u64, new: &NewProject) -> CreatedProject {
    let mut made = CreatedProject { id, key: new.key.clone(), boards: Vec::new(), sprints: Vec::new() };
    for number in 1..=new.boards {
        let board = tracker.add_board(Board {
            id: 0,
            name: format!("{} board {number}", new.key),
            kind: BoardKind::Scrum,
            project: id,
            private: false,
            sprints: Vec::new(),
        });
        made.boards.push(board);
        for position in 0..new.sprints_per_board {
            let sprint = sprint_at(board, position, new.sprints_per_board);
            made.sprints.push(tracker.add_sprint(sprint));
        }
    }
    let template = Template::new();
    for number in 0..new.issues {
        tracker.add(template.issue(id, number, &made.sprints));
    }
    made
}

/// The sprint at a position in a board's plan.
fn sprint_at(board: u64, position: usize, of: usize) -> Sprint {
    let state = match of - position {
        1 if of > 1 => SprintState::Future,
        1 | 2 => SprintState::Active,
        _ => SprintState::Closed,
    };
    let begin = first_day() + Duration::weeks(2 * i64::try_from(position).unwrap_or_default());
    Sprint {
        id: 0,
        name: format!("Sprint {}", position + 1),
        state,
        goal: position.is_multiple_of(2).then(|| "Reach the harbour".to_owned()),
        origin_board: board,
        created: begin - Duration::days(3),
        start: (state != SprintState::Future).then_some(begin),
        end: (state != SprintState::Future).then_some(begin + Duration::weeks(2)),
        completed: (state == SprintState::Closed).then_some(begin + Duration::weeks(2) + Duration::hours(2)),
    }
}

/// 2026-01-05T09:00:00Z.
pub(super) fn first_day() -> OffsetDateTime {
    OffsetDateTime::UNIX_EPOCH + Duration::seconds(1_767_603_600)
}

/// What generated issues have in common.
struct Template {
    people: [Arc<str>; 2],
    descriptions: [Arc<str>; 2],
}

impl Template {
    fn new() -> Self {
        let document = |text: &str| {
            let paragraph = json!({ "type": "paragraph", "content": [{ "type": "text", "text": text }] });
            json!({ "type": "doc", "version": 1, "content": [paragraph] }).to_string().into()
        };
        Self {
            people: ["ada".into(), "sam".into()],
            descriptions: [document("Check it before the tide turns."), document("Two hands are enough.")],
        }
    }

    fn issue(&self, project: u64, number: usize, sprints: &[u64]) -> Issue {
        const TYPES: [usize; 4] = [0, 1, 3, 0];
        let minutes = i64::try_from(number / 2).unwrap_or_default();
        // Pairs share a creation time, as imported issues do.
        let created = first_day() + Duration::minutes(minutes);
        let person = |index: usize| Arc::clone(&self.people[index % 2]);
        let sprint = (number % (sprints.len() + 1)).checked_sub(1).map(|index| sprints[index]);
        Issue {
            description: (!number.is_multiple_of(3)).then(|| Arc::clone(&self.descriptions[number % 2])),
            issue_type: &ISSUE_TYPES[TYPES[number % 4]],
            status: [&TO_DO, &IN_PROGRESS, &DONE][number % 3],
            resolution: (number % 3 == 2).then_some(0),
            priority: (!number.is_multiple_of(7)).then(|| &PRIORITIES[number % 5]),
            assignee: (!number.is_multiple_of(4)).then(|| person(number)),
            sprints: sprint.into_iter().collect(),
            estimate: Estimate { original: number.is_multiple_of(5).then_some(7200), ..Estimate::default() },
            ..Issue::new(project, format!("Item {} of the cargo list", number + 1), person(0), created)
        }
    }
}
