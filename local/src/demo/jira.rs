//! What the page's script requests once the workspace is connected.

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::http::Method;
use axum::routing::{get, post, put};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::json;

use super::form::Form;
use super::markdown;
use super::product::{Answer, Product};
use super::workspace::Workspace;

/// Page size of the ticket list.
const TICKETS_AT_ONCE: &str = "20";

pub(super) fn routes() -> Router<Arc<Product>> {
    Router::new()
        .route("/api/projects", get(projects))
        .route("/api/selected-project", put(select))
        .route("/api/boards", get(boards))
        .route("/api/sprints", get(sprints))
        .route("/api/tickets", get(tickets))
        .route("/api/issues", post(create))
        .route("/api/issues/{key}", get(issue).put(edit))
}

#[derive(Deserialize)]
struct Part {
    project: String,
    cursor: Option<String>,
}

#[derive(Deserialize)]
struct Selection {
    project: String,
}

#[derive(Deserialize)]
struct Edit {
    summary: Option<String>,
    description: Option<String>,
}

#[derive(Deserialize)]
struct NewIssue {
    project: String,
    summary: String,
    description: String,
    issue_type: String,
}

async fn projects(State(product): State<Arc<Product>>, workspace: Workspace) -> Answer {
    product.juncture.jira("get-projects", &workspace, &[]).await.map(Json)
}

async fn select(
    State(product): State<Arc<Product>>,
    workspace: Workspace,
    Json(selection): Json<Selection>,
) -> Answer {
    let body = json!({ "jira_project_id": selection.project });
    product.juncture.tell_jira(Method::POST, "select-project", &workspace, body, None).await.map(Json)
}

async fn boards(
    State(product): State<Arc<Product>>,
    workspace: Workspace,
    Query(part): Query<Part>,
) -> Answer {
    of_boards(&product, "get-boards-for-project", &workspace, &part).await
}

async fn sprints(
    State(product): State<Arc<Product>>,
    workspace: Workspace,
    Query(part): Query<Part>,
) -> Answer {
    of_boards(&product, "get-all-sprints-for-project", &workspace, &part).await
}

/// A list of boards. For a project without any, Juncture returns an error, and the page gets an empty list.
async fn of_boards(product: &Product, call: &str, workspace: &Workspace, part: &Part) -> Answer {
    let query = [("jira_project_id", part.project.as_str())];
    match product.juncture.jira(call, workspace, &query).await {
        Err(problem) if problem.is("no_boards") => Ok(Json(json!({ "boards": [] }))),
        answer => answer.map(Json),
    }
}

async fn tickets(
    State(product): State<Arc<Product>>,
    workspace: Workspace,
    Query(part): Query<Part>,
) -> Answer {
    let mut query = vec![("jira_project_id", part.project.as_str()), ("limit", TICKETS_AT_ONCE)];
    query.extend(part.cursor.as_deref().map(|cursor| ("cursor", cursor)));
    product.juncture.jira("get-tickets-for-project", &workspace, &query).await.map(Json)
}

/// The issue as Juncture returns it, plus its description rendered as `description_html`.
async fn issue(State(product): State<Arc<Product>>, workspace: Workspace, Path(key): Path<String>) -> Answer {
    let query = [("issue_id_or_key", key.as_str())];
    let mut answer = product.juncture.jira("get-issue-details", &workspace, &query).await?;
    let html = answer["issue"]["description"].as_str().map(markdown::to_html);
    answer["description_html"] = html.into();
    Ok(Json(answer))
}

async fn edit(
    State(product): State<Arc<Product>>,
    workspace: Workspace,
    Path(key): Path<String>,
    Json(edit): Json<Edit>,
) -> Answer {
    let mut body = json!({ "issue_id_or_key": key });
    // An omitted field stays unchanged; null would clear the description.
    if let Some(summary) = edit.summary {
        body["summary"] = summary.into();
    }
    if let Some(description) = edit.description {
        body["description"] = description.into();
    }
    product.juncture.tell_jira(Method::PUT, "edit-issue", &workspace, body, None).await.map(Json)
}

/// A double click or a retry after an error creates one issue.
async fn create(
    State(product): State<Arc<Product>>,
    workspace: Workspace,
    form: Form,
    Json(new): Json<NewIssue>,
) -> Answer {
    let mut body = json!({
        "jira_project_id": new.project,
        "summary": new.summary,
        "issue_type_id": new.issue_type,
    });
    if !new.description.is_empty() {
        body["description"] = new.description.into();
    }
    product.juncture.add_once("create-ticket", &workspace, body, &form).await.map(Json)
}
