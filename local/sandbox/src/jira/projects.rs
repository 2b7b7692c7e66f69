//! `GET /rest/api/3/project/search` and `GET /rest/api/3/project/{projectIdOrKey}`.
//! See <https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-projects/>.

use std::cmp::Ordering;
use std::sync::Arc;

use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Value, json};
use url::form_urlencoded;

use super::super::resources::ApiError;
use super::super::seed::Project;
use super::super::{AppState, Shared};
use super::catalog::ISSUE_TYPES;
use super::{Scopes, View, error};

/// Larger pages are cut to this without a word.
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

async fn search(
    State(shared): AppState,
    Path(cloud_id): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Json<Value>, ApiError> {
    let view = View::open(&shared, &headers, &cloud_id, &SCOPES)?;
    let query = Query::parse(&query.unwrap_or_default())?;
    let mut found: Vec<_> = view.site.projects.iter().filter(|project| query.matches(project)).collect();
    found.sort_by(|a, b| query.compare(a, b));
    let page = found.iter().skip(query.start_at).take(query.max_results);
    let values: Vec<_> = page.map(|project| summary(&view, project, &query.expand)).collect();

    let next = query.start_at + values.len();
    let link =
        |start_at| view.link(&format!("project/search?startAt={start_at}&maxResults={}", query.max_results));
    let mut body = json!({
        "self": link(query.start_at),
        "maxResults": query.max_results,
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
) -> Result<Json<Value>, ApiError> {
    let view = View::open(&shared, &headers, &cloud_id, &SCOPES)?;
    // Keys are case-sensitive here, as they are at Atlassian.
    let wanted = |project: &&Project| project.key == id_or_key || project.id.to_string() == id_or_key;
    let project = view.site.projects.iter().find(wanted).ok_or_else(|| {
        error(StatusCode::NOT_FOUND, &format!("No project could be found with key '{id_or_key}'."))
    })?;
    let expand = ["description", "lead", "issueTypes", "url"].map(str::to_owned);
    let mut body = summary(&view, project, &expand);
    body["components"] = json!([]);
    body["versions"] = json!([]);
    body["roles"] = json!({});
    body["assigneeType"] = "UNASSIGNED".into();
    Ok(Json(body))
}

fn summary(view: &View, project: &Project, expand: &[String]) -> Value {
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
        match item.as_str() {
            "description" => body["description"] = project.description.clone().into(),
            "lead" => body["lead"] = view.user(&project.lead),
            "url" => body["url"] = format!("{}/browse/{}", view.site.url(), project.key).into(),
            "projectKeys" => body["projectKeys"] = json!([project.key]),
            "issueTypes" => body["issueTypes"] = issue_types(view),
            "insight" => body["insight"] = json!({ "totalIssueCount": 0 }),
            _ => {}
        }
    }
    body
}

fn issue_types(view: &View) -> Value {
    ISSUE_TYPES.iter().map(|issue_type| issue_type.json(view)).collect()
}

/// The query of a search, with Jira's defaults and limits.
struct Query {
    start_at: usize,
    max_results: usize,
    order_by: String,
    descending: bool,
    text: String,
    ids: Vec<String>,
    keys: Vec<String>,
    types: Vec<String>,
    live: bool,
    expand: Vec<String>,
}

impl Query {
    fn parse(query: &str) -> Result<Self, ApiError> {
        let mut parsed = Self {
            start_at: 0,
            max_results: 50,
            order_by: "key".to_owned(),
            descending: false,
            text: String::new(),
            ids: Vec::new(),
            keys: Vec::new(),
            types: Vec::new(),
            live: true,
            expand: Vec::new(),
        };
        let list = |value: &str| value.split(',').map(str::to_owned).collect::<Vec<_>>();
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            match name.as_ref() {
                "startAt" => parsed.start_at = number(&name, &value)?,
                "maxResults" => parsed.max_results = number(&name, &value)?.clamp(1, MAX_PAGE),
                "orderBy" => {
                    parsed.descending = value.starts_with('-');
                    parsed.order_by = value.trim_start_matches(['-', '+', ' ']).to_owned();
                }
                "query" => parsed.text = value.to_lowercase(),
                "id" => parsed.ids.push(value.into_owned()),
                "keys" => parsed.keys.push(value.into_owned()),
                "typeKey" => parsed.types.extend(list(&value)),
                "status" => parsed.live = list(&value).iter().any(|status| status == "live"),
                "expand" => parsed.expand.extend(list(&value)),
                _ => {}
            }
        }
        const ORDERS: [&str; 8] = [
            "category",
            "key",
            "name",
            "owner",
            "issueCount",
            "lastIssueUpdatedTime",
            "archivedDate",
            "deletedDate",
        ];
        if !ORDERS.contains(&parsed.order_by.as_str()) {
            return Err(error(StatusCode::BAD_REQUEST, "The value of orderBy is not supported."));
        }
        if parsed.ids.len() > 50 || parsed.keys.len() > 50 {
            return Err(error(StatusCode::BAD_REQUEST, "At most 50 ids or keys can be given."));
        }
        Ok(parsed)
    }

    fn matches(&self, project: &Project) -> bool {
        let listed = |list: &[String], value: &str| list.is_empty() || list.iter().any(|item| item == value);
        self.live
            && listed(&self.ids, &project.id.to_string())
            && listed(&self.keys, &project.key)
            && listed(&self.types, project.type_key)
            && [&project.key, &project.name].iter().any(|text| text.to_lowercase().contains(&self.text))
    }

    fn compare(&self, a: &Project, b: &Project) -> Ordering {
        let ordering = match self.order_by.as_str() {
            "name" => a.name.cmp(&b.name),
            "category" => a.category.cmp(&b.category),
            "owner" => a.lead.cmp(&b.lead),
            _ => Ordering::Equal,
        };
        let ordering = ordering.then_with(|| a.key.cmp(&b.key));
        if self.descending { ordering.reverse() } else { ordering }
    }
}

fn number(name: &str, value: &str) -> Result<usize, ApiError> {
    value.parse().map_err(|_| error(StatusCode::BAD_REQUEST, &format!("{name} must be a whole number.")))
}
