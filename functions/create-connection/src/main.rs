//! `POST /api/frontend/finalize-connection/jira/create-connection`: makes the connection to the chosen site.

use std::process::ExitCode;
use std::sync::Arc;

use http::StatusCode;
use juncture::connection::{ConnectionCode, Finalizer};
use juncture::error::Result;
use juncture::http::{JsonBody, Request, Response, json, serve};
use juncture::provider::jira::SiteId;
use serde::Serialize;

fn main() -> ExitCode {
    serve::<Finalizer>(|app, request| Box::pin(handle(app, request)))
}

/// The connection exists.
#[derive(Serialize)]
struct Created {
    success: bool,
}

async fn handle(finalizer: Arc<Finalizer>, request: Request) -> Result<Response> {
    let body = JsonBody::of(&request)?;
    let [code, site_id] = body.required(["connection_code", "site_id"])?;
    finalizer.connect(&ConnectionCode::parse(code)?, SiteId::parse(site_id)?).await?;
    json(StatusCode::OK, &Created { success: true })
}
