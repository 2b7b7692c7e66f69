//! `GET /api/frontend/finalize-connection/jira/fetch-available-sites`: the Jira sites that a consent reaches.

use std::process::ExitCode;
use std::sync::Arc;

use http::StatusCode;
use juncture::connection::{Browser, ConnectionCode, Flow, Stretch};
use juncture::error::Result;
use juncture::http::{Query, Request, Response, json, serve};
use juncture::limit::OpenLimits;
use juncture::provider::ProviderId;
use juncture::provider::jira::{Site, Sites};
use serde::Serialize;

type App = (Flow, Sites, OpenLimits);

fn main() -> ExitCode {
    serve::<App>(|app, request| Box::pin(handle(app, request)))
}

/// The sites, in Atlassian's order.
#[derive(Serialize)]
struct Available {
    sites: Vec<Site>,
}

async fn handle(app: Arc<App>, request: Request) -> Result<Response> {
    let (flow, sites, limits) = &*app;
    let query = Query::of(&request)?;
    let [code] = query.required(["connection_code"])?;
    let code = ConnectionCode::parse(code)?;
    limits.admit(&request, Some(code.limited())).await?;
    let visitor = Browser::known(&request, Stretch::ToConnection);
    let pending = flow.peek(ProviderId::Jira, &code, visitor.as_ref()).await?;
    json(StatusCode::OK, &Available { sites: sites.list(&pending.access_token()).await? })
}
