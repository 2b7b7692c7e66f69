//! `GET /rest/api/3/issue/{issueIdOrKey}/changelog`, and what an edit records there.
//! See <https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-issues/#api-rest-api-3-issue-issueidorkey-changelog-get>.

use std::sync::Arc;

use axum::extract::{Extension, Path, State};
use axum::http::HeaderMap;
use axum::routing::get;
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};

use super::contract::Input;
use super::objects::timestamp;
use super::refusal::Refusal;
use super::view::{Scopes, View};
use crate::shared::{AppState, Shared};
use crate::world::tracker::history::{Change, FieldChange, Side};
use crate::world::tracker::issue::Issue;

/// The default page size, and the largest.
const MAX_PAGE: usize = 100;

const SCOPES: Scopes = Scopes {
    classic: &["read:jira-work"],
    granular: &["read:issue-meta:jira", "read:avatar:jira", "read:issue.changelog:jira"],
};

pub(super) fn router() -> Router<Arc<Shared>> {
    Router::new().route("/rest/api/3/issue/{issue}/changelog", get(changelog))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Paging {
    #[serde(default)]
    start_at: usize,
    #[serde(default = "max_page")]
    max_results: usize,
}

fn max_page() -> usize {
    MAX_PAGE
}

async fn changelog(
    State(shared): AppState,
    Path((cloud_id, name)): Path<(String, String)>,
    headers: HeaderMap,
    Extension(input): Extension<Input>,
) -> Result<Json<Value>, Refusal> {
    let view = View::open(&shared, &headers, &cloud_id, &SCOPES)?;
    let paging: Paging = input.query()?;
    let tracker = view.read();
    let issue = view.issue(&tracker, &name)?;
    let max_results = paging.max_results.clamp(1, MAX_PAGE);
    let page = issue.history.iter().skip(paging.start_at).take(max_results);
    let values: Vec<_> = page.map(|change| described(&view, change)).collect();
    let (next, total) = (paging.start_at + values.len(), issue.history.len());
    let link =
        |start: usize| view.link(&format!("issue/{name}/changelog?startAt={start}&maxResults={max_results}"));
    let mut body = json!({
        "self": link(paging.start_at),
        "startAt": paging.start_at,
        "maxResults": max_results,
        "total": total,
        "isLast": next >= total,
        "values": values,
    });
    if next < total {
        body["nextPage"] = link(next).into();
    }
    Ok(Json(body))
}

fn described(view: &View, change: &Change) -> Value {
    let items: Vec<_> = change.fields.iter().map(item).collect();
    json!({
        "id": change.id.to_string(),
        "author": view.user(&change.author),
        "created": timestamp(change.created),
        "items": items,
    })
}

/// A changed field. Links have no `fieldId`.
fn item(change: &FieldChange) -> Value {
    let mut item = json!({
        "field": change.field,
        "fieldtype": "jira",
        "from": change.from.0,
        "fromString": change.from.1,
        "to": change.to.0,
        "toString": change.to.1,
    });
    if let Some(id) = change.id {
        item["fieldId"] = id.into();
    }
    item
}

/// What an edit changed, as the history shows it.
pub(super) fn differences(view: &View, before: &Issue, after: &Issue) -> Vec<FieldChange> {
    let sides = |issue: &Issue| {
        let plain = |text: String| (None, Some(text));
        let person = issue.assignee.as_deref().map(|key| view.user(key));
        let of_person = |name: &str| person.as_ref().and_then(|it| it[name].as_str()).map(str::to_owned);
        let priority = issue.priority;
        [
            ("summary", plain(issue.summary.clone())),
            ("description", (None, issue.description.as_deref().map(text_of))),
            ("priority", (priority.map(|it| it.id.to_owned()), priority.map(|it| it.name.to_owned()))),
            ("assignee", (of_person("accountId"), of_person("displayName"))),
            // Labels have no ids, and an empty text means none.
            ("labels", (Some(String::new()), Some(issue.labels.join(" ")))),
            ("issuetype", (Some(issue.issue_type.id.to_owned()), Some(issue.issue_type.name.to_owned()))),
        ]
    };
    let pairs = sides(before).into_iter().zip(sides(after));
    let changed = |((field, from), (_, to)): ((&'static str, Side), (_, Side))| {
        (from != to).then(|| FieldChange::of(field, from, to))
    };
    pairs.filter_map(changed).collect()
}

/// What a link records at one of its issues.
pub(super) fn linked(view: &View, words: &str, other: &Issue) -> FieldChange {
    let key = view.key(other);
    let said = format!("This issue {words} {key}");
    FieldChange { field: "Link", id: None, from: (None, None), to: (Some(key), Some(said)) }
}

/// The text of a document.
fn text_of(document: &str) -> String {
    fn collect(node: &Value, out: &mut String) {
        out.push_str(node["text"].as_str().unwrap_or_default());
        node["content"].as_array().into_iter().flatten().for_each(|child| collect(child, out));
    }
    let mut text = String::new();
    collect(&serde_json::from_str(document).unwrap_or_default(), &mut text);
    text
}
