//! Who an issue is assigned to.

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::http::Method;
use axum::routing::{get, put};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::json;

use super::product::{Answer, Product};
use super::workspace::Workspace;

pub(super) fn routes() -> Router<Arc<Product>> {
    Router::new()
        .route("/api/issues/{key}/people", get(find))
        .route("/api/issues/{key}/assignee", put(assign))
}

#[derive(Deserialize)]
struct Wanted {
    query: String,
}

#[derive(Deserialize)]
struct Assignee {
    /// Null for nobody.
    account_id: Option<String>,
}

/// The people whom the issue can be assigned to, by a part of their name.
async fn find(
    State(product): State<Arc<Product>>,
    workspace: Workspace,
    Path(key): Path<String>,
    Query(wanted): Query<Wanted>,
) -> Answer {
    let query = [("issue_id_or_key", key.as_str()), ("query", wanted.query.as_str()), ("limit", "8")];
    product.juncture.jira("search-users", &workspace, &query).await.map(Json)
}

async fn assign(
    State(product): State<Arc<Product>>,
    workspace: Workspace,
    Path(key): Path<String>,
    Json(assignee): Json<Assignee>,
) -> Answer {
    let body = json!({ "issue_id_or_key": key, "assignee_account_id": assignee.account_id });
    product.juncture.tell_jira(Method::PUT, "edit-issue", &workspace, body, None).await.map(Json)
}
