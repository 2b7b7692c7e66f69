//! `GET /rest/api/3/priority`.
//! See <https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-issue-priorities/>.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::routing::get;
use axum::{Json, Router};
use serde_json::Value;

use super::objects;
use super::view::{Scopes, View};
use crate::gateway::ApiError;
use crate::shared::{AppState, Shared};
use crate::world::tracker::catalog::PRIORITIES;

const SCOPES: Scopes = Scopes { classic: &["read:jira-work"], granular: &["read:priority:jira"] };

pub(super) fn router() -> Router<Arc<Shared>> {
    Router::new().route("/rest/api/3/priority", get(list))
}

async fn list(
    State(shared): AppState,
    Path(cloud_id): Path<String>,
    headers: HeaderMap,
) -> Result<Json<Value>, ApiError> {
    let view = View::open(&shared, &headers, &cloud_id, &SCOPES)?;
    Ok(Json(PRIORITIES.iter().map(|priority| objects::priority(&view, priority)).collect()))
}
