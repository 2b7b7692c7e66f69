//! `POST /rest/api/3/issue/bulkfetch`: up to a hundred issues in the order of their ids; missing or hidden ones are
//! silently left out.
//!
//! See
//! <https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-issues/#api-rest-api-3-issue-bulkfetch-post>.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Extension, Path, State};
use axum::http::HeaderMap;
use axum::response::Response;
use axum::routing::post;
use serde::Deserialize;

use super::contract::Input;
use super::issue::SCOPES;
use super::refusal::Refusal;
use super::render::{Renderer, Selection, json_text};
use super::view::View;
use crate::shared::{AppState, Shared};

const MAX_ISSUES: usize = 100;

pub(super) fn router() -> Router<Arc<Shared>> {
    Router::new().route("/rest/api/3/issue/bulkfetch", post(bulkfetch))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Request {
    issue_ids_or_keys: Vec<String>,
    fields: Option<Vec<String>>,
    #[serde(default)]
    properties: Vec<String>,
}

async fn bulkfetch(
    State(shared): AppState,
    Path(cloud_id): Path<String>,
    headers: HeaderMap,
    Extension(input): Extension<Input>,
) -> Result<Response, Refusal> {
    let view = View::open(&shared, &headers, &cloud_id, &SCOPES)?;
    let request: Request = input.body()?;
    if request.issue_ids_or_keys.is_empty() || request.issue_ids_or_keys.len() > MAX_ISSUES {
        return Err(Refusal::misuse("between 1 and 100 issues can be fetched at once"));
    }
    let names = request.fields.unwrap_or_else(|| vec!["*navigable".to_owned()]);
    let mut selection = Selection::new(&names, &request.properties);
    selection.with_key();

    let tracker = view.read();
    let names = request.issue_ids_or_keys.iter();
    let found = names.filter_map(|name| tracker.find(&view.site.projects, name));
    let found: BTreeMap<_, _> = found.map(|issue| (issue.id, issue)).collect();
    let issues = Renderer::new(&view, &tracker, &selection).list(found.into_values());
    Ok(json_text(format!(r#"{{"expand":"schema,names","issueErrors":[],"issues":{issues}}}"#)))
}
