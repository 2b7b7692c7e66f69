//! `GET /rest/api/3/user/assignable/search` and `GET /rest/api/3/user/picker`.
//! See <https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-user-search/>.

use std::sync::Arc;

use axum::extract::{Extension, Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::get;
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};

use super::contract::Input;
use super::refusal::Refusal;
use super::view::{Scopes, View};
use crate::shared::{AppState, Shared};

const ASSIGNABLE_SCOPES: Scopes = Scopes {
    classic: &["read:jira-user"],
    granular: &[
        "read:issue:jira",
        "read:project:jira",
        "read:user:jira",
        "read:application-role:jira",
        "read:avatar:jira",
        "read:group:jira",
    ],
};

const PICKER_SCOPES: Scopes = Scopes { classic: &["read:jira-user"], granular: &["read:user:jira"] };

/// Jira looks at no more accounts than this.
const SCANNED: usize = 1000;

pub(super) fn router() -> Router<Arc<Shared>> {
    Router::new()
        .route("/rest/api/3/user/assignable/search", get(assignable))
        .route("/rest/api/3/user/picker", get(picker))
}

/// The accounts of a site: an app, a former employee, and the members.
fn accounts(view: &View) -> Vec<Value> {
    let other = |id: &str, kind: &str, name: &str, active: bool| {
        json!({
            "self": view.link(&format!("user?accountId={id}")),
            "accountId": id,
            "accountType": kind,
            "displayName": name,
            "active": active,
            "avatarUrls": view.avatars(name),
            "timeZone": "Europe/London",
        })
    };
    let mut accounts = vec![
        other("557058:f58131cb-0000-4000-8000-000000000001", "app", "Sandbox Automation", true),
        other("712020:00000000-0000-4000-8000-00000000ffff", "atlassian", "Sandy Former", false),
    ];
    let members = view.accounts.iter().filter(|account| account.sites.contains(&view.site.key));
    accounts.extend(members.map(|account| view.user(&account.key)));
    accounts
}

/// Whether a word of the name begins with the text, or it is the whole of a visible e-mail address.
fn matches(account: &Value, text: &str) -> bool {
    let text = text.to_lowercase();
    let name = account["displayName"].as_str().unwrap_or_default().to_lowercase();
    name.starts_with(&text)
        || name.split_whitespace().any(|word| word.starts_with(&text))
        || account["emailAddress"].as_str().is_some_and(|email| email == text)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Assignable {
    query: Option<String>,
    project: Option<String>,
    issue_key: Option<String>,
    issue_id: Option<String>,
    #[serde(default = "default_page")]
    max_results: usize,
}

fn default_page() -> usize {
    50
}

async fn assignable(
    State(shared): AppState,
    Path(cloud_id): Path<String>,
    headers: HeaderMap,
    Extension(input): Extension<Input>,
) -> Result<Json<Value>, Refusal> {
    let view = View::open(&shared, &headers, &cloud_id, &ASSIGNABLE_SCOPES)?;
    let wanted: Assignable = input.query()?;
    let text = wanted.query.ok_or_else(|| Refusal::misuse("query or accountId is missing"))?;
    match (&wanted.project, &wanted.issue_key, &wanted.issue_id) {
        (Some(project), None, None) => {
            view.project(project).ok_or_else(|| {
                let text = format!("No project could be found with key '{project}'.");
                Refusal::plain(StatusCode::NOT_FOUND, &text)
            })?;
        }
        (None, Some(issue), None) | (None, None, Some(issue)) => {
            if issue.parse::<u64>().is_ok() != wanted.issue_id.is_some() {
                return Err(Refusal::misuse("issueKey is a key, issueId an id"));
            }
            view.issue(&view.read(), issue)?;
        }
        _ => return Err(Refusal::misuse("one of project, issueKey and issueId is needed")),
    }
    let mut found = accounts(&view);
    found.truncate(SCANNED);
    // Inactive accounts cannot be assigned.
    found.retain(|account| account["active"] == true && matches(account, &text));
    found.truncate(wanted.max_results.clamp(1, SCANNED));
    Ok(Json(found.into()))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Picker {
    query: Option<String>,
    #[serde(default = "default_page")]
    max_results: usize,
    #[serde(default)]
    show_avatar: bool,
}

async fn picker(
    State(shared): AppState,
    Path(cloud_id): Path<String>,
    headers: HeaderMap,
    Extension(input): Extension<Input>,
) -> Result<Json<Value>, Refusal> {
    let view = View::open(&shared, &headers, &cloud_id, &PICKER_SCOPES)?;
    let wanted: Picker = input.query()?;
    let text = wanted.query.unwrap_or_default();
    let mut found = accounts(&view);
    found.retain(|account| account["active"] == true && matches(account, &text));
    let total = found.len();
    found.truncate(wanted.max_results.clamp(1, SCANNED));
    let users: Vec<_> = found.iter().map(|account| picked(account, &text, wanted.show_avatar)).collect();
    let header = format!("Showing {} of {total} matching users", users.len());
    Ok(Json(json!({ "users": users, "total": total, "header": header })))
}

/// An account as the picker shows it: with the match highlighted, without saying whether it is active.
fn picked(account: &Value, text: &str, with_avatar: bool) -> Value {
    let name = account["displayName"].as_str().unwrap_or_default();
    let mut user = json!({
        "accountId": account["accountId"],
        "accountType": account["accountType"],
        "html": format!("<strong>{text}</strong> - {name}"),
        "displayName": name,
    });
    if with_avatar {
        user["avatarUrl"] = account["avatarUrls"]["24x24"].clone();
    }
    user
}
