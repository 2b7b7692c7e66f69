//! `POST /rest/agile/1.0/sprint` and `/sprint/{sprintId}`.
//! See <https://developer.atlassian.com/cloud/jira/software/rest/api-group-sprint/>.

use std::sync::Arc;

use axum::extract::{Extension, Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::Value;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::sprints::{find_board, find_sprint};
use crate::jira::contract::Input;
use crate::jira::objects;
use crate::jira::refusal::Refusal;
use crate::jira::view::{Scopes, View};
use crate::shared::{AppState, Shared};
use crate::world::tracker::Tracker;
use crate::world::tracker::agile::{BoardKind, Sprint, SprintState};

const MAX_NAME: usize = 30;

const SCOPES: Scopes = Scopes { classic: &[], granular: &["write:sprint:jira-software"] };

pub(super) fn router() -> Router<Arc<Shared>> {
    Router::new()
        .route("/rest/agile/1.0/sprint", post(create))
        .route("/rest/agile/1.0/sprint/{sprint_id}", post(update))
}

/// The fields of a sprint; those that are not sent are kept.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Fields {
    name: Option<String>,
    goal: Option<String>,
    start_date: Option<String>,
    end_date: Option<String>,
    state: Option<String>,
    origin_board_id: Option<u64>,
}

impl Fields {
    /// Sets the name, the goal and the dates.
    fn write(&self, sprint: &mut Sprint) -> Result<(), Refusal> {
        if let Some(name) = &self.name {
            let name = name.trim();
            if name.is_empty() || name.chars().count() > MAX_NAME {
                return Err(Refusal::misuse("The sprint name has 1 to 30 characters."));
            }
            sprint.name = name.to_owned();
        }
        if let Some(goal) = &self.goal {
            sprint.goal = Some(goal.clone()).filter(|goal| !goal.is_empty());
        }
        if let Some(start) = &self.start_date {
            sprint.start = Some(date(start)?);
        }
        if let Some(end) = &self.end_date {
            sprint.end = Some(date(end)?);
        }
        if sprint.start.zip(sprint.end).is_some_and(|(start, end)| start >= end) {
            return Err(refused("The start date of a sprint must be before the end date."));
        }
        Ok(())
    }
}

fn date(text: &str) -> Result<OffsetDateTime, Refusal> {
    OffsetDateTime::parse(text, &Rfc3339).map_err(|_| Refusal::misuse("a date is not in ISO 8601"))
}

fn refused(text: &str) -> Refusal {
    Refusal::plain(StatusCode::BAD_REQUEST, text)
}

/// Refuses accounts that may not manage sprints.
pub(super) fn check_permission(view: &View) -> Result<(), Refusal> {
    if view.settings.read_only {
        let text = "You do not have permission to do this: it needs the Manage Sprints or Schedule Issues permission.";
        return Err(Refusal::plain(StatusCode::FORBIDDEN, text));
    }
    Ok(())
}

async fn create(
    State(shared): AppState,
    Path(cloud_id): Path<String>,
    headers: HeaderMap,
    Extension(input): Extension<Input>,
) -> Result<(StatusCode, Json<Value>), Refusal> {
    let view = View::open(&shared, &headers, &cloud_id, &SCOPES)?;
    let fields: Fields = input.body()?;
    let (Some(board), Some(_)) = (fields.origin_board_id, &fields.name) else {
        return Err(Refusal::misuse("a sprint needs a board and a name"));
    };
    let mut tracker = view.write();
    let board = find_board(&tracker.boards, &board.to_string())?;
    if board.kind == BoardKind::Kanban {
        return Err(refused("The board does not support sprints"));
    }
    check_permission(&view)?;
    let mut sprint = Sprint {
        id: 0,
        name: String::new(),
        state: SprintState::Future,
        goal: None,
        origin_board: board.id,
        created: view.now,
        start: None,
        end: None,
        completed: None,
    };
    fields.write(&mut sprint)?;
    let id = tracker.add_sprint(sprint);
    let body = objects::sprint(&view, find_sprint(&tracker.sprints, &id.to_string())?);
    Ok((StatusCode::CREATED, Json(body)))
}

async fn update(
    State(shared): AppState,
    Path((cloud_id, sprint_id)): Path<(String, String)>,
    headers: HeaderMap,
    Extension(input): Extension<Input>,
) -> Result<Json<Value>, Refusal> {
    let view = View::open(&shared, &headers, &cloud_id, &SCOPES)?;
    let fields: Fields = input.body()?;
    let mut tracker = view.write();
    let mut sprint = find_sprint(&tracker.sprints, &sprint_id)?.clone();
    check_permission(&view)?;
    let has_more = fields.start_date.is_some() || fields.end_date.is_some() || fields.state.is_some();
    if sprint.state == SprintState::Closed && has_more {
        return Err(refused("Only the name and the goal of a completed sprint can be changed."));
    }
    fields.write(&mut sprint)?;
    if let Some(state) = &fields.state {
        change_state(&tracker, &mut sprint, state, view.now)?;
    }
    let body = objects::sprint(&view, &sprint);
    tracker.sprints.insert(sprint.id, sprint);
    Ok(Json(body))
}

/// A future sprint can be started and an active one completed, nothing else.
fn change_state(
    tracker: &Tracker,
    sprint: &mut Sprint,
    state: &str,
    now: OffsetDateTime,
) -> Result<(), Refusal> {
    match (sprint.state, state) {
        (SprintState::Future, "active") => {
            if sprint.start.is_none() || sprint.end.is_none() {
                return Err(refused("The sprint needs a start date and an end date to be started."));
            }
            let is_other = |other: &&Sprint| {
                other.origin_board == sprint.origin_board && other.state == SprintState::Active
            };
            if tracker.sprints.values().any(|other| is_other(&other)) {
                return Err(refused(
                    "The board has an active sprint already, and parallel sprints are not enabled.",
                ));
            }
            sprint.state = SprintState::Active;
        }
        (SprintState::Active, "closed") => {
            sprint.state = SprintState::Closed;
            sprint.completed = Some(now);
        }
        (_, "active" | "closed" | "future") => {
            let text = format!("A sprint in the state '{}' cannot be set to '{state}'.", sprint.state.name());
            return Err(refused(&text));
        }
        _ => return Err(Refusal::misuse(&format!("{state:?} is not a state of a sprint"))),
    }
    Ok(())
}
