//! Jira's REST API behind the gateway, `/ex/jira/{cloudId}/…`, one module per part of the API.
//!
//! - `contract`: the supported paths, parameters and bodies; anything else is refused as a violation.
//! - `view`, `refusal`: what every endpoint starts with, and how it refuses a request. `limits`: rate limits.
//! - `jql`, `parse`, `search`, `bulkfetch`: finding issues. `render`, `objects`: issues and related objects as JSON.
//! - `issue`, `create`, `edit`, `transitions`, `fields`, `field_values`, `custom_fields`, `adf`: single issues.
//! - `createmeta`, `editmeta`, `screens`: what the fields of an issue take.
//! - `comments`, `requests`: comments on issues, and on the requests of service projects.
//! - `issue_links`: links between issues. `changelog`: their history. `users`: finding people.
//! - `worklog`, `attachments`: what belongs to an issue.
//! - `priorities`, `server_info`: of a site.
//! - `projects`, `myself`; `agile`: Jira Software.
//!
//! Sources: <https://developer.atlassian.com/cloud/jira/platform/rest/v3/> and
//! <https://developer.atlassian.com/cloud/jira/software/rest/>; each module links to its own.

mod adf;
mod agile;
mod attachments;
mod bulkfetch;
mod changelog;
mod comments;
mod contract;
mod create;
mod createmeta;
mod custom_fields;
mod edit;
mod editmeta;
mod field_values;
mod fields;
mod issue;
mod issue_links;
mod jql;
mod limits;
mod myself;
mod objects;
mod parse;
mod priorities;
mod projects;
mod refusal;
mod render;
mod requests;
mod screens;
mod search;
mod server_info;
mod transitions;
mod users;
mod view;
mod worklog;

use std::sync::Arc;

use axum::http::StatusCode;
use axum::routing::any;
use axum::{Router, middleware};

use crate::gateway;
use crate::shared::Shared;
use refusal::Refusal;

pub(crate) fn router(shared: &Arc<Shared>) -> Router<Arc<Shared>> {
    let api = Router::new()
        .merge(myself::router())
        .merge(projects::router())
        .merge(search::router())
        .merge(parse::router())
        .merge(bulkfetch::router())
        .merge(issue::router())
        .merge(edit::router())
        .merge(create::router())
        .merge(comments::router())
        .merge(requests::router())
        .merge(createmeta::router())
        .merge(editmeta::router())
        .merge(transitions::router())
        .merge(issue_links::router())
        .merge(changelog::router())
        .merge(users::router())
        .merge(agile::router())
        .merge(worklog::router())
        .merge(attachments::router())
        .merge(priorities::router())
        .merge(server_info::router())
        .route(contract::UNKNOWN, any(unknown));
    let limit = middleware::from_fn_with_state(Arc::clone(shared), limits::limit);
    let guard = middleware::from_fn_with_state(Arc::clone(shared), contract::guard);
    Router::new()
        .nest("/ex/jira/{cloud_id}", api.route_layer(limit).route_layer(guard))
        .merge(attachments::media_router())
}

async fn unknown() -> Refusal {
    let refusal = Refusal::from(gateway::error(StatusCode::NOT_FOUND, "Not Found"));
    Refusal { misuse: Some("the sandbox knows no such path".to_owned()), ..refusal }
}
