//! The metadata for creating issues:
//! `GET /rest/api/3/issue/createmeta/{projectIdOrKey}/issuetypes[/{issueTypeId}]`. See
//! <https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-issues/#api-rest-api-3-issue-createmeta-projectidorkey-issuetypes-get>.

use std::sync::Arc;

use axum::extract::{Extension, Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::get;
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};

use super::contract::Input;
use super::objects;
use super::refusal::Refusal;
use super::screens::Screens;
use super::view::{Scopes, View};
use crate::shared::{AppState, Shared};
use crate::world::directory::Project;
use crate::world::tracker::catalog::ISSUE_TYPES;

const MAX_PAGE: usize = 200;

const SCOPES: Scopes = Scopes {
    classic: &["read:jira-work"],
    granular: &["read:issue-meta:jira", "read:avatar:jira", "read:field-configuration:jira"],
};

pub(super) fn router() -> Router<Arc<Shared>> {
    Router::new()
        .route("/rest/api/3/issue/createmeta/{project}/issuetypes", get(types))
        .route("/rest/api/3/issue/createmeta/{project}/issuetypes/{type_id}", get(fields))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Paging {
    #[serde(default)]
    start_at: usize,
    #[serde(default = "default_page")]
    max_results: usize,
}

fn default_page() -> usize {
    50
}

/// Returns one page; these lists have a total and no `isLast`.
fn page(input: &Input, name: &str, values: Vec<Value>) -> Result<Json<Value>, Refusal> {
    let paging: Paging = input.query()?;
    let max_results = paging.max_results.clamp(1, MAX_PAGE);
    let total = values.len();
    let values: Vec<_> = values.into_iter().skip(paging.start_at).take(max_results).collect();
    Ok(Json(json!({
        name: values, "startAt": paging.start_at, "maxResults": max_results, "total": total,
    })))
}

fn project<'a>(view: &'a View, name: &str) -> Result<&'a Project, Refusal> {
    let text = "The project could not be found or you do not have permission to create issues in it.";
    view.project(name).ok_or_else(|| Refusal::plain(StatusCode::BAD_REQUEST, text))
}

async fn types(
    State(shared): AppState,
    Path((cloud_id, name)): Path<(String, String)>,
    headers: HeaderMap,
    Extension(input): Extension<Input>,
) -> Result<Json<Value>, Refusal> {
    let view = View::open(&shared, &headers, &cloud_id, &SCOPES)?;
    project(&view, &name)?;
    page(
        &input,
        "issueTypes",
        ISSUE_TYPES.iter().map(|issue_type| objects::issue_type(&view, issue_type)).collect(),
    )
}

async fn fields(
    State(shared): AppState,
    Path((cloud_id, name, type_id)): Path<(String, String, String)>,
    headers: HeaderMap,
    Extension(input): Extension<Input>,
) -> Result<Json<Value>, Refusal> {
    let view = View::open(&shared, &headers, &cloud_id, &SCOPES)?;
    let project = project(&view, &name)?;
    let issue_type = ISSUE_TYPES.iter().find(|issue_type| issue_type.id == type_id);
    let issue_type = issue_type
        .ok_or_else(|| Refusal::plain(StatusCode::BAD_REQUEST, "The issue type could not be found."))?;
    let shape = view.read().shape(project.id);
    let screens = Screens { view: &view, project, shape };
    page(&input, "fields", screens.create(issue_type))
}
