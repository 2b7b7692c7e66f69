//! `GET /rest/agile/1.0/board/{boardId}/sprint` and `/sprint/{sprintId}`.
//! See <https://developer.atlassian.com/cloud/jira/software/rest/api-group-sprint/>.

use std::sync::Arc;

use axum::extract::{Extension, Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::get;
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};
use time::{Duration, OffsetDateTime};

use super::super::super::{AppState, Shared};
use super::super::contract::Input;
use super::super::tracker::{BoardKind, Sprint, SprintState};
use super::super::{Refusal, Scopes, View};
use super::boards;
use super::page::{Paging, page};

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
    let board = boards::find(&tracker.boards, &board_id)?;
    if board.kind == BoardKind::Kanban {
        return Err(Refusal::plain(StatusCode::BAD_REQUEST, "The board does not support sprints"));
    }
    let mut found: Vec<_> = board.sprints.iter().filter_map(|id| tracker.sprints.get(id)).collect();
    found.retain(|sprint| filter.states.is_empty() || filter.states.iter().any(|s| s == sprint.state.name()));
    found.sort_by_key(|sprint| sprint.state);
    let values = found.into_iter().map(|sprint| sprint.json(&view)).collect();
    Ok(page(&filter.paging, values, false))
}

async fn sprint(
    State(shared): AppState,
    Path((cloud_id, sprint_id)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<Json<Value>, Refusal> {
    let view = View::open(&shared, &headers, &cloud_id, &SCOPES)?;
    let tracker = view.read();
    Ok(Json(find(&tracker.sprints, &sprint_id)?.json(&view)))
}

/// The sprint with an id, which must be a number.
pub(super) fn find<'a>(
    sprints: &'a std::collections::BTreeMap<u64, Sprint>,
    id: &str,
) -> Result<&'a Sprint, Refusal> {
    let id: u64 = id.parse().map_err(|_| Refusal::misuse("a sprint's id is a number"))?;
    let missing = || Refusal::plain(StatusCode::NOT_FOUND, "Sprint does not exist.");
    sprints.get(&id).ok_or_else(missing)
}

impl Sprint {
    pub(in super::super) fn json(&self, view: &View) -> Value {
        let mut body = json!({
            "id": self.id,
            "self": view.agile_link(&format!("sprint/{}", self.id)),
            "state": self.state.name(),
            "name": self.name,
            "createdDate": moment(self.created),
            "originBoardId": self.origin_board,
        });
        if let Some(goal) = &self.goal {
            body["goal"] = goal.clone().into();
        }
        if let Some(start) = self.start {
            let end = start + Duration::weeks(2);
            body["startDate"] = moment(start).into();
            body["endDate"] = moment(end).into();
            if self.state == SprintState::Closed {
                body["completeDate"] = moment(end + Duration::hours(2)).into();
            }
        }
        body
    }
}

/// ISO 8601, as Jira Software writes it; Jira's platform writes another form.
fn moment(at: OffsetDateTime) -> String {
    let (date, time) = (at.date(), at.time());
    format!("{date}T{:02}:{:02}:{:02}.{:03}Z", time.hour(), time.minute(), time.second(), time.millisecond())
}
