//! The pages that an end user sees: the choice of a site ([`Finalize`]) and messages about the outcome ([`Message`]).
//!
//! Pure rendering: values in, HTML out, no I/O. Every page works without JavaScript; [`SCRIPT`] only improves it. The
//! names of sites and accounts are untrusted: the templates escape them, and [`Product`] and the site list accept only
//! `http` and `https` URLs.

mod document;
mod error;
mod finalize;
mod headers;
mod message;
mod product;

pub use document::document;
pub use error::PageError;
pub use finalize::{Finalize, Site};
pub use headers::{ASSET_HEADERS, HEADERS};
pub use message::Message;
pub use product::{Logo, Product};

/// Path of [`STYLE`]; absolute, because messages are also shown below `/api/frontend/oauth/`.
pub const STYLE_PATH: &str = "/finalize-connection/style.css";

/// Path of [`SCRIPT`]; absolute, like [`STYLE_PATH`].
pub const SCRIPT_PATH: &str = "/finalize-connection/finalize.js";

/// The style sheet of every page, `text/css`.
pub const STYLE: &str = include_str!("style.css");

/// The script of [`Finalize`], `text/javascript`.
pub const SCRIPT: &str = include_str!("finalize.js");

#[cfg(test)]
mod tests;
