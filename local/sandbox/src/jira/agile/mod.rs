//! Jira Software: boards, sprints, backlogs and the order of issues.
//! See <https://developer.atlassian.com/cloud/jira/software/rest/>.

mod backlog;
mod boards;
mod configuration;
mod moves;
mod page;
mod plan;
mod sprints;

use std::sync::Arc;

use axum::Router;

use crate::shared::Shared;

pub(super) fn router() -> Router<Arc<Shared>> {
    Router::new()
        .merge(boards::router())
        .merge(sprints::router())
        .merge(configuration::router())
        .merge(backlog::router())
        .merge(plan::router())
        .merge(moves::router())
}
