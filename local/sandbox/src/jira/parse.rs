//! `POST /rest/api/3/jql/parse`: checks queries without running them. Wrong ones are a part of the response. See
//! <https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-jql/#api-rest-api-3-jql-parse-post>.

use std::sync::Arc;

use axum::extract::{Extension, Path, State};
use axum::http::HeaderMap;
use axum::routing::post;
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};

use super::contract::Input;
use super::jql::describe;
use super::refusal::Refusal;
use super::view::{Scopes, View};
use crate::shared::{AppState, Shared};

const SCOPES: Scopes = Scopes {
    classic: &["read:jira-work"],
    granular: &["read:field:jira", "validate:jql:jira", "read:jql:jira"],
};

pub(super) fn router() -> Router<Arc<Shared>> {
    Router::new().route("/rest/api/3/jql/parse", post(parse))
}

#[derive(Deserialize)]
struct Parameters {
    validation: String,
}

#[derive(Deserialize)]
struct Queries {
    queries: Vec<String>,
}

async fn parse(
    State(shared): AppState,
    Path(cloud_id): Path<String>,
    headers: HeaderMap,
    Extension(input): Extension<Input>,
) -> Result<Json<Value>, Refusal> {
    let view = View::open(&shared, &headers, &cloud_id, &SCOPES)?;
    let Parameters { validation } = input.query()?;
    if validation != "strict" {
        return Err(Refusal::misuse("the sandbox validates strictly only"));
    }
    let Queries { queries } = input.body()?;
    if queries.is_empty() || queries.iter().any(String::is_empty) {
        return Err(Refusal::misuse("at least one query, and none that is empty"));
    }
    let tracker = view.read();
    let described: Vec<Value> = queries.iter().map(|jql| describe(jql, &view, &tracker)).collect();
    Ok(Json(json!({ "queries": described })))
}
