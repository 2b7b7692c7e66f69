//! Moving a card: to another column, and to another position.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{Method, StatusCode};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::problem::Problem;
use super::product::{Answer, Product};
use super::workspace::Workspace;

#[derive(Deserialize)]
pub(super) struct Goal {
    /// The statuses of the column, in its order.
    status_ids: Vec<String>,
    /// The transition whose form was filled in, and the form's values.
    transition_id: Option<String>,
    #[serde(default)]
    fields: Map<String, Value>,
}

#[derive(Deserialize)]
pub(super) struct Position {
    before: Option<String>,
    after: Option<String>,
}

/// Changes the status to one of a column. If the transition asks for fields, the error has their form.
pub(super) async fn to_column(
    State(product): State<Arc<Product>>,
    workspace: Workspace,
    Path(key): Path<String>,
    Json(goal): Json<Goal>,
) -> Answer {
    let mut body = json!({ "issue_id_or_key": key });
    match &goal.transition_id {
        Some(transition) => body["transition_id"] = transition.as_str().into(),
        None => body["status_id"] = reachable(&product, &workspace, &key, &goal.status_ids).await?.into(),
    }
    if !goal.fields.is_empty() {
        body["fields"] = goal.fields.into();
    }
    product.juncture.tell_jira(Method::POST, "transition-issue", &workspace, body, None).await.map(Json)
}

/// The first status of a column that the issue can go to. If there is none, it is the first one, so that Juncture's
/// error says where the issue can go.
async fn reachable<'a>(
    product: &Product,
    workspace: &Workspace,
    key: &str,
    statuses: &'a [String],
) -> Result<&'a str, Problem> {
    let first = statuses.first().ok_or_else(|| {
        Problem::new(StatusCode::BAD_REQUEST, "No issue can be in this column: it has no status.")
    })?;
    if statuses.len() == 1 {
        return Ok(first);
    }
    let query = [("issue_id_or_key", key)];
    let answer = product.juncture.jira("get-transitions", workspace, &query).await?;
    let transitions = answer["transitions"].as_array().map(Vec::as_slice).unwrap_or_default();
    let is_reachable = |status: &&String| transitions.iter().any(|one| one["status_id"] == status.as_str());
    Ok(statuses.iter().find(is_reachable).unwrap_or(first))
}

/// Ranks the issue before or after another one.
pub(super) async fn to_position(
    State(product): State<Arc<Product>>,
    workspace: Workspace,
    Path(key): Path<String>,
    Json(position): Json<Position>,
) -> Answer {
    let body = json!({ "issues": [key], "before": position.before, "after": position.after });
    let answer = product.juncture.tell_jira(Method::POST, "move-issues", &workspace, body, None).await?;
    match answer["failed"][0]["error"].as_str() {
        Some(error) => Err(Problem::new(StatusCode::CONFLICT, error)),
        None => Ok(Json(answer)),
    }
}
