//! `/rest/api/3/issue/{issueIdOrKey}/comment` and the properties of comments.
//! See <https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-issue-comments/>.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::{Extension, Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};

use super::adf;
use super::contract::Input;
use super::create::Property;
use super::objects::timestamp;
use super::refusal::Refusal;
use super::view::{Scopes, View};
use crate::shared::{AppState, Shared};
use crate::world::tracker::comment::{Comment, GROUPS, ROLES, Visibility};
use crate::world::tracker::issue::Issue;

/// Larger page sizes are silently reduced to this.
const MAX_PAGE: usize = 100;

/// In characters.
pub(super) const MAX_LENGTH: usize = 32_767;

const READ: [&str; 7] = [
    "read:comment:jira",
    "read:comment.property:jira",
    "read:group:jira",
    "read:project:jira",
    "read:project-role:jira",
    "read:user:jira",
    "read:avatar:jira",
];

const READ_SCOPES: Scopes = Scopes { classic: &["read:jira-work"], granular: &READ };

const WRITE_SCOPES: Scopes = Scopes {
    classic: &["write:jira-work"],
    granular: &[READ[0], READ[1], READ[2], READ[3], READ[4], READ[5], READ[6], "write:comment:jira"],
};

const DELETE_SCOPES: Scopes = Scopes {
    classic: &["write:jira-work"],
    granular: &["delete:comment:jira", "delete:comment.property:jira"],
};

const PROPERTY_SCOPES: Scopes =
    Scopes { classic: &["read:jira-work"], granular: &["read:comment.property:jira"] };

pub(super) fn router() -> Router<Arc<Shared>> {
    Router::new()
        .route("/rest/api/3/issue/{issue}/comment", get(list).post(add))
        .route("/rest/api/3/issue/{issue}/comment/{id}", get(one).put(edit).delete(delete))
        .route("/rest/api/3/comment/{id}/properties/{key}", get(property))
}

/// The parameters of a list, with Jira's defaults.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Query {
    start_at: usize,
    max_results: usize,
    order_by: String,
}

impl Default for Query {
    fn default() -> Self {
        Self { start_at: 0, max_results: MAX_PAGE, order_by: "created".to_owned() }
    }
}

async fn list(
    State(shared): AppState,
    Path((cloud_id, name)): Path<(String, String)>,
    headers: HeaderMap,
    Extension(input): Extension<Input>,
) -> Result<Json<Value>, Refusal> {
    let view = View::open(&shared, &headers, &cloud_id, &READ_SCOPES)?;
    let query: Query = input.query()?;
    let tracker = view.read();
    let issue = view.issue(&tracker, &name)?;
    let mut found: Vec<_> = issue.comments.iter().filter(|comment| is_visible(comment)).collect();
    match query.order_by.as_str() {
        "created" | "+created" => {}
        "-created" => found.reverse(),
        _ => return Err(Refusal::misuse("comments are ordered by created")),
    }
    let max_results = query.max_results.clamp(1, MAX_PAGE);
    let page = found.iter().skip(query.start_at).take(max_results);
    let comments: Vec<_> = page.map(|comment| to_json(&view, issue, comment)).collect();
    Ok(Json(json!({
        "startAt": query.start_at,
        "maxResults": max_results,
        "total": found.len(),
        "comments": comments,
    })))
}

async fn one(
    State(shared): AppState,
    Path((cloud_id, name, id)): Path<(String, String, String)>,
    headers: HeaderMap,
) -> Result<Json<Value>, Refusal> {
    let view = View::open(&shared, &headers, &cloud_id, &READ_SCOPES)?;
    let tracker = view.read();
    let issue = view.issue(&tracker, &name)?;
    Ok(Json(to_json(&view, issue, &issue.comments[position(issue, &id)?])))
}

/// A new or edited comment.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    body: Value,
    visibility: Option<Value>,
    #[serde(default)]
    properties: Vec<Property>,
}

