//! `/rest/api/3/issue/{issueIdOrKey}/attachments`, `/rest/api/3/attachment`, and the media host that has the content.
//! See <https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-issue-attachments/>.

use std::convert::Infallible;
use std::sync::{Arc, PoisonError};

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Extension, Path, State};
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE, LOCATION};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use futures_util::stream;
use multer::Multipart;
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::contract::Input;
use super::objects::timestamp;
use super::refusal::Refusal;
use super::view::{Scopes, View};
use crate::shared::{AppState, Shared};
use crate::world::tracker::Tracker;
use crate::world::tracker::issue::{Attachment, Issue};

const ADD: Scopes = Scopes {
    classic: &["write:jira-work"],
    granular: &["read:user:jira", "write:attachment:jira", "read:attachment:jira", "read:avatar:jira"],
};

const READ: Scopes = Scopes {
    classic: &["read:jira-work"],
    granular: &[
        "read:attachment:jira",
        "read:user:jira",
        "read:application-role:jira",
        "read:avatar:jira",
        "read:group:jira",
    ],
};

const CONTENT: Scopes = Scopes { classic: &["read:jira-work"], granular: &["read:attachment:jira"] };

const DELETE: Scopes = Scopes { classic: &["write:jira-work"], granular: &["delete:attachment:jira"] };

pub(super) fn router() -> Router<Arc<Shared>> {
    Router::new()
        .route("/rest/api/3/issue/{issue}/attachments", post(add))
        .route("/rest/api/3/attachment/{id}", get(metadata).delete(remove))
        .route("/rest/api/3/attachment/content/{id}", get(content))
}

/// The media host, which knows no token but the one in the URL.
pub(super) fn media_router() -> Router<Arc<Shared>> {
    Router::new().route("/media/{site}/{secret}", get(media))
}

async fn add(
    State(shared): AppState,
    Path((cloud_id, name)): Path<(String, String)>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<Value>, Refusal> {
    let view = View::open(&shared, &headers, &cloud_id, &ADD)?;
    let files = files(&headers, body).await?;
    let mut tracker = view.write();
    let id = view.issue(&tracker, &name)?.id;
    if view.settings.read_only {
        let text = "You do not have permission to create attachments for this issue.";
        return Err(Refusal::plain(StatusCode::FORBIDDEN, text));
    }
    let mut added = Vec::new();
    for (name, kind, content) in files {
        let attachment = Attachment {
            id: tracker.next_attachment(),
            name,
            kind,
            content,
            author: view.account.key.as_str().into(),
            created: view.now,
            media: Uuid::new_v4().simple().to_string(),
        };
        let issue = tracker.issues.get_mut(&id).ok_or_else(not_found)?;
        added.push(render(&view, &attachment, json!(attachment.id.to_string())));
        issue.attachments.push(attachment);
        issue.updated = view.now;
    }
    Ok(Json(added.into()))
}

/// The name, type and content of each file in a form.
async fn files(headers: &HeaderMap, body: Body) -> Result<Vec<(String, String, Bytes)>, Refusal> {
    let malformed =
        |error: &dyn ToString| Refusal::misuse(&format!("the form is malformed: {}", error.to_string()));
    let body = to_bytes(body, usize::MAX).await.map_err(|error| malformed(&error))?;
    let kind = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let boundary = multer::parse_boundary(kind).map_err(|error| malformed(&error))?;
    let mut form = Multipart::new(stream::iter([Ok::<_, Infallible>(body)]), boundary);
    let mut files = Vec::new();
    while let Some(part) = form.next_field().await.map_err(|error| malformed(&error))? {
        if part.name() != Some("file") {
            return Err(Refusal::misuse("a part of the form is not named file"));
        }
        let headers = part.headers();
        if headers.keys().any(|name| !["content-disposition", "content-type"].contains(&name.as_str())) {
            return Err(Refusal::misuse("a part of the form has an unknown header"));
        }
        let kind = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).map(str::to_owned);
        // As browsers write it.
        let name =
            part.file_name().map(|name| name.replace("%22", "\"").replace("%0D", "\r").replace("%0A", "\n"));
        let (Some(name), Some(kind)) = (name, kind) else {
            return Err(Refusal::misuse("a part of the form has no file name or no type"));
        };
        files.push((name, kind, part.bytes().await.map_err(|error| malformed(&error))?));
    }
    if files.is_empty() || files.len() > 60 {
        return Err(Refusal::misuse("between 1 and 60 files can be attached at once"));
    }
    Ok(files)
}

