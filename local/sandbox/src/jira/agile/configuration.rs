//! `GET /rest/agile/1.0/board/{boardId}/configuration`.
//! See <https://developer.atlassian.com/cloud/jira/software/rest/api-group-board/#api-rest-agile-1-0-board-boardid-configuration-get>.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Value, json};

use super::sprints::find_board;
use crate::jira::refusal::Refusal;
use crate::jira::view::{Scopes, View};
use crate::shared::{AppState, Shared};
use crate::world::tracker::agile::BoardKind;
use crate::world::tracker::catalog::{DONE, IN_PROGRESS, RANK, STORY_POINTS, Status, TO_DO};

const SCOPES: Scopes =
    Scopes { classic: &[], granular: &["read:board-scope.admin:jira-software", "read:project:jira"] };

pub(super) fn router() -> Router<Arc<Shared>> {
    Router::new().route("/rest/agile/1.0/board/{board_id}/configuration", get(configuration))
}

async fn configuration(
    State(shared): AppState,
    Path((cloud_id, board_id)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<Json<Value>, Refusal> {
    let view = View::open(&shared, &headers, &cloud_id, &SCOPES)?;
    let tracker = view.read();
    let board = find_board(&tracker.boards, &board_id)?;
    let column = |name: &str, statuses: &[&Status]| {
        let status = |status: &&Status| json!({ "id": status.id, "self": view.link(&format!("status/{}", status.id)) });
        json!({ "name": name, "statuses": statuses.iter().map(status).collect::<Vec<_>>() })
    };
    let mut columns =
        vec![column("To Do", &[&TO_DO]), column("In Progress", &[&IN_PROGRESS]), column("Done", &[&DONE])];
    let link = |path: &str| view.agile_link(&format!("board/{}/{path}", board.id));
    let mut body = json!({
        "id": board.id,
        "name": board.name,
        "type": board.kind.name(),
        "self": link("configuration"),
        "filter": { "id": "10000", "self": view.link("filter/10000") },
        "ranking": { "rankCustomFieldId": RANK.trim_start_matches("customfield_").parse::<u64>().ok() },
    });
    if board.kind == BoardKind::Kanban {
        // Its backlog is a column without statuses, and it limits its work in progress instead of estimating it.
        columns.insert(0, column("Backlog", &[]));
        columns[2]["max"] = 5.into();
        body["subQuery"] = json!({ "query": "fixVersion in unreleasedVersions() OR fixVersion is EMPTY" });
    } else {
        let field = json!({ "fieldId": STORY_POINTS, "displayName": "Story point estimate" });
        body["estimation"] = json!({ "type": "field", "field": field });
    }
    let limits = if board.kind == BoardKind::Kanban { "issueCount" } else { "none" };
    body["columnConfig"] = json!({ "columns": columns, "constraintType": limits });
    if let Some(project) = view.site.projects.iter().find(|project| project.id == board.project) {
        body["location"] = json!({
            "type": "project",
            "id": project.id.to_string(),
            "key": project.key,
            "name": project.name,
            "self": view.link(&format!("project/{}", project.id)),
        });
    }
    Ok(Json(body))
}
