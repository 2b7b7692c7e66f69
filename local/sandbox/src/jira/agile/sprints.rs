//! `GET /rest/agile/1.0/board/{boardId}/sprint` and `/sprint/{sprintId}`.
//! See <https://developer.atlassian.com/cloud/jira/software/rest/api-group-sprint/>.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::{Extension, Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::get;
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::Value;

use super::page::{Paging, page};
use crate::jira::contract::Input;
use crate::jira::objects;
use crate::jira::refusal::Refusal;
use crate::jira::view::{Scopes, View};
use crate::shared::{AppState, Shared};
use crate::world::tracker::agile::{Board, BoardKind, Sprint};

const SCOPES: Scopes = Scopes { classic: &[], granular: &["read:sprint:jira-software"] };

pub(super) fn router() -> Router<Arc<Shared>> {
    Router::new()
        .route("/rest/agile/1.0/board/{board_id}/sprint", get(sprints))
        .route("/rest/agile/1.0/sprint/{sprint_id}", get(sprint))
}

#[derive(Deserialize)]
struct Filter {
    #[serde(rename = "state", default)]
    states: Vec<String>,
    #[serde(flatten)]
    paging: Paging,
}

async fn sprints(
    State(shared): AppState,
    Path((cloud_id, board_id)): Path<(String, String)>,
    headers: HeaderMap,
    Extension(input): Extension<Input>,
) -> Result<Json<Value>, Refusal> {
    let view = View::open(&shared, &headers, &cloud_id, &SCOPES)?;
    let filter: Filter = input.query()?;
    if let Some(state) =
        filter.states.iter().find(|state| !["closed", "active", "future"].contains(&&***state))
    {
        return Err(Refusal::misuse(&format!("{state:?} is not a state of a sprint")));
    }
    let tracker = view.read();
    let board = find_board(&tracker.boards, &board_id)?;
    if board.kind == BoardKind::Kanban {
        return Err(Refusal::plain(StatusCode::BAD_REQUEST, "The board does not support sprints"));
    }
    let mut found: Vec<_> = board.sprints.iter().filter_map(|id| tracker.sprints.get(id)).collect();
    found.retain(|sprint| filter.states.is_empty() || filter.states.iter().any(|s| s == sprint.state.name()));
    found.sort_by_key(|sprint| sprint.state);
    let values = found.into_iter().map(|sprint| objects::sprint(&view, sprint)).collect();
    Ok(page(&filter.paging, values, false))
}

async fn sprint(
    State(shared): AppState,
    Path((cloud_id, sprint_id)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<Json<Value>, Refusal> {
    let view = View::open(&shared, &headers, &cloud_id, &SCOPES)?;
    let tracker = view.read();
    Ok(Json(objects::sprint(&view, find_sprint(&tracker.sprints, &sprint_id)?)))
}

/// Finds a board by id, which must be a number; private boards are hidden.
pub(super) fn find_board<'a>(boards: &'a BTreeMap<u64, Board>, id: &str) -> Result<&'a Board, Refusal> {
    let missing = || {
        let text = format!("Board does not exist or you do not have permission to see it: {id}");
        Refusal::plain(StatusCode::NOT_FOUND, &text)
    };
    let id: u64 = id.parse().map_err(|_| Refusal::misuse("a board's id is a number"))?;
    boards.get(&id).filter(|board| !board.private).ok_or_else(missing)
}

/// Finds a sprint by id, which must be a number.
pub(super) fn find_sprint<'a>(sprints: &'a BTreeMap<u64, Sprint>, id: &str) -> Result<&'a Sprint, Refusal> {
    let id: u64 = id.parse().map_err(|_| Refusal::misuse("a sprint's id is a number"))?;
    let missing = || Refusal::plain(StatusCode::NOT_FOUND, "Sprint does not exist.");
    sprints.get(&id).ok_or_else(missing)
}
