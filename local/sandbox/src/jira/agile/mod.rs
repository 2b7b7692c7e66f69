//! Jira Software: boards and sprints.
//! See <https://developer.atlassian.com/cloud/jira/software/rest/>.

mod boards;
mod page;
mod sprints;

use std::sync::Arc;

use axum::Router;

use crate::shared::Shared;

pub(super) fn router() -> Router<Arc<Shared>> {
    Router::new().merge(boards::router()).merge(sprints::router())
}
