//! `GET /rest/api/3/issue/{issueIdOrKey}/editmeta`.
//! See <https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-issues/#api-rest-api-3-issue-issueidorkey-editmeta-get>.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Map, Value, json};

use super::refusal::Refusal;
use super::screens::Screens;
use super::view::{Scopes, View};
use crate::shared::{AppState, Shared};

const SCOPES: Scopes = Scopes {
    classic: &["read:jira-work"],
    granular: &["read:issue-meta:jira", "read:field-configuration:jira"],
};

pub(super) fn router() -> Router<Arc<Shared>> {
    Router::new().route("/rest/api/3/issue/{issue}/editmeta", get(fields))
}

async fn fields(
    State(shared): AppState,
    Path((cloud_id, name)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<Json<Value>, Refusal> {
    let view = View::open(&shared, &headers, &cloud_id, &SCOPES)?;
    let tracker = view.read();
    let issue = view.issue(&tracker, &name)?;
    let project = view.project(&issue.project.to_string());
    let project = project.ok_or_else(|| Refusal::plain(StatusCode::NOT_FOUND, "No project"))?;
    let screens = Screens { view: &view, project, shape: tracker.shape(issue.project) };
    // Without the permission there are no fields.
    let fields = if view.settings.read_only { Map::new() } else { screens.edit(issue.issue_type) };
    Ok(Json(json!({ "fields": fields })))
}
