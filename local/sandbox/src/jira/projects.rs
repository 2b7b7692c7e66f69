//! `GET /rest/api/3/project/search` and `GET /rest/api/3/project/{projectIdOrKey}`.
//! See <https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-projects/>.

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
use crate::world::tracker::catalog::ISSUE_TYPES;

/// Larger page sizes are silently reduced to this.
const MAX_PAGE: usize = 100;

const SCOPES: Scopes = Scopes {
    classic: &["read:jira-work"],
    granular: &[
        "read:issue-type:jira",
        "read:project:jira",
        "read:project.property:jira",
        "read:user:jira",
        "read:application-role:jira",
        "read:avatar:jira",
        "read:group:jira",
        "read:issue-type-hierarchy:jira",
        "read:project-category:jira",
        "read:project-version:jira",
        "read:project.component:jira",
    ],
};

pub(super) fn router() -> Router<Arc<Shared>> {
    Router::new()
        .route("/rest/api/3/project/search", get(search))
        .route("/rest/api/3/project/{id_or_key}", get(project))
}

/// The parameters of a search, with Jira's defaults.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Query {
    start_at: usize,
    max_results: usize,
    order_by: String,
    expand: String,
    /// The projects to list, by id; all if there are none.
    id: Vec<u64>,
}

impl Default for Query {
    fn default() -> Self {
        Self {
            start_at: 0,
            max_results: 50,
            order_by: "key".to_owned(),
            expand: String::new(),
            id: Vec::new(),
        }
    }
}

async fn search(
    State(shared): AppState,
    Path(cloud_id): Path<String>,
    headers: HeaderMap,
    Extension(input): Extension<Input>,
) -> Result<Json<Value>, Refusal> {
    let view = View::open(&shared, &headers, &cloud_id, &SCOPES)?;
    let query: Query = input.query()?;
    let max_results = query.max_results.clamp(1, MAX_PAGE);
    let is_wanted = |project: &&Project| query.id.is_empty() || query.id.contains(&project.id);
    let mut found: Vec<_> = view.site.projects.iter().filter(is_wanted).collect();
    found.sort_by(|a, b| a.key.cmp(&b.key));
    match query.order_by.as_str() {
        "key" | "+key" => {}
        "-key" => found.reverse(),
        _ => return Err(Refusal::misuse("the sandbox lists projects in the order of their keys alone")),
    }
    let expand: Vec<_> = query.expand.split(',').collect();
    let page = found.iter().skip(query.start_at).take(max_results);
    let values: Vec<_> = page.map(|project| summary(&view, project, &expand)).collect();

    let next = query.start_at + values.len();
    let link = |start_at| view.link(&format!("project/search?startAt={start_at}&maxResults={max_results}"));
    let mut body = json!({
        "self": link(query.start_at),
        "maxResults": max_results,
        "startAt": query.start_at,
        "total": found.len(),
        "isLast": next >= found.len(),
        "values": values,
    });
    if next < found.len() {
        body["nextPage"] = link(next).into();
    }
    Ok(Json(body))
}

async fn project(
    State(shared): AppState,
    Path((cloud_id, id_or_key)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<Json<Value>, Refusal> {
    let view = View::open(&shared, &headers, &cloud_id, &SCOPES)?;
    let project = view.project(&id_or_key).ok_or_else(|| {
        let text = format!("No project could be found with key '{id_or_key}'.");
        Refusal::plain(StatusCode::NOT_FOUND, &text)
    })?;
    let mut body = summary(&view, project, &["description", "lead", "issueTypes", "url"]);
    body["components"] = json!([]);
    body["versions"] = json!([]);
    body["roles"] = json!({});
    body["assigneeType"] = "UNASSIGNED".into();
    Ok(Json(body))
}

fn summary(view: &View, project: &Project, expand: &[&str]) -> Value {
    let mut body = json!({
        "expand": "description,lead,issueTypes,url,projectKeys,permissions,insight",
        "self": view.link(&format!("project/{}", project.id)),
        "id": project.id.to_string(),
        "key": project.key,
        "name": project.name,
        "avatarUrls": view.avatars(&project.key),
        "projectTypeKey": project.type_key,
        "simplified": project.team_managed,
        "style": if project.team_managed { "next-gen" } else { "classic" },
        "isPrivate": project.private,
        "properties": {},
    });
    if project.team_managed {
        let uuid = format!("00000000-0000-4000-8000-{:012x}", project.id);
        body["entityId"] = uuid.clone().into();
        body["uuid"] = uuid.into();
    }
    if let Some(category) = project.category {
        body["projectCategory"] = json!({
            "self": view.link("projectCategory/10000"),
            "id": "10000",
            "name": category,
            "description": "",
        });
    }
    for item in expand {
        match *item {
            "description" => body["description"] = project.description.clone().into(),
            "lead" => body["lead"] = view.user(&project.lead),
            "url" => body["url"] = format!("{}/browse/{}", view.site.url(), project.key).into(),
            "issueTypes" => body["issueTypes"] = issue_types(view),
            _ => {}
        }
    }
    body
}

fn issue_types(view: &View) -> Value {
    ISSUE_TYPES.iter().map(|issue_type| objects::issue_type(view, issue_type)).collect()
}
