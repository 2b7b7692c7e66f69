//! The product's configuration and its Juncture client.

use axum::Json;
use serde_json::Value;

use super::juncture::Juncture;
use super::problem::Problem;

/// What the product's own API returns: mostly what Juncture returned.
pub(super) type Answer = Result<Json<Value>, Problem>;

pub(super) struct Product {
    pub(super) juncture: Juncture,
    pub(super) juncture_origin: String,
    pub(super) juncture_url: String,
    pub(super) url: String,
}
