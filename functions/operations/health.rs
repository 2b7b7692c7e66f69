//! `GET /health`: liveness. Shows that functions start and respond; depends on no service and no setting.

use std::process::ExitCode;

use http::StatusCode;
use juncture::error::Error;
use runtime::{json, serve_liveness};
use serde::Serialize;

fn main() -> ExitCode {
    serve_liveness::<Error, _>(|_, _| async { json(StatusCode::OK, &Alive { alive: true }) })
}

/// Always true.
#[derive(Serialize)]
struct Alive {
    alive: bool,
}
