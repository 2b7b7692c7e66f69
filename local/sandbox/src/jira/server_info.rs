//! `GET /rest/api/3/serverInfo`.
//! See <https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-server-info/>.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Value, json};

use super::objects::timestamp;
use super::view::{Scopes, View};
use crate::gateway::ApiError;
use crate::shared::{AppState, Shared};

/// Anyone may read it.
const SCOPES: Scopes = Scopes { classic: &[], granular: &[] };

pub(super) fn router() -> Router<Arc<Shared>> {
    Router::new().route("/rest/api/3/serverInfo", get(server_info))
}

async fn server_info(
    State(shared): AppState,
    Path(cloud_id): Path<String>,
    headers: HeaderMap,
) -> Result<Json<Value>, ApiError> {
    let view = View::open(&shared, &headers, &cloud_id, &SCOPES)?;
    Ok(Json(json!({
        "baseUrl": format!("https://{}.atlassian.net", view.site.key),
        "version": "1001.0.0-SNAPSHOT",
        "deploymentType": "Cloud",
        "serverTime": timestamp(view.now),
        "serverTitle": view.site.name,
        "defaultLocale": { "locale": "en_GB" },
    })))
}
