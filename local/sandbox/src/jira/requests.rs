//! `POST /rest/servicedeskapi/request/{issueIdOrKey}/comment`, of Jira Service Management.
//! See <https://developer.atlassian.com/cloud/jira/service-desk/rest/api-group-request/>.

use std::sync::Arc;

use axum::extract::{Extension, Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};

use super::comments::{MAX_LENGTH, new};
use super::contract::Input;
use super::objects::timestamp;
use super::refusal::Refusal;
use super::view::{Scopes, View};
use crate::shared::{AppState, Shared};
use crate::world::tracker::comment::Comment;
use crate::world::tracker::issue::Issue;

const REQUEST_SCOPES: Scopes = Scopes {
    classic: &["write:servicedesk-request"],
    granular: &[
        "read:request.comment:jira-service-management",
        "write:request.comment:jira-service-management",
        "read:user:jira",
    ],
};

pub(super) fn router() -> Router<Arc<Shared>> {
    Router::new().route("/rest/servicedeskapi/request/{issue}/comment", post(add))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RequestComment {
    body: String,
    public: bool,
}

async fn add(
    State(shared): AppState,
    Path((cloud_id, name)): Path<(String, String)>,
    headers: HeaderMap,
    Extension(input): Extension<Input>,
) -> Result<(StatusCode, Json<Value>), Refusal> {
    let view = View::open(&shared, &headers, &cloud_id, &REQUEST_SCOPES)?;
    let RequestComment { body: text, public } = input.body()?;
    let mut tracker = view.write();
    let issue = view.issue(&tracker, &name).ok().filter(|issue| is_request(&view, issue)).cloned();
    let issue = issue.ok_or_else(|| {
        service_desk(StatusCode::NOT_FOUND, "The customer request does not exist, or you cannot see it.")
    })?;
    if view.settings.read_only {
        return Err(service_desk(StatusCode::FORBIDDEN, "You may not comment on this request."));
    }
    if text.trim().is_empty() || text.encode_utf16().count() > MAX_LENGTH {
        return Err(service_desk(StatusCode::BAD_REQUEST, "The comment is empty or too long."));
    }
    let id = tracker.next_comment();
    let line = |line: &str| match line {
        "" => json!({ "type": "paragraph", "content": [] }),
        line => json!({ "type": "paragraph", "content": [{ "type": "text", "text": line }] }),
    };
    let body = json!({ "type": "doc", "version": 1, "content": text.lines().map(line).collect::<Vec<_>>() });
    let public = public || view.settings.internal_comments_are_public;
    let comment = Comment { public, ..new(&view, id, body) };
    if let Some(issue) = tracker.issues.get_mut(&issue.id) {
        issue.comments.push(comment);
    }
    let answer = json!({
        "id": id.to_string(),
        "body": text,
        "public": public,
        "author": { "accountId": view.account.account_id, "displayName": view.account.name, "active": true },
        "created": { "jira": timestamp(view.now), "epochMillis": view.now.unix_timestamp() * 1000 },
    });
    Ok((StatusCode::CREATED, Json(answer)))
}

/// A refusal in the format of Jira Service Management.
fn service_desk(status: StatusCode, text: &str) -> Refusal {
    let body =
        json!({ "errorMessage": text, "i18nErrorMessage": { "i18nKey": "sd.error", "parameters": [] } });
    Refusal { status, body, misuse: None }
}

fn is_request(view: &View, issue: &Issue) -> bool {
    let project = view.site.projects.iter().find(|project| project.id == issue.project);
    project.is_some_and(|project| project.type_key == "service_desk")
}
