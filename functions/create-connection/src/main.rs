//! `POST /api/frontend/finalize-connection/jira/create-connection`: makes the connection to the chosen site.

use std::process::ExitCode;
use std::sync::Arc;

use http::StatusCode;
use juncture::connection::{Browser, ConnectionCode, Finalizer, Stretch};
use juncture::error::Result;
use juncture::http::{Field, JsonBody, Request, Response, json, serve};
use juncture::limit::OpenLimits;
use juncture::provider::jira::SiteId;
use serde::Serialize;

type App = (Finalizer, OpenLimits);

fn main() -> ExitCode {
    serve::<App>(|app, request| Box::pin(handle(app, request)))
}

/// The connection exists.
#[derive(Serialize)]
struct Created {
    success: bool,
}

async fn handle(app: Arc<App>, request: Request) -> Result<Response> {
    let (finalizer, limits) = &*app;
    let body = JsonBody::of(&request)?;
    let [code, site_id] = body.required(["connection_code", "site_id"])?;
    let (code, site_id) = (ConnectionCode::parse(code)?, SiteId::parse(site_id)?);
    limits.admit(&request, Some(code.limited())).await?;
    let visitor = Browser::known(&request, Stretch::ToConnection);
    // A page that does not say has shown it to the person, or has nothing to do with accounts.
    let is_silent = body.field("replace_account") == Field::Absent;
    let may_replace = body.flag("replace_account")? || is_silent;
    finalizer.connect(&code, visitor.as_ref(), site_id, may_replace).await?;
    json(StatusCode::OK, &Created { success: true })
}
