//! A board: its columns, and the cards in each.

use std::sync::Arc;

use axum::extract::{Query, State};
use axum::http::Method;
use axum::routing::{get, post, put};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};

use super::moves;
use super::problem::Problem;
use super::product::{Answer, Product};
use super::workspace::Workspace;

/// How many cards a request asks for, and how many requests are made.
const CARDS_AT_ONCE: usize = 100;
const MAX_REQUESTS: usize = 3;

pub(super) fn routes() -> Router<Arc<Product>> {
    Router::new()
        .route("/api/board", get(show))
        .route("/api/issues/{key}/status", post(moves::to_column))
        .route("/api/issues/{key}/rank", put(moves::to_position))
}

/// Numbers, because they become part of a query.
#[derive(Deserialize)]
struct Wanted {
    project: u64,
    board: u64,
}

/// The board with `columns`, each with its `cards` from top to bottom; whether the cards have an order (`is_ranked`);
/// and `note`, a sentence about what is missing.
async fn show(
    State(product): State<Arc<Product>>,
    workspace: Workspace,
    Query(wanted): Query<Wanted>,
) -> Answer {
    let (board, project) = (wanted.board.to_string(), wanted.project.to_string());
    let (of_board, of_project) = ([("board_id", board.as_str())], [("jira_project_id", project.as_str())]);
    let (mut shown, sprints) = tokio::try_join!(
        product.juncture.jira("get-board", &workspace, &of_board),
        product.juncture.jira("get-active-sprints-for-project", &workspace, &of_project),
    )?;
    let sprints = sprints_of(&sprints, wanted.board);
    let rank = shown["ranking_field_id"].as_str().map(str::to_owned);
    let (cards, note) = if sprints.is_empty() && shown["board"]["type"] == "scrum" {
        let note = "This board has no active sprint. Start one in Jira, and its issues are shown here.";
        (Vec::new(), Some(note.to_owned()))
    } else {
        let jql = query(wanted.project, &sprints);
        let (cards, are_all) = cards(&product, &workspace, &jql, rank.as_deref()).await?;
        let note = (!are_all).then(|| format!("Only {} of this board's issues are shown.", cards.len()));
        (cards, note)
    };
    shown["is_ranked"] = rank.is_some().into();
    let elsewhere = place(&mut shown, cards);
    let note = note.or_else(|| (elsewhere > 0).then(|| not_placed(elsewhere)));
    shown["note"] = note.into();
    Ok(Json(shown))
}

/// The ids of the active sprints of a board.
fn sprints_of(answer: &Value, board: u64) -> Vec<u64> {
    let boards = answer["boards"].as_array().into_iter().flatten();
    let found =
        boards.filter(|one| one["board_id"] == board).flat_map(|one| one["active_sprints"].as_array());
    found.flatten().filter_map(|sprint| sprint["id"].as_u64()).collect()
}

/// What Jira shows on a board: the active sprints, or, without sprints, what is not done or was done lately.
fn query(project: u64, sprints: &[u64]) -> String {
    if sprints.is_empty() {
        return format!("project = {project} AND (statusCategory != \"done\" OR updated >= \"-14d\")");
    }
    let sprints: Vec<_> = sprints.iter().map(u64::to_string).collect();
    format!("project = {project} AND sprint in ({})", sprints.join(", "))
}

/// The tickets that a query finds, in the order of their rank, and whether these are all.
async fn cards(
    product: &Product,
    workspace: &Workspace,
    jql: &str,
    rank: Option<&str>,
) -> Result<(Vec<Value>, bool), Problem> {
    let mut tickets = Vec::new();
    let mut body = json!({ "jql": jql, "limit": CARDS_AT_ONCE, "fields": rank.as_slice() });
    for _ in 0..MAX_REQUESTS {
        let page = product.juncture.tell_jira(Method::POST, "search-tickets", workspace, body.clone(), None);
        let mut page = page.await?;
        if let Value::Array(found) = page["tickets"].take() {
            tickets.extend(found);
        }
        body["cursor"] = page["next_cursor"].take();
        if body["cursor"].is_null() {
            break;
        }
    }
    if let Some(rank) = rank {
        // Ranks sort as text. The sort is stable, so tickets without one stay in the order of the search.
        tickets.sort_by(|a, b| a["fields"][rank].as_str().cmp(&b["fields"][rank].as_str()));
    }
    Ok((tickets, body["cursor"].is_null()))
}

/// Puts the tickets into the columns that have their status. Returns how many have none.
fn place(shown: &mut Value, tickets: Vec<Value>) -> usize {
    let mut elsewhere = 0;
    let Some(columns) = shown["columns"].as_array_mut() else { return tickets.len() };
    // A column without statuses holds no issues; it is the backlog of a kanban board.
    columns.retain(|column| column["status_ids"].as_array().is_some_and(|ids| !ids.is_empty()));
    for column in columns.iter_mut() {
        column["cards"] = json!([]);
    }
    for ticket in tickets {
        let holds = |column: &&mut Value| {
            column["status_ids"].as_array().is_some_and(|ids| ids.contains(&ticket["status_id"]))
        };
        match columns.iter_mut().find(holds).and_then(|column| column["cards"].as_array_mut()) {
            Some(cards) => cards.push(card(&ticket)),
            None => elsewhere += 1,
        }
    }
    elsewhere
}

fn card(ticket: &Value) -> Value {
    let [key, summary, status, assignee, issue_type, url] =
        ["key", "summary", "status", "assignee", "issue_type", "url"].map(|name| &ticket[name]);
    json!({
        "key": key, "summary": summary, "status": status, "assignee": assignee, "issue_type": issue_type, "url": url,
    })
}

fn not_placed(number: usize) -> String {
    match number {
        1 => "One more issue has a status that is in no column.".to_owned(),
        _ => format!("{number} more issues have a status that is in no column."),
    }
}
