#![doc = include_str!("../README.md")]

mod added;
mod bounds;
mod compress;
mod cookies;
mod error;
mod events;
mod gateway_event;
mod input;
mod prefetch;
mod reloading_app;
mod request;
mod respond;
mod run;
pub mod secrets;
pub mod telemetry;

pub use added::add_header;
pub use bounds::{MAX_FILE_BYTES, check as check_bounds};
pub use compress::{accepts_gzip, compress};
pub use cookies::{cookie, with_cookie};
pub use error::{ErrorAnswer, RequestError};
pub use events::serve_events;
pub use gateway_event::into_request;
pub use input::{Field, JsonBodies, JsonBody, Present, Route, Upload, form, query, upload};
pub use prefetch::is_prefetch;
pub use reloading_app::MAX_AGE as SECRETS_MAX_AGE;
pub use request::{bearer_token, idempotency_key, path_parameter};
pub use respond::{file, json, page, passed_on, redirect};
pub use run::{serve, serve_liveness, serve_pages, serve_probe, serve_proxy, serve_uploads};

/// A request as received from API Gateway.
pub type Request = lambda_http::Request;

/// A response returned by a function.
pub type Response = lambda_http::Response<lambda_http::Body>;
