//! `POST /rest/agile/1.0/sprint/{sprintId}/issue`, `POST /backlog/issue` and `/backlog/{boardId}/issue`, and
//! `PUT /issue/rank`. See <https://developer.atlassian.com/cloud/jira/software/rest/api-group-sprint/>,
//! <https://developer.atlassian.com/cloud/jira/software/rest/api-group-backlog/> and
//! <https://developer.atlassian.com/cloud/jira/software/rest/api-group-issue/>.

use std::sync::Arc;

use axum::extract::{Extension, Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{post, put};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};

use super::plan::check_permission;
use super::sprints::{find_board, find_sprint};
use crate::jira::contract::Input;
use crate::jira::refusal::Refusal;
use crate::jira::view::{Scopes, View};
use crate::shared::{AppState, Shared};
use crate::world::tracker::Tracker;
use crate::world::tracker::agile::{Anchor, SprintState};

/// More are refused.
const MAX_ISSUES: usize = 50;

const SPRINT_SCOPES: Scopes = Scopes { classic: &[], granular: &["write:sprint:jira-software"] };
const BACKLOG_SCOPES: Scopes = Scopes { classic: &[], granular: &["write:board-scope:jira-software"] };
const RANK_SCOPES: Scopes = Scopes { classic: &[], granular: &["write:issue:jira-software"] };

pub(super) fn router() -> Router<Arc<Shared>> {
    Router::new()
        .route("/rest/agile/1.0/sprint/{sprint_id}/issue", post(to_sprint))
        .route("/rest/agile/1.0/backlog/issue", post(to_backlog))
        .route("/rest/agile/1.0/backlog/{board_id}/issue", post(to_backlog_of_board))
        .route("/rest/agile/1.0/issue/rank", put(rank))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Move {
    issues: Vec<String>,
    rank_before_issue: Option<String>,
    rank_after_issue: Option<String>,
}

impl Move {
    fn read(input: &Input) -> Result<Self, Refusal> {
        let moving: Self = input.body()?;
        if !(1..=MAX_ISSUES).contains(&moving.issues.len()) {
            return Err(Refusal::misuse("1 to 50 issues can be moved at once"));
        }
        if moving.rank_before_issue.is_some() && moving.rank_after_issue.is_some() {
            return Err(Refusal::misuse("issues are ranked before or after another one, not both"));
        }
        Ok(moving)
    }

    /// The ids of the issues. One that does not exist fails the call.
    fn ids(&self, view: &View, tracker: &Tracker) -> Result<Vec<u64>, Refusal> {
        self.issues.iter().map(|name| find(view, tracker, name)).collect()
    }

    fn anchor(&self, view: &View, tracker: &Tracker) -> Result<Option<Anchor>, Refusal> {
        Ok(match (&self.rank_before_issue, &self.rank_after_issue) {
            (Some(name), _) => Some(Anchor::Before(find(view, tracker, name)?)),
            (_, Some(name)) => Some(Anchor::After(find(view, tracker, name)?)),
            (None, None) => None,
        })
    }
}

fn find(view: &View, tracker: &Tracker, name: &str) -> Result<u64, Refusal> {
    tracker.find(&view.site.projects, name).map(|issue| issue.id).ok_or_else(|| {
        let text = format!("Issue '{name}' does not exist or you do not have permission to see it.");
        Refusal::plain(StatusCode::BAD_REQUEST, &text)
    })
}

async fn to_sprint(
    State(shared): AppState,
    Path((cloud_id, sprint_id)): Path<(String, String)>,
    headers: HeaderMap,
    Extension(input): Extension<Input>,
) -> Result<StatusCode, Refusal> {
    let view = View::open(&shared, &headers, &cloud_id, &SPRINT_SCOPES)?;
    let moving = Move::read(&input)?;
    let mut tracker = view.write();
    let sprint = find_sprint(&tracker.sprints, &sprint_id)?;
    let (sprint, is_closed) = (sprint.id, sprint.state == SprintState::Closed);
    check_permission(&view)?;
    if is_closed {
        let text = "Issues can be moved to active and future sprints only.";
        return Err(Refusal::plain(StatusCode::BAD_REQUEST, text));
    }
    let (ids, anchor) = (moving.ids(&view, &tracker)?, moving.anchor(&view, &tracker)?);
    for id in &ids {
        tracker.leave_open_sprints(*id);
        if let Some(issue) = tracker.issues.get_mut(id) {
            issue.sprints.push(sprint);
            issue.updated = view.now;
        }
    }
    if let Some(anchor) = anchor {
        tracker.rank(&ids, anchor);
    }
    Ok(StatusCode::NO_CONTENT)
}

async fn to_backlog(
    State(shared): AppState,
    Path(cloud_id): Path<String>,
    headers: HeaderMap,
    Extension(input): Extension<Input>,
) -> Result<StatusCode, Refusal> {
    let view = View::open(&shared, &headers, &cloud_id, &BACKLOG_SCOPES)?;
    leave_sprints(&view, &Move::read(&input)?)
}

async fn to_backlog_of_board(
    State(shared): AppState,
    Path((cloud_id, board_id)): Path<(String, String)>,
    headers: HeaderMap,
    Extension(input): Extension<Input>,
) -> Result<StatusCode, Refusal> {
    let view = View::open(&shared, &headers, &cloud_id, &BACKLOG_SCOPES)?;
    let moving = Move::read(&input)?;
    find_board(&view.read().boards, &board_id)?;
    leave_sprints(&view, &moving)
}

fn leave_sprints(view: &View, moving: &Move) -> Result<StatusCode, Refusal> {
    let mut tracker = view.write();
    check_permission(view)?;
    let (ids, anchor) = (moving.ids(view, &tracker)?, moving.anchor(view, &tracker)?);
    for id in &ids {
        tracker.leave_open_sprints(*id);
    }
    if let Some(anchor) = anchor {
        tracker.rank(&ids, anchor);
    }
    Ok(StatusCode::NO_CONTENT)
}

/// Ranks issues. If some of them cannot be ranked, the others are, and the response is a 207 with the outcome of each.
async fn rank(
    State(shared): AppState,
    Path(cloud_id): Path<String>,
    headers: HeaderMap,
    Extension(input): Extension<Input>,
) -> Result<Response, Refusal> {
    let view = View::open(&shared, &headers, &cloud_id, &RANK_SCOPES)?;
    let moving = Move::read(&input)?;
    let mut tracker = view.write();
    check_permission(&view)?;
    let Some(anchor) = moving.anchor(&view, &tracker)? else {
        return Err(Refusal::misuse("a rank is before or after an issue"));
    };
    let found: Vec<_> = moving.issues.iter().map(|name| (name, find(&view, &tracker, name))).collect();
    let ids: Vec<u64> = found.iter().filter_map(|(_, found)| found.as_ref().ok().copied()).collect();
    if ids.is_empty() {
        moving.ids(&view, &tracker)?;
    }
    tracker.rank(&ids, anchor);
    if ids.len() == found.len() {
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    let entry = |(name, found): (&String, Result<u64, Refusal>)| match found {
        Ok(id) => {
            let key = tracker.issues.get(&id).map(|issue| view.key(issue));
            json!({ "issueId": id, "issueKey": key, "status": 200 })
        }
        Err(refusal) => {
            json!({ "issueKey": name, "status": 404, "errors": refusal.body["errorMessages"] })
        }
    };
    let entries: Vec<Value> = found.into_iter().map(entry).collect();
    Ok((StatusCode::MULTI_STATUS, Json(json!({ "entries": entries }))).into_response())
}
