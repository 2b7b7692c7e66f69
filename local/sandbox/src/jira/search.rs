//! `POST /rest/api/3/search/jql` and `POST /rest/api/3/search/approximate-count`. See
//! <https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-issue-search/>.
//!
//! As in Jira, a page may be smaller than requested: with fields it has at most a hundred issues, and every third
//! page is a third smaller. For a few searches a newly created issue is missing, unless `reconcileIssues` names it.

use std::sync::Arc;

use axum::extract::{Extension, Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use axum::routing::post;
use axum::{Json, Router};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde_json::{Value, json};
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

use super::contract::Input;
use super::jql::{Order, Query};
use super::refusal::Refusal;
use super::render::{Renderer, Selection, json_text};
use super::view::{Scopes, View};
use crate::shared::{AppState, Shared};
use crate::world::tracker::Tracker;
use crate::world::tracker::cursor::Cursor;

const DEFAULT_PAGE: i64 = 50;
/// For ids and keys.
const MAX_PAGE: i64 = 5000;
/// With any other field.
const MAX_PAGE_WITH_FIELDS: usize = 100;
const MAX_RECONCILED: usize = 50;
/// How many result lists are kept; the oldest are dropped.
const MAX_CURSORS: usize = 200;
const CURSOR_LIFETIME: Duration = Duration::days(7);

const SCOPES: Scopes = Scopes {
    classic: &["read:jira-work"],
    granular: &[
        "read:issue-details:jira",
        "read:field.default-value:jira",
        "read:field.option:jira",
        "read:field:jira",
        "read:group:jira",
    ],
};

pub(super) fn router() -> Router<Arc<Shared>> {
    Router::new()
        .route("/rest/api/3/search/jql", post(search))
        .route("/rest/api/3/search/approximate-count", post(count))
}

/// The parameters of a search.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Request {
    jql: String,
    next_page_token: Option<String>,
    max_results: Option<i64>,
    fields: Option<Vec<String>>,
    properties: Vec<String>,
    reconcile_issues: Vec<u64>,
}

async fn search(
    State(shared): AppState,
    Path(cloud_id): Path<String>,
    headers: HeaderMap,
    Extension(input): Extension<Input>,
) -> Result<Response, Refusal> {
    page(&View::open(&shared, &headers, &cloud_id, &SCOPES)?, input.body()?)
}

async fn count(
    State(shared): AppState,
    Path(cloud_id): Path<String>,
    headers: HeaderMap,
    Extension(input): Extension<Input>,
) -> Result<Json<Value>, Refusal> {
    let view = View::open(&shared, &headers, &cloud_id, &SCOPES)?;
    let request: Request = input.body()?;
    let tracker = view.read();
    let query = Query::compile(&request.jql, &view, &tracker)?;
    let condition = query.condition.ok_or_else(unbounded)?;
    let found = tracker.issues.values().filter(|issue| issue.unseen == 0 && condition.matches(issue));
    Ok(Json(json!({ "count": found.count() })))
}

fn unbounded() -> Refusal {
    let text = "Unbounded JQL queries are not allowed here. Please add a search restriction to your query.";
    Refusal::violation(StatusCode::BAD_REQUEST, text, "the query is unbounded")
}

/// Returns one page of a search.
fn page(view: &View, request: Request) -> Result<Response, Refusal> {
    let listed = Listed {
        identity: identity(&request),
        next_page_token: request.next_page_token.clone(),
        max_results: request.max_results,
        fields: request.fields.clone().unwrap_or_else(|| vec!["id".to_owned()]),
        properties: request.properties.clone(),
        reconcile_issues: request.reconcile_issues.clone(),
    };
    list(view, &listed, |tracker| results(tracker, view, &request))
}

/// A request for a page of a list with tokens.
pub(super) struct Listed {
    /// What must not change from page to page.
    pub(super) identity: String,
    pub(super) next_page_token: Option<String>,
    pub(super) max_results: Option<i64>,
    pub(super) fields: Vec<String>,
    pub(super) properties: Vec<String>,
    pub(super) reconcile_issues: Vec<u64>,
}

