//! The product's configuration and its Juncture client.

use super::juncture::Juncture;

pub(super) struct Product {
    pub(super) juncture: Juncture,
    pub(super) juncture_origin: String,
    pub(super) juncture_url: String,
    pub(super) url: String,
}
