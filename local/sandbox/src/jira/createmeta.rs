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
use super::view::{Scopes, View};
use crate::shared::{AppState, Shared};
use crate::world::directory::Project;
use crate::world::tracker::catalog::{
    COMPONENTS, FIELDS, Field, ISSUE_TYPES, IssueType, Kind, PRIORITIES, SEVERITIES, VERSIONS,
};

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
    let writable = FIELDS.iter().filter(|field| field.kind != Kind::ReadOnly);
    let fields = writable.map(|field| describe(&view, project, issue_type, field)).collect();
    page(&input, "fields", fields)
}

fn describe(view: &View, project: &Project, issue_type: &IssueType, field: &Field) -> Value {
    let required = ["project", "issuetype", "summary"].contains(&field.id)
        || field.id == "parent" && issue_type.is_subtask();
    let (kind, items) = match field.kind {
        Kind::Document | Kind::Text | Kind::ReadOnly => ("string", None),
        Kind::Date => ("date", None),
        Kind::Number => ("number", None),
        Kind::Labels => ("array", Some("string")),
        Kind::Project => ("project", None),
        Kind::IssueType => ("issuetype", None),
        Kind::Priority => ("priority", None),
        Kind::User => ("user", None),
        Kind::Parent => ("issuelink", None),
        Kind::Parts if field.id == "components" => ("array", Some("component")),
        Kind::Parts => ("array", Some("version")),
        Kind::TimeTracking => ("timetracking", None),
        Kind::Choice => ("option", None),
    };
    let mut schema = json!({ "type": kind });
    match field.id.strip_prefix("customfield_") {
        Some(number) => {
            schema["custom"] = format!("com.atlassian.jira.plugin.system.customfieldtypes:{kind}").into();
            schema["customId"] = number.parse::<u64>().unwrap_or_default().into();
        }
        None => schema["system"] = field.id.into(),
    }
    if let Some(items) = items {
        schema["items"] = items.into();
    }
    let mut body = json!({
        "fieldId": field.id,
        "key": field.id,
        "name": field.name,
        "required": required,
        "hasDefaultValue": field.kind == Kind::Priority,
        "schema": schema,
        "operations": if kind == "array" { json!(["add", "set", "remove"]) } else { json!(["set"]) },
    });
    let listed = |kind: &str, names: &[&str]| -> Value {
        (0..names.len()).map(|index| objects::part(view, project.id, index, kind, names)).collect()
    };
    let allowed: Option<Value> = match field.kind {
        Kind::Priority => Some(PRIORITIES.iter().map(|priority| objects::priority(view, priority)).collect()),
        Kind::IssueType => Some(json!([objects::issue_type(view, issue_type)])),
        Kind::Choice => Some((0..SEVERITIES.len()).map(|index| objects::severity(view, index)).collect()),
        Kind::Parts if field.id == "components" => Some(listed("component", &COMPONENTS)),
        Kind::Parts => Some(listed("version", &VERSIONS)),
        _ => None,
    };
    if let Some(allowed) = allowed {
        body["allowedValues"] = allowed;
    }
    if field.kind == Kind::Priority {
        body["defaultValue"] = objects::priority(view, &PRIORITIES[2]);
    }
    body
}
