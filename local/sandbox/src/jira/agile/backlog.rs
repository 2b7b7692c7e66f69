//! `GET /rest/software/1.0/board/{boardId}/backlog`: the issues of a board that are not done and in no active or future
//! sprint, by rank. Paged by token, like a search.
//! See <https://developer.atlassian.com/cloud/jira/software/rest/api-group-board/>.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Extension, Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use axum::routing::get;
use serde::Deserialize;

use super::sprints::find_board;
use crate::jira::contract::Input;
use crate::jira::refusal::Refusal;
use crate::jira::search::{Listed, list};
use crate::jira::view::{Scopes, View};
use crate::shared::{AppState, Shared};
use crate::world::tracker::Tracker;
use crate::world::tracker::agile::{BoardKind, SprintState};
use crate::world::tracker::issue::Issue;

const SCOPES: Scopes = Scopes {
    classic: &[],
    granular: &["read:board-scope:jira-software", "read:issue-details:jira", "read:jql:jira"],
};

pub(super) fn router() -> Router<Arc<Shared>> {
    Router::new().route("/rest/software/1.0/board/{board_id}/backlog", get(backlog))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Query {
    next_page_token: Option<String>,
    max_results: Option<i64>,
    fields: Option<Vec<String>>,
    #[serde(default)]
    reconcile_issues: Vec<u64>,
}

async fn backlog(
    State(shared): AppState,
    Path((cloud_id, board_id)): Path<(String, String)>,
    headers: HeaderMap,
    Extension(input): Extension<Input>,
) -> Result<Response, Refusal> {
    let view = View::open(&shared, &headers, &cloud_id, &SCOPES)?;
    let query: Query = input.query()?;
    let board = {
        let tracker = view.read();
        let board = find_board(&tracker.boards, &board_id)?;
        if board.kind == BoardKind::Kanban {
            let text = "The board does not have a backlog.";
            return Err(Refusal::plain(StatusCode::BAD_REQUEST, text));
        }
        (board.id, board.project)
    };
    let listed = Listed {
        identity: format!("backlog {} {:?}", board.0, query.reconcile_issues),
        next_page_token: query.next_page_token,
        max_results: query.max_results,
        // Unlike a search, it returns all fields unless some are named.
        fields: query.fields.unwrap_or_else(|| vec!["*navigable".to_owned()]),
        properties: Vec::new(),
        reconcile_issues: query.reconcile_issues,
    };
    list(&view, &listed, |tracker| Ok(results(tracker, board.1, &listed.reconcile_issues)))
}

/// The ids of the issues in a project's backlog. It is found by a search, so it may miss a new issue.
fn results(tracker: &mut Tracker, project: u64, reconciled: &[u64]) -> Vec<u64> {
    let open: Vec<u64> =
        tracker.sprints.values().filter(|sprint| sprint.state != SprintState::Closed).map(|s| s.id).collect();
    let is_in = |issue: &Issue| {
        let is_planned = issue.sprints.iter().any(|sprint| open.contains(sprint));
        issue.project == project && !issue.status.is_done() && !is_planned
    };
    let mut found: Vec<(u64, u64)> = Vec::new();
    for issue in tracker.issues.values_mut().filter(|issue| is_in(issue)) {
        if issue.unseen == 0 || reconciled.contains(&issue.id) {
            found.push((issue.rank, issue.id));
        } else {
            issue.unseen -= 1;
        }
    }
    found.sort_unstable();
    found.into_iter().map(|(_, id)| id).collect()
}
