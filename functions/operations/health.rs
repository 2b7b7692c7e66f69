//! `GET /health`: that functions start and answer. Touches nothing and needs no setting.

use std::process::ExitCode;

use http::StatusCode;
use juncture::error::Error;
use runtime::{json, serve_liveness};
use serde::Serialize;

fn main() -> ExitCode {
    serve_liveness::<Error>(|_, _| Box::pin(async { json(StatusCode::OK, &Alive { alive: true }) }))
}

/// Nothing else can be said by somebody who answers.
#[derive(Serialize)]
struct Alive {
    alive: bool,
}
