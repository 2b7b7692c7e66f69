//! OAuth 2.0 (3LO): the consent page, the token endpoint, and what a token gives access to.

pub(crate) mod consent;
pub(crate) mod sites;
pub(crate) mod token;

use std::sync::Arc;

use axum::Router;

use crate::shared::Shared;

pub(crate) fn router() -> Router<Arc<Shared>> {
    consent::router().merge(token::router()).merge(sites::router())
}

/// Style sheets and images, which are not part of Atlassian's API.
pub(crate) fn assets() -> Router<Arc<Shared>> {
    consent::assets().merge(sites::avatars())
}
