//! `GET /rest/agile/1.0/board` and `/board/{boardId}`.
//! See <https://developer.atlassian.com/cloud/jira/software/rest/api-group-board/>.

use std::sync::Arc;

use axum::extract::{Extension, Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::get;
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::Value;

use super::page::{Paging, page};
use super::sprints::find_board;
use crate::jira::contract::Input;
use crate::jira::objects;
use crate::jira::refusal::Refusal;
use crate::jira::view::{Scopes, View};
use crate::shared::{AppState, Shared};
use crate::world::tracker::agile::Board;

const SCOPES: Scopes =
    Scopes { classic: &[], granular: &["read:board-scope:jira-software", "read:project:jira"] };

const ONE: Scopes =
    Scopes { classic: &[], granular: &["read:board-scope:jira-software", "read:issue-details:jira"] };

pub(super) fn router() -> Router<Arc<Shared>> {
    Router::new()
        .route("/rest/agile/1.0/board", get(boards))
        .route("/rest/agile/1.0/board/{board_id}", get(board))
}

async fn board(
    State(shared): AppState,
    Path((cloud_id, board_id)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<Json<Value>, Refusal> {
    let view = View::open(&shared, &headers, &cloud_id, &ONE)?;
    let tracker = view.read();
    Ok(Json(objects::board(&view, find_board(&tracker.boards, &board_id)?)))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Filter {
    project_key_or_id: Option<String>,
    #[serde(default)]
    include_private: bool,
    #[serde(flatten)]
    paging: Paging,
}

async fn boards(
    State(shared): AppState,
    Path(cloud_id): Path<String>,
    headers: HeaderMap,
    Extension(input): Extension<Input>,
) -> Result<Json<Value>, Refusal> {
    let view = View::open(&shared, &headers, &cloud_id, &SCOPES)?;
    let filter: Filter = input.query()?;
    let project = match &filter.project_key_or_id {
        Some(name) => Some(view.project(name).map(|project| project.id).ok_or_else(|| {
            let text = format!("No project could be found with key or id '{name}'.");
            Refusal::plain(StatusCode::BAD_REQUEST, &text)
        })?),
        None => None,
    };
    let tracker = view.read();
    let wanted = |board: &&Board| project.is_none_or(|project| board.project == project);
    let found = |private: bool| tracker.boards.values().filter(wanted).filter(move |b| b.private == private);
    let mut values: Vec<_> = found(false).map(|board| objects::board(&view, board)).collect();
    if filter.include_private {
        values.extend(found(true).map(|board| objects::board(&view, board)));
    }
    Ok(page(&filter.paging, values, true))
}
