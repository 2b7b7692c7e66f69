//! Jira Software: boards, sprints, and their lists of issues.
//! See <https://developer.atlassian.com/cloud/jira/software/rest/>.

mod boards;
mod issues;
mod page;
mod sprints;

use std::sync::Arc;

use axum::Router;

use super::super::Shared;
pub(super) use issues::REMOVED;

pub(super) fn router() -> Router<Arc<Shared>> {
    Router::new().merge(boards::router()).merge(sprints::router()).merge(issues::router())
}
