//! `GET` and `PUT /rest/api/3/issue/{issueIdOrKey}/properties/{propertyKey}`.
//! See <https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-issue-properties/>.

use std::sync::Arc;

use axum::extract::{Extension, Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::get;
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::super::{AppState, Shared};
use super::contract::Input;
use super::issue::find;
use super::{Refusal, Scopes, View};

/// In characters.
const MAX_KEY: usize = 255;
const MAX_VALUE: usize = 32_768;

const READ_SCOPES: Scopes = Scopes { classic: &["read:jira-work"], granular: &["read:issue.property:jira"] };

const WRITE_SCOPES: Scopes =
    Scopes { classic: &["write:jira-work"], granular: &["write:issue.property:jira"] };

pub(super) fn router() -> Router<Arc<Shared>> {
    Router::new().route("/rest/api/3/issue/{issue}/properties/{property}", get(read).put(write))
}

/// An entity property.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Property {
    pub(super) key: String,
    pub(super) value: Value,
}

async fn read(
    State(shared): AppState,
    Path((cloud_id, issue, key)): Path<(String, String, String)>,
    headers: HeaderMap,
) -> Result<Json<Property>, Refusal> {
    let view = View::open(&shared, &headers, &cloud_id, &READ_SCOPES)?;
    let tracker = view.read();
    let issue = find(&view, &tracker, &issue)?;
    let value = issue.properties.get(&key).cloned().ok_or_else(|| {
        Refusal::plain(StatusCode::NOT_FOUND, &format!("The property with key {key} does not exist."))
    })?;
    Ok(Json(Property { key, value }))
}

async fn write(
    State(shared): AppState,
    Path((cloud_id, issue, key)): Path<(String, String, String)>,
    headers: HeaderMap,
    Extension(input): Extension<Input>,
) -> Result<(StatusCode, Json<Value>), Refusal> {
    let view = View::open(&shared, &headers, &cloud_id, &WRITE_SCOPES)?;
    if key.chars().count() > MAX_KEY || input.body.to_string().chars().count() > MAX_VALUE {
        return Err(Refusal::misuse("the property's key or value is too long"));
    }
    let mut tracker = view.write();
    let id = find(&view, &tracker, &issue)?.id;
    if view.settings.read_only {
        let text = "You do not have permission to edit issues in this project.";
        return Err(Refusal::plain(StatusCode::FORBIDDEN, text));
    }
    let issue = tracker.issues.get_mut(&id);
    let before = issue.and_then(|issue| issue.properties.insert(key, input.body));
    let status = if before.is_some() { StatusCode::OK } else { StatusCode::CREATED };
    Ok((status, Json(json!({}))))
}