/// Returns one page of a list of issues, whose ids `find` returns in order.
pub(super) fn list(
    view: &View,
    listed: &Listed,
    find: impl FnOnce(&mut Tracker) -> Result<Vec<u64>, Refusal>,
) -> Result<Response, Refusal> {
    let max_results = listed.max_results.unwrap_or(DEFAULT_PAGE);
    if max_results < 1 {
        return Err(Refusal::misuse("maxResults must be positive"));
    }
    if listed.reconcile_issues.len() > MAX_RECONCILED || listed.properties.len() > 5 {
        return Err(Refusal::misuse("at most 50 issues to reconcile and 5 properties"));
    }
    let selection = Selection::new(&listed.fields, &listed.properties);

    let mut tracker = view.write();
    let cursor = match &listed.next_page_token {
        Some(token) => resume(&tracker, token, &listed.identity, view.now)?,
        None => {
            let results = find(&mut tracker)?.into();
            let query = listed.identity.clone();
            Cursor { token: String::new(), query, results, offset: 0, page: 0, created: view.now }
        }
    };
    let mut size = usize::try_from(max_results.min(MAX_PAGE)).unwrap_or(1);
    if !selection.is_light() {
        size = size.min(MAX_PAGE_WITH_FIELDS);
    }
    if cursor.page % 3 == 2 {
        size = (size - size / 3).max(1);
    }
    let end = (cursor.offset + size).min(cursor.results.len());
    let results = Arc::clone(&cursor.results);
    let ids = &results[cursor.offset..end];
    let next = (end < results.len()).then(|| {
        let token = URL_SAFE_NO_PAD.encode(Uuid::new_v4().as_bytes().repeat(4));
        let next = Cursor { token: token.clone(), offset: end, page: cursor.page + 1, ..cursor };
        if tracker.cursors.len() == MAX_CURSORS {
            tracker.cursors.pop_front();
        }
        tracker.cursors.push_back(next);
        token
    });
    drop(tracker);

    let tracker = view.read();
    let issues =
        Renderer::new(view, &tracker, &selection).list(ids.iter().filter_map(|id| tracker.issues.get(id)));
    let mut body = format!(r#"{{"issues":{issues},"isLast":{}"#, next.is_none());
    if let Some(token) = next {
        body.push_str(&format!(r#","nextPageToken":"{token}""#));
    }
    body.push('}');
    Ok(json_text(body))
}

/// What must not change from page to page.
fn identity(request: &Request) -> String {
    format!("{:?} {:?}", request.jql, request.reconcile_issues)
}

fn resume(tracker: &Tracker, token: &str, query: &str, now: OffsetDateTime) -> Result<Cursor, Refusal> {
    let refuse = |problem: &str| {
        let text = "The nextPageToken is invalid or has expired.";
        Err(Refusal::violation(StatusCode::BAD_REQUEST, text, problem))
    };
    let Some(cursor) = tracker.cursors.iter().find(|cursor| cursor.token == token) else {
        return refuse("an unknown nextPageToken");
    };
    if cursor.query != query {
        return refuse("a nextPageToken of another search, or reconcileIssues changed between pages");
    }
    if now > cursor.created + CURSOR_LIFETIME {
        return refuse("an expired nextPageToken");
    }
    Ok(Cursor {
        token: String::new(),
        query: cursor.query.clone(),
        results: Arc::clone(&cursor.results),
        ..*cursor
    })
}

/// Runs a search. It counts towards the searches that miss a new issue.
fn results(tracker: &mut Tracker, view: &View, request: &Request) -> Result<Vec<u64>, Refusal> {
    let compiled = Query::compile(&request.jql, view, tracker)?;
    let condition = compiled.condition.ok_or_else(unbounded)?;
    let mut results = Vec::new();
    for issue in tracker.issues.values_mut().filter(|issue| condition.matches(issue)) {
        if issue.unseen == 0 || request.reconcile_issues.contains(&issue.id) {
            results.push(issue.id);
        } else {
            issue.unseen -= 1;
        }
    }
    let mut orders = compiled.orders;
    orders.push(Order::default_order());
    let mut found: Vec<_> = results.iter().filter_map(|id| tracker.issues.get(id)).collect();
    found.sort_by(|a, b| {
        let mut orderings = orders.iter().map(|order| order.compare(view, a, b));
        orderings.find(|ordering| ordering.is_ne()).unwrap_or(std::cmp::Ordering::Equal)
    });
    Ok(found.into_iter().map(|issue| issue.id).collect())
}
