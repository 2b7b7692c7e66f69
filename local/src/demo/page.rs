//! The page, and the requests of its script.

use std::sync::Arc;

use askama::Template;
use axum::Json;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, SET_COOKIE};
use axum::response::{Html, IntoResponse, Redirect, Response};
use serde::Deserialize;
use serde_json::Value;

use super::juncture::Connection;
use super::problem::Problem;
use super::product::Product;
use super::workspace::Workspace;

#[derive(Template)]
#[template(path = "demo/page.html")]
struct Page<'a> {
    home: &'a str,
    juncture_url: &'a str,
    workspace: &'a str,
}

#[derive(Template)]
#[template(path = "demo/board.html")]
struct Board<'a> {
    home: &'a str,
}

#[derive(Deserialize)]
pub(super) struct Visit {
    workspace: Option<String>,
}

/// Shows the page of the visitor's workspace. `?workspace=…` selects another one, stored in a cookie.
pub(super) async fn show(
    State(product): State<Arc<Product>>,
    Query(visit): Query<Visit>,
    current: Option<Workspace>,
) -> Response {
    if let Some(chosen) = visit.workspace {
        let Some(chosen) = Workspace::parse(&chosen) else {
            let problem = "A workspace has 1 to 64 letters, digits, hyphens or underscores.";
            return (StatusCode::BAD_REQUEST, problem).into_response();
        };
        return ([(SET_COOKIE, chosen.cookie())], Redirect::to("/")).into_response();
    }
    let workspace = current.unwrap_or_else(Workspace::first);
    let page =
        Page { home: &product.url, juncture_url: &product.juncture_url, workspace: workspace.as_str() };
    respond(&product, &workspace, &page)
}

/// Shows the page with a board of the visitor's Jira.
pub(super) async fn board(State(product): State<Arc<Product>>, current: Option<Workspace>) -> Response {
    let workspace = current.unwrap_or_else(Workspace::first);
    respond(&product, &workspace, &Board { home: &product.url })
}

fn respond(product: &Product, workspace: &Workspace, page: &impl Template) -> Response {
    let html = match page.render() {
        Ok(html) => Html(html),
        Err(error) => return (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    };
    let policy = format!(
        "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self' {}; base-uri 'none'; \
         form-action 'self'; frame-ancestors 'none'",
        product.juncture_origin
    );
    let no_store = "no-store".to_owned();
    let headers =
        [(CONTENT_SECURITY_POLICY, policy), (CACHE_CONTROL, no_store), (SET_COOKIE, workspace.cookie())];
    (headers, html).into_response()
}

/// The state of the visitor's connection.
pub(super) async fn connection(
    State(product): State<Arc<Product>>,
    workspace: Workspace,
) -> Json<Connection> {
    Json(product.juncture.connection(&workspace).await)
}

/// Creates the token with which the visitor's browser starts connecting. A real product would first check whether
/// this visitor may.
pub(super) async fn connect_token(
    State(product): State<Arc<Product>>,
    workspace: Workspace,
) -> Result<Json<Value>, Problem> {
    product.juncture.connect_token(&workspace, &product.url).await.map(Json)
}

/// Removes the visitor's connection.
pub(super) async fn disconnect(
    State(product): State<Arc<Product>>,
    workspace: Workspace,
) -> Result<Json<Value>, Problem> {
    product.juncture.disconnect(&workspace).await.map(Json)
}