async fn add(
    State(shared): AppState,
    Path((cloud_id, name)): Path<(String, String)>,
    headers: HeaderMap,
    Extension(input): Extension<Input>,
) -> Result<(StatusCode, Json<Value>), Refusal> {
    let view = View::open(&shared, &headers, &cloud_id, &WRITE_SCOPES)?;
    let written: Written = input.body()?;
    let mut tracker = view.write();
    let issue = view.issue(&tracker, &name)?.clone();
    if view.settings.read_only {
        return Err(refuse("comment", "You do not have permission to comment on this issue."));
    }
    if issue.comments.len() >= view.settings.max_comments {
        let text = "The limit of comments on this issue has been reached.";
        return Err(Refusal::plain(StatusCode::PAYLOAD_TOO_LARGE, text));
    }
    check_body(&written.body)?;
    let visibility = written.visibility.as_ref().map(visibility).transpose()?;
    let properties = written.properties.into_iter().map(|property| (property.key, property.value));
    let id = tracker.next_comment();
    let comment = Comment { visibility, properties: properties.collect(), ..new(&view, id, written.body) };
    let answer = to_json(&view, &issue, &comment);
    if let Some(issue) = tracker.issues.get_mut(&issue.id) {
        issue.updated = view.now;
        issue.comments.push(comment);
    }
    Ok((StatusCode::CREATED, Json(answer)))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Options {
    #[serde(rename = "notifyUsers")]
    _notify_users: Option<bool>,
}

async fn edit(
    State(shared): AppState,
    Path((cloud_id, name, id)): Path<(String, String, String)>,
    headers: HeaderMap,
    Extension(input): Extension<Input>,
) -> Result<Json<Value>, Refusal> {
    let view = View::open(&shared, &headers, &cloud_id, &WRITE_SCOPES)?;
    let Options { .. } = input.query()?;
    let written: Written = input.body()?;
    let mut tracker = view.write();
    let mut issue = view.issue(&tracker, &name)?.clone();
    let at = position(&issue, &id)?;
    if !may_change(&view, &issue.comments[at]) {
        return Err(refuse("comment", "You do not have the permission to edit this comment."));
    }
    check_body(&written.body)?;
    let comment = &mut issue.comments[at];
    comment.body = written.body;
    // Whether Jira keeps a visibility that is left out is not documented; here it does not.
    comment.visibility = written.visibility.as_ref().map(visibility).transpose()?;
    if !written.properties.is_empty() {
        // The property that makes a comment internal is replaced along with the others.
        comment.public = true;
        comment.properties =
            written.properties.into_iter().map(|property| (property.key, property.value)).collect();
    }
    comment.updated = view.now;
    comment.update_author = view.account.key.as_str().into();
    let answer = to_json(&view, &issue, &issue.comments[at]);
    tracker.issues.insert(issue.id, issue);
    Ok(Json(answer))
}

async fn delete(
    State(shared): AppState,
    Path((cloud_id, name, id)): Path<(String, String, String)>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let view = View::open(&shared, &headers, &cloud_id, &DELETE_SCOPES)?;
    let mut tracker = view.write();
    let mut issue = view.issue(&tracker, &name)?.clone();
    let at = position(&issue, &id)?;
    if !may_change(&view, &issue.comments[at]) {
        return Err(refuse("comment", "You do not have permission to delete this comment."));
    }
    issue.comments.remove(at);
    tracker.issues.insert(issue.id, issue);
    Ok(StatusCode::NO_CONTENT.into_response())
}

async fn property(
    State(shared): AppState,
    Path((cloud_id, id, key)): Path<(String, String, String)>,
    headers: HeaderMap,
) -> Result<Json<Value>, Refusal> {
    let view = View::open(&shared, &headers, &cloud_id, &PROPERTY_SCOPES)?;
    let tracker = view.read();
    let id: u64 = id.parse().map_err(|_| Refusal::misuse("the comment id is not a number"))?;
    let mut comments = tracker.issues.values().flat_map(|issue| &issue.comments);
    let property = comments.find(|comment| comment.id == id).and_then(|comment| comment.properties.get(&key));
    let none = || Refusal::plain(StatusCode::NOT_FOUND, "The property does not exist.");
    let value = property.ok_or_else(none)?;
    Ok(Json(json!({ "key": key, "value": value })))
}

fn refuse(field: &str, text: &str) -> Refusal {
    let body = json!({ "errorMessages": [], "errors": { field: text } });
    Refusal { status: StatusCode::BAD_REQUEST, body, misuse: None }
}

/// A comment of this account without further settings.
pub(super) fn new(view: &View, id: u64, body: Value) -> Comment {
    let author: Arc<str> = view.account.key.as_str().into();
    Comment {
        id,
        update_author: Arc::clone(&author),
        author,
        body,
        created: view.now,
        updated: view.now,
        visibility: None,
        public: true,
        properties: BTreeMap::new(),
    }
}

/// Ada administers every project; others change only their own comments.
fn may_change(view: &View, comment: &Comment) -> bool {
    !view.settings.read_only && (view.account.key == "ada" || *comment.author == *view.account.key)
}

/// Whether people see it who are in all roles and groups but the last ones.
fn is_visible(comment: &Comment) -> bool {
    comment.visibility.is_none_or(is_member)
}

fn is_member(visibility: Visibility) -> bool {
    match visibility {
        Visibility::Role(role) => role + 1 < ROLES.len(),
        Visibility::Group(group) => group + 1 < GROUPS.len(),
    }
}

fn position(issue: &Issue, id: &str) -> Result<usize, Refusal> {
    let found = issue.comments.iter().position(|comment| comment.id.to_string() == id && is_visible(comment));
    found.ok_or_else(|| {
        Refusal::plain(StatusCode::NOT_FOUND, &format!("Can not find a comment for the id: {id}."))
    })
}

fn check_body(body: &Value) -> Result<(), Refusal> {
    if !body.is_object() {
        return Err(Refusal::misuse("Comment body must be an Atlassian Document"));
    }
    let length = adf::check(body).map_err(|problem| Refusal::misuse(&problem))?;
    if length <= 1 {
        return Err(refuse("comment", "Comment body can not be empty!"));
    }
    if length > MAX_LENGTH {
        let text = "The entered text is too long. It exceeds the allowed limit of 32,767 characters.";
        return Err(refuse("comment", text));
    }
    Ok(())
}

/// Reads a visibility. The identifier has precedence over the name.
fn visibility(value: &Value) -> Result<Visibility, Refusal> {
    let (id, name) = (value["identifier"].as_str(), value["value"].as_str());
    let wanted = id.or(name).ok_or_else(|| Refusal::misuse("a visibility without identifier and value"))?;
    let (found, what) = match value["type"].as_str() {
        Some("role") => (ROLES.iter().position(|role| *role == wanted).map(Visibility::Role), "Role"),
        Some("group") => {
            let is_wanted =
                |(known, name): &(&str, &str)| if id.is_some() { *known == wanted } else { *name == wanted };
            (GROUPS.iter().position(is_wanted).map(Visibility::Group), "Group")
        }
        _ => return Err(Refusal::misuse("a visibility is of type role or group")),
    };
    let found = found.ok_or_else(|| refuse("commentLevel", &format!("{what}: {wanted} does not exist.")))?;
    if !is_member(found) {
        return Err(refuse(
            "commentLevel",
            &format!("You are currently not a member of the {what}: {wanted}."),
        ));
    }
    Ok(found)
}

fn to_json(view: &View, issue: &Issue, comment: &Comment) -> Value {
    let mut body = json!({
        "self": view.link(&format!("issue/{}/comment/{}", issue.id, comment.id)),
        "id": comment.id.to_string(),
        "author": view.user(&comment.author),
        "body": comment.body,
        "updateAuthor": view.user(&comment.update_author),
        "created": timestamp(comment.created),
        "updated": timestamp(comment.updated),
        "jsdPublic": comment.public,
    });
    match comment.visibility {
        Some(Visibility::Role(role)) => {
            body["visibility"] = json!({ "type": "role", "value": ROLES[role], "identifier": ROLES[role] });
        }
        Some(Visibility::Group(group)) => {
            let (id, name) = GROUPS[group];
            body["visibility"] = json!({ "type": "group", "value": name, "identifier": id });
        }
        None => {}
    }
    body
}
