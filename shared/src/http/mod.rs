//! HTTP on our side: the runner of a function, readers for what a request carries, and the answers.

mod added;
mod bounds;
mod compress;
mod cookies;
mod current;
mod distinct;
mod event;
mod fields;
mod prefetch;
mod public_address;
mod request;
mod respond;
mod run;

pub(crate) use added::add_header;
#[cfg(any(test, fuzzing))]
pub(crate) use bounds::check as check_bounds;
#[cfg(any(test, fuzzing))]
pub(crate) use compress::accepts_gzip;
pub use cookies::{cookie, with_cookie};
pub(crate) use current::Current;
pub use current::MAX_AGE as SECRETS_MAX_AGE;
#[cfg(any(test, fuzzing))]
pub(crate) use event::into_request;
pub use fields::{Fields, JsonBodies};
pub use prefetch::is_prefetch;
pub use public_address::PublicAddress;
pub use request::{Field, Form, JsonBody, Query, bearer_token, idempotency_key, path_parameter};
pub use respond::{document, json, page, redirect};
pub(crate) use run::run_app;
pub use run::{Handled, serve, serve_liveness, serve_pages, serve_probe};

/// A request as API Gateway hands it to a function.
pub type Request = lambda_http::Request;

/// An answer of a function.
pub type Response = lambda_http::Response<lambda_http::Body>;
