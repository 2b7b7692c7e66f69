//! The search that Jira had until 2025; it answers 410.
//! See <https://developer.atlassian.com/changelog/#CHANGE-2046>.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use axum::routing::any;

use super::super::{AppState, Shared, resources};
use super::Refusal;

pub(super) const PATHS: [&str; 4] =
    ["/rest/api/2/search", "/rest/api/3/search", "/rest/api/latest/search", "/rest/api/3/search/id"];

pub(super) fn router() -> Router<Arc<Shared>> {
    PATHS.iter().fold(Router::new(), |router, path| router.route(path, any(removed)))
}

async fn removed(State(shared): AppState, headers: HeaderMap) -> Result<Response, Refusal> {
    resources::authenticate(&shared, &headers)?;
    let text = "The requested API has been removed. Please migrate to the /rest/api/3/search/jql API. A full \
        migration guideline is available at https://developer.atlassian.com/changelog/#CHANGE-2046";
    Err(Refusal::violation(StatusCode::GONE, text, "this search has been removed"))
}
