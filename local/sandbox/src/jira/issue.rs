//! `GET` and `DELETE /rest/api/3/issue/{issueIdOrKey}`.
//! See <https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-issues/>.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Extension, Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde::Deserialize;

use super::contract::Input;
use super::refusal::Refusal;
use super::render::{Selection, json_text, to_json};
use super::view::{Scopes, View};
use crate::shared::{AppState, Shared};

pub(super) const SCOPES: Scopes = Scopes {
    classic: &["read:jira-work"],
    granular: &[
        "read:issue-meta:jira",
        "read:issue-security-level:jira",
        "read:issue.vote:jira",
        "read:issue.changelog:jira",
        "read:avatar:jira",
        "read:issue:jira",
        "read:status:jira",
        "read:user:jira",
        "read:field-configuration:jira",
    ],
};

const DELETE_SCOPES: Scopes = Scopes { classic: &["write:jira-work"], granular: &["delete:issue:jira"] };

pub(super) fn router() -> Router<Arc<Shared>> {
    Router::new().route("/rest/api/3/issue/{issue}", get(issue).delete(delete))
}

#[derive(Deserialize)]
struct Wanted {
    fields: Option<Vec<String>>,
}

async fn issue(
    State(shared): AppState,
    Path((cloud_id, name)): Path<(String, String)>,
    headers: HeaderMap,
    Extension(input): Extension<Input>,
) -> Result<Response, Refusal> {
    let view = View::open(&shared, &headers, &cloud_id, &SCOPES)?;
    let wanted: Wanted = input.query()?;
    let fields = wanted.fields.unwrap_or_else(|| vec!["*all".to_owned()]);
    let mut selection = Selection::new(&fields, &[]);
    selection.with_key();
    let tracker = view.read();
    let issue = view.issue(&tracker, &name)?;
    Ok(json_text(to_json(&view, &tracker, issue, &selection)))
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Deletion {
    delete_subtasks: bool,
}

async fn delete(
    State(shared): AppState,
    Path((cloud_id, name)): Path<(String, String)>,
    headers: HeaderMap,
    Extension(input): Extension<Input>,
) -> Result<Response, Refusal> {
    let view = View::open(&shared, &headers, &cloud_id, &DELETE_SCOPES)?;
    let deletion: Deletion = input.query()?;
    let mut tracker = view.write();
    let issue = view.issue(&tracker, &name)?;
    if view.settings.read_only {
        let text = "You do not have permission to delete issues in this project.";
        return Err(Refusal::plain(StatusCode::FORBIDDEN, text));
    }
    let (id, key) = (issue.id, view.key(issue));
    let subtasks: Vec<_> = tracker.subtasks(id).map(|subtask| subtask.id).collect();
    if !subtasks.is_empty() && !deletion.delete_subtasks {
        let text = format!(
            "The issue '{key}' has subtasks. You must specify the 'deleteSubtasks' parameter to delete this \
            issue and all its subtasks."
        );
        return Err(Refusal::plain(StatusCode::BAD_REQUEST, &text));
    }
    subtasks.into_iter().chain([id]).for_each(|id| tracker.remove(id));
    let orphans: Vec<_> = tracker.children(id).map(|child| child.id).collect();
    for orphan in orphans {
        if let Some(issue) = tracker.issues.get_mut(&orphan) {
            issue.parent = None;
        }
    }
    Ok(StatusCode::NO_CONTENT.into_response())
}