/// The field `attachment` of an issue.
pub(super) fn field(view: &View, issue: &Issue) -> Vec<Value> {
    let attachments = issue.attachments.iter();
    attachments.map(|attachment| render(view, attachment, json!(attachment.id.to_string()))).collect()
}

/// An attachment, whose id is a string or a number.
fn render(view: &View, attachment: &Attachment, id: Value) -> Value {
    // The URL of the content is on the site's own host, which accepts no token of an app.
    let site =
        format!("https://{}.atlassian.net/rest/api/3/attachment/content/{}", view.site.key, attachment.id);
    json!({
        "self": view.link(&format!("attachment/{}", attachment.id)),
        "id": id,
        "filename": attachment.name,
        "author": view.user(&attachment.author),
        "created": timestamp(attachment.created),
        "size": attachment.content.len(),
        "mimeType": attachment.kind,
        "content": site,
    })
}

fn find<'t>(tracker: &'t Tracker, id: &str) -> Result<&'t Attachment, Refusal> {
    let mut attachments = tracker.issues.values().flat_map(|issue| &issue.attachments);
    attachments.find(|attachment| attachment.id.to_string() == id).ok_or_else(not_found)
}

fn not_found() -> Refusal {
    Refusal::plain(StatusCode::NOT_FOUND, "The attachment does not exist, or you cannot see it.")
}

async fn metadata(
    State(shared): AppState,
    Path((cloud_id, id)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<Json<Value>, Refusal> {
    let view = View::open(&shared, &headers, &cloud_id, &READ)?;
    let tracker = view.read();
    let attachment = find(&tracker, &id)?;
    Ok(Json(render(&view, attachment, json!(attachment.id))))
}

#[derive(Deserialize)]
struct Wanted {
    redirect: Option<bool>,
}

async fn content(
    State(shared): AppState,
    Path((cloud_id, id)): Path<(String, String)>,
    headers: HeaderMap,
    Extension(input): Extension<Input>,
) -> Result<Response, Refusal> {
    let view = View::open(&shared, &headers, &cloud_id, &CONTENT)?;
    let wanted: Wanted = input.query()?;
    let tracker = view.read();
    let attachment = find(&tracker, &id)?;
    if wanted.redirect == Some(false) {
        return Ok(([(CONTENT_TYPE, attachment.kind.clone())], attachment.content.clone()).into_response());
    }
    let location = format!("{}/media/{}/{}", view.origin, view.site.key, attachment.media);
    Ok((StatusCode::SEE_OTHER, [(LOCATION, location)]).into_response())
}

async fn remove(
    State(shared): AppState,
    Path((cloud_id, id)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<StatusCode, Refusal> {
    let view = View::open(&shared, &headers, &cloud_id, &DELETE)?;
    let mut tracker = view.write();
    let id = find(&tracker, &id)?.id;
    if view.settings.read_only {
        let text = "You do not have permission to delete this attachment.";
        return Err(Refusal::plain(StatusCode::FORBIDDEN, text));
    }
    for issue in tracker.issues.values_mut() {
        issue.attachments.retain(|attachment| attachment.id != id);
    }
    Ok(StatusCode::NO_CONTENT)
}

async fn media(
    State(shared): AppState,
    Path((site, secret)): Path<(String, String)>,
    headers: HeaderMap,
) -> Response {
    // A token sent here was sent to a host that must not see it.
    if headers.contains_key(AUTHORIZATION) {
        return (StatusCode::BAD_REQUEST, "an Authorization header does not belong here").into_response();
    }
    let tracker = shared.world().trackers.get(&site).map(Arc::clone);
    let Some(tracker) = tracker else { return StatusCode::NOT_FOUND.into_response() };
    let tracker = tracker.read().unwrap_or_else(PoisonError::into_inner);
    let mut attachments = tracker.issues.values().flat_map(|issue| &issue.attachments);
    match attachments.find(|attachment| attachment.media == secret) {
        Some(found) => ([(CONTENT_TYPE, found.kind.clone())], found.content.clone()).into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}
