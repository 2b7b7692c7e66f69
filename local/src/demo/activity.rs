//! What people add to an issue: comments and time.

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::routing::get;
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};

use super::form::Form;
use super::problem::Problem;
use super::product::{Answer, Product};
use super::workspace::Workspace;
use super::{duration, markdown};

/// Page size of the lists.
const AT_ONCE: &str = "10";

pub(super) fn routes() -> Router<Arc<Product>> {
    Router::new()
        .route("/api/issues/{key}/comments", get(comments).post(comment))
        .route("/api/issues/{key}/worklogs", get(worklogs).post(log_work))
}

#[derive(Deserialize)]
struct Page {
    cursor: Option<String>,
}

#[derive(Deserialize)]
struct NewComment {
    body: String,
}

#[derive(Deserialize)]
struct Work {
    /// As people write it: `1h 30m`.
    time: String,
    /// RFC 3339; now if it is not given.
    started: Option<String>,
    comment: Option<String>,
}

/// The comments, newest first, each with its text as `html`.
async fn comments(
    State(product): State<Arc<Product>>,
    workspace: Workspace,
    Path(key): Path<String>,
    Query(page): Query<Page>,
) -> Answer {
    let query = [("issue_id_or_key", key.as_str()), ("order", "newest")];
    let mut answer = list(&product, &workspace, "get-comments", &query, &page).await?;
    for comment in answer["comments"].as_array_mut().into_iter().flatten() {
        render(comment, "body");
    }
    Ok(Json(answer))
}

async fn comment(
    State(product): State<Arc<Product>>,
    workspace: Workspace,
    form: Form,
    Path(key): Path<String>,
    Json(new): Json<NewComment>,
) -> Answer {
    let body = json!({ "issue_id_or_key": key, "body": new.body });
    let mut answer = product.juncture.add_once("add-comment", &workspace, body, &form).await?;
    render(&mut answer["comment"], "body");
    Ok(Json(answer))
}

/// The time recorded on the issue, oldest first, each entry with its comment as `html`.
async fn worklogs(
    State(product): State<Arc<Product>>,
    workspace: Workspace,
    Path(key): Path<String>,
    Query(page): Query<Page>,
) -> Answer {
    let query = [("issue_id_or_key", key.as_str())];
    let mut answer = list(&product, &workspace, "get-worklogs", &query, &page).await?;
    for worklog in answer["worklogs"].as_array_mut().into_iter().flatten() {
        render(worklog, "comment");
    }
    Ok(Json(answer))
}

async fn log_work(
    State(product): State<Arc<Product>>,
    workspace: Workspace,
    form: Form,
    Path(key): Path<String>,
    Json(work): Json<Work>,
) -> Answer {
    let time = duration::to_iso(&work.time).ok_or_else(|| {
        let sentence = "Write the time in hours and minutes, such as 1h 30m. \
                        How long a day or a week is differs between Jira sites.";
        Problem::new(StatusCode::BAD_REQUEST, sentence)
    })?;
    let mut body = json!({ "issue_id_or_key": key, "time_spent": time });
    if let Some(started) = work.started {
        body["started"] = started.into();
    }
    if let Some(comment) = work.comment.filter(|comment| !comment.trim().is_empty()) {
        body["comment"] = comment.into();
    }
    let mut answer = product.juncture.add_once("add-worklog", &workspace, body, &form).await?;
    render(&mut answer["worklog"], "comment");
    Ok(Json(answer))
}

/// A page of one of Juncture's lists.
async fn list(
    product: &Product,
    workspace: &Workspace,
    call: &str,
    of: &[(&str, &str)],
    page: &Page,
) -> Result<Value, Problem> {
    let mut query = [of, &[("limit", AT_ONCE)]].concat();
    query.extend(page.cursor.as_deref().map(|cursor| ("cursor", cursor)));
    product.juncture.jira(call, workspace, &query).await
}

/// Adds a field's Markdown as `html`.
fn render(entry: &mut Value, field: &str) {
    entry["html"] = entry[field].as_str().map(markdown::to_html).into();
}
