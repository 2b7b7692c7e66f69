//! `GET /health`: that functions start and answer. Touches nothing and needs no setting.

use std::process::ExitCode;

use http::StatusCode;
use juncture::http::{json, serve_liveness};
use serde::Serialize;

fn main() -> ExitCode {
    serve_liveness(|_, _| Box::pin(async { json(StatusCode::OK, &Alive { alive: true }) }))
}

/// Nothing else can be said by somebody who answers.
#[derive(Serialize)]
struct Alive {
    alive: bool,
}
