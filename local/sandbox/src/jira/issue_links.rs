//! `GET /rest/api/3/issueLinkType`, `POST /rest/api/3/issueLink`, `GET` and `DELETE /rest/api/3/issueLink/{linkId}`.
//! See <https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-issue-links/>.

use std::sync::Arc;

use axum::extract::{Extension, Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};

use super::changelog::linked;
use super::contract::Input;
use super::objects;
use super::refusal::Refusal;
use super::view::{Scopes, View};
use crate::shared::{AppState, Shared};
use crate::world::tracker::Tracker;
use crate::world::tracker::catalog::LinkType;
use crate::world::tracker::issue::Issue;
use crate::world::tracker::link::Link;

const TYPE_SCOPES: Scopes = Scopes { classic: &["read:jira-work"], granular: &["read:issue-link-type:jira"] };

const WRITE_SCOPES: Scopes = Scopes {
    classic: &["write:jira-work"],
    granular: &["write:comment:jira", "write:issue:jira", "write:issue-link:jira"],
};

const READ_SCOPES: Scopes = Scopes {
    classic: &["read:jira-work"],
    granular: &[
        "read:field:jira",
        "read:issue-link-type:jira",
        "read:issue:jira",
        "read:issue-type:jira",
        "read:priority:jira",
        "read:status:jira",
        "read:avatar:jira",
        "read:issue.time-tracking:jira",
        "read:project-category:jira",
        "read:project:jira",
        "read:user:jira",
    ],
};

const DELETE_SCOPES: Scopes = Scopes { classic: &["write:jira-work"], granular: &["delete:issue-link:jira"] };

/// The maximum number of links of an issue.
const MAX_LINKS: usize = 2000;

pub(super) fn router() -> Router<Arc<Shared>> {
    Router::new()
        .route("/rest/api/3/issueLinkType", get(types))
        .route("/rest/api/3/issueLink", post(create))
        .route("/rest/api/3/issueLink/{link}", get(link).delete(delete))
}

/// A link as one of its issues shows it: only the other end.
pub(super) fn seen_from(view: &View, tracker: &Tracker, issue: &Issue, link: &Link) -> Value {
    let (name, other) =
        if link.inward == issue.id { ("outwardIssue", link.outward) } else { ("inwardIssue", link.inward) };
    let mut body = described(view, link);
    body[name] = tracker.issues.get(&other).map(|other| objects::relative(view, other)).into();
    body
}

fn described(view: &View, link: &Link) -> Value {
    let id = link.id.to_string();
    json!({ "self": view.link(&format!("issueLink/{id}")), "id": id, "type": link_type(view, link.kind) })
}

fn link_type(view: &View, kind: &LinkType) -> Value {
    json!({
        "self": view.link(&format!("issueLinkType/{}", kind.id)),
        "id": kind.id,
        "name": kind.name,
        "inward": kind.inward,
        "outward": kind.outward,
    })
}

async fn types(
    State(shared): AppState,
    Path(cloud_id): Path<String>,
    headers: HeaderMap,
) -> Result<Json<Value>, Refusal> {
    let view = View::open(&shared, &headers, &cloud_id, &TYPE_SCOPES)?;
    let types: Vec<_> = view.read().link_types().map(|kind| link_type(&view, kind)).collect();
    Ok(Json(json!({ "issueLinkTypes": types })))
}

/// The body of a request to create a link.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct NewLink {
    r#type: Reference,
    inward_issue: Reference,
    outward_issue: Reference,
}

/// A type by id or name, or an issue by id or key.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Reference {
    id: Option<String>,
    name: Option<String>,
    key: Option<String>,
}

impl Reference {
    fn issue(&self) -> Result<&str, Refusal> {
        let named = self.id.as_deref().or(self.key.as_deref()).filter(|_| self.name.is_none());
        named.ok_or_else(|| Refusal::misuse("an issue is given by id or key"))
    }

    fn link_type(&self, tracker: &Tracker) -> Result<&'static LinkType, Refusal> {
        let is_it = |kind: &&'static LinkType| match (&self.id, &self.name) {
            (Some(id), _) => kind.id == id,
            (None, Some(name)) => kind.name == name,
            (None, None) => false,
        };
        if self.key.is_some() || self.id.is_none() && self.name.is_none() {
            return Err(Refusal::misuse("a link type is given by id or name"));
        }
        tracker.link_types().find(is_it).ok_or_else(|| {
            Refusal::plain(StatusCode::NOT_FOUND, "No issue link type with this id or name found.")
        })
    }
}

async fn create(
    State(shared): AppState,
    Path(cloud_id): Path<String>,
    headers: HeaderMap,
    Extension(input): Extension<Input>,
) -> Result<StatusCode, Refusal> {
    let view = View::open(&shared, &headers, &cloud_id, &WRITE_SCOPES)?;
    let new: NewLink = input.body()?;
    let mut tracker = view.write();
    let kind = new.r#type.link_type(&tracker)?;
    let (inward, outward) = (new.inward_issue.issue()?, new.outward_issue.issue()?);
    let (inward, outward) = (view.issue(&tracker, inward)?.id, view.issue(&tracker, outward)?.id);
    if view.settings.read_only {
        let text = "No Link Issue Permission for the issue.";
        return Err(Refusal::plain(StatusCode::NOT_FOUND, text));
    }
    if inward == outward {
        return Err(Refusal::plain(StatusCode::BAD_REQUEST, "You cannot link an issue to itself."));
    }
    if [inward, outward].iter().any(|&issue| tracker.links_of(issue).count() >= MAX_LINKS) {
        let text = "The limit of links for this issue is reached.";
        return Err(Refusal::plain(StatusCode::PAYLOAD_TOO_LARGE, text));
    }
    // A duplicate gets the same response.
    if tracker.link(kind, inward, outward) {
        for (issue, words, other) in [(inward, kind.outward, outward), (outward, kind.inward, inward)] {
            let change = tracker.issues.get(&other).map(|other| linked(&view, words, other));
            tracker.record(issue, &view.account.key, view.now, change.into_iter().collect());
        }
    }
    Ok(StatusCode::CREATED)
}

async fn link(
    State(shared): AppState,
    Path((cloud_id, id)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<Json<Value>, Refusal> {
    let view = View::open(&shared, &headers, &cloud_id, &READ_SCOPES)?;
    let tracker = view.read();
    let link = find(&tracker, &id)?;
    let mut body = described(&view, link);
    for (name, issue) in [("inwardIssue", link.inward), ("outwardIssue", link.outward)] {
        body[name] = tracker.issues.get(&issue).map(|issue| objects::relative(&view, issue)).into();
    }
    Ok(Json(body))
}

async fn delete(
    State(shared): AppState,
    Path((cloud_id, id)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<StatusCode, Refusal> {
    let view = View::open(&shared, &headers, &cloud_id, &DELETE_SCOPES)?;
    let mut tracker = view.write();
    let id = find(&tracker, &id)?.id;
    if view.settings.read_only {
        return Err(not_found());
    }
    tracker.links.remove(&id);
    Ok(StatusCode::NO_CONTENT)
}

/// Finds a link by id, which must be a number.
fn find<'a>(tracker: &'a Tracker, id: &str) -> Result<&'a Link, Refusal> {
    let id: u64 = id.parse().map_err(|_| Refusal::misuse("a link's id is a number"))?;
    tracker.links.get(&id).ok_or_else(not_found)
}

fn not_found() -> Refusal {
    Refusal::plain(StatusCode::NOT_FOUND, "No issue link with this id exists.")
}
