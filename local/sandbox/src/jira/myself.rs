//! `GET /rest/api/3/myself`.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::routing::get;
use axum::{Json, Router};
use serde_json::Value;

use super::view::{Scopes, View};
use crate::gateway::ApiError;
use crate::shared::{AppState, Shared};

const SCOPES: Scopes = Scopes {
    classic: &["read:jira-user"],
    granular: &["read:application-role:jira", "read:group:jira", "read:user:jira", "read:avatar:jira"],
};

pub(super) fn router() -> Router<Arc<Shared>> {
    Router::new().route("/rest/api/3/myself", get(myself))
}

async fn myself(
    State(shared): AppState,
    Path(cloud_id): Path<String>,
    headers: HeaderMap,
) -> Result<Json<Value>, ApiError> {
    let view = View::open(&shared, &headers, &cloud_id, &SCOPES)?;
    let mut user = view.user(&view.account.key);
    user["emailAddress"] = view.account.email().into();
    user["timeZone"] = "Europe/London".into();
    user["locale"] = "en_GB".into();
    Ok(Json(user))
}
