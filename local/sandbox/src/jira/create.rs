//! `POST /rest/api/3/issue`.
//! See <https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-issues/#api-rest-api-3-issue-post>.

use std::sync::Arc;

use axum::extract::{Extension, Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::contract::Input;
use super::fields::{FieldError, FieldErrors, Writer, reference};
use super::refusal::Refusal;
use super::view::{Scopes, View};
use crate::shared::{AppState, Shared};
use crate::world::tracker::issue::Issue;

const SCOPES: Scopes = Scopes {
    classic: &["write:jira-work"],
    granular: &[
        "write:issue:jira",
        "write:comment:jira",
        "write:comment.property:jira",
        "write:attachment:jira",
        "read:issue:jira",
    ],
};

pub(super) fn router() -> Router<Arc<Shared>> {
    Router::new().route("/rest/api/3/issue", post(create))
}

/// The body of a create or an edit request.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct IssueDetails {
    pub(super) fields: Map<String, Value>,
    pub(super) properties: Vec<Property>,
}

/// An entity property.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Property {
    pub(super) key: String,
    pub(super) value: Value,
}

async fn create(
    State(shared): AppState,
    Path(cloud_id): Path<String>,
    headers: HeaderMap,
    Extension(input): Extension<Input>,
) -> Result<(StatusCode, Json<Value>), Refusal> {
    let view = View::open(&shared, &headers, &cloud_id, &SCOPES)?;
    let mut details: IssueDetails = input.body()?;
    let mut errors = FieldErrors::default();
    let project = details.fields.remove("project");
    let project = project.ok_or_else(|| FieldError::misuse("Specify a valid project ID or key"));
    let project = project
        .and_then(|value| project_of(&view, &value))
        .map_err(|error| errors.add("project", error))
        .ok();
    if project.is_some() && view.settings.read_only {
        let text = "You do not have permission to create issues in this project.";
        return Err(Refusal::plain(StatusCode::FORBIDDEN, text));
    }

    let mut tracker = view.write();
    let creator = view.account.key.as_str().into();
    let mut issue = Issue::new(project.unwrap_or_default(), String::new(), creator, view.now);
    let mut writer = Writer { view: &view, tracker: &tracker, issue: &mut issue };
    for (id, value) in &details.fields {
        if let Err(error) = writer.set(id, value) {
            errors.add(id, error);
        }
    }
    for (id, error) in writer.missing(&details.fields, true) {
        errors.add(&id, error);
    }
    if !details.fields.contains_key("summary") {
        errors.add("summary", FieldError::misuse("You must specify a summary of the issue."));
    }
    if !details.fields.contains_key("issuetype") {
        errors.add("issuetype", FieldError::misuse("Specify an issue type"));
    }
    if issue.issue_type.is_subtask() && issue.parent.is_none() {
        let text = "Issue type is a sub-task but parent issue key or id not specified.";
        errors.add("issuetype", FieldError::value(text));
    }
    errors.refuse()?;
    issue.properties.extend(details.properties.into_iter().map(|property| (property.key, property.value)));
    issue.unseen = view.settings.search_lag;

    let id = tracker.add(issue);
    let key = tracker.issues.get(&id).map(|issue| view.key(issue));
    let link = view.link(&format!("issue/{id}"));
    Ok((StatusCode::CREATED, Json(json!({ "id": id.to_string(), "key": key, "self": link }))))
}

fn project_of(view: &View, value: &Value) -> Result<u64, FieldError> {
    let (_, name) = reference(value, &["id", "key"])?;
    let project = view.project(name).ok_or_else(|| FieldError::value("Specify a valid project ID or key"))?;
    Ok(project.id)
}
