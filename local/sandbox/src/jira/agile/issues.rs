//! The issues of boards and sprints: `/rest/software/1.0/…/issue`, paged by token, and the lists of
//! `/rest/agile/1.0` that it replaces, which are gone
//! (announced 2026-05-01 in <https://developer.atlassian.com/cloud/jira/software/changelog/>).

use std::sync::Arc;

use axum::Router;
use axum::extract::{Extension, Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use axum::routing::{any, get};

use super::super::super::{AppState, Shared, resources};
use super::super::contract::Input;
use super::super::jql::Test;
use super::super::search::{self, Request, Scope};
use super::super::{Refusal, Scopes, View};
use super::{boards, sprints};

const SPRINT_SCOPES: Scopes = Scopes {
    classic: &[],
    granular: &["read:sprint:jira-software", "read:issue-details:jira", "read:jql:jira"],
};

const BOARD_SCOPES: Scopes =
    Scopes { classic: &[], granular: &["read:board-scope:jira-software", "read:issue-details:jira"] };

/// Lists of issues that answer 410 by now.
pub(in super::super) const REMOVED: [&str; 7] = [
    "/rest/agile/1.0/sprint/{sprint_id}/issue",
    "/rest/agile/1.0/board/{board_id}/issue",
    "/rest/agile/1.0/board/{board_id}/backlog",
    "/rest/agile/1.0/board/{board_id}/sprint/{sprint_id}/issue",
    "/rest/agile/1.0/board/{board_id}/epic/{epic_id}/issue",
    "/rest/agile/1.0/epic/{epic_id}/issue",
    "/rest/agile/1.0/epic/none/issue",
];

pub(super) fn router() -> Router<Arc<Shared>> {
    let router = Router::new()
        .route("/rest/software/1.0/sprint/{sprint_id}/issue", get(of_sprint))
        .route("/rest/software/1.0/board/{board_id}/issue", get(of_board));
    REMOVED.iter().fold(router, |router, path| router.route(path, any(removed)))
}

async fn of_sprint(
    State(shared): AppState,
    Path((cloud_id, sprint_id)): Path<(String, String)>,
    headers: HeaderMap,
    Extension(input): Extension<Input>,
) -> Result<Response, Refusal> {
    let view = View::open(&shared, &headers, &cloud_id, &SPRINT_SCOPES)?;
    let id = sprints::find(&view.read().sprints, &sprint_id)?.id;
    let scope = Scope { name: format!("sprint {id}"), test: Test::Sprint(vec![id]) };
    search::page(&view, input.query::<Request>()?, Some(scope))
}

async fn of_board(
    State(shared): AppState,
    Path((cloud_id, board_id)): Path<(String, String)>,
    headers: HeaderMap,
    Extension(input): Extension<Input>,
) -> Result<Response, Refusal> {
    let view = View::open(&shared, &headers, &cloud_id, &BOARD_SCOPES)?;
    let project = boards::find(&view.read().boards, &board_id)?.project;
    let scope = Scope { name: format!("board {board_id}"), test: Test::Project(vec![project]) };
    search::page(&view, input.query::<Request>()?, Some(scope))
}

async fn removed(State(shared): AppState, headers: HeaderMap) -> Result<Response, Refusal> {
    resources::authenticate(&shared, &headers)?;
    let text = "The requested API has been removed. Please use /rest/software/1.0 instead.";
    Err(Refusal::violation(StatusCode::GONE, text, "this list of issues has been removed"))
}
