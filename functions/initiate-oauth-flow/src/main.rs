//! `POST /api/frontend/oauth/initiate-oauth-flow`: begins a flow and tells the browser where to go.

use std::process::ExitCode;
use std::sync::Arc;

use http::StatusCode;
use juncture::auth::Caller;
use juncture::connection::States;
use juncture::error::Result;
use juncture::http::{JsonBody, PublicAddress, Request, Response, json, serve};
use juncture::provider::Consent;
use juncture::provider::jira::JiraConsent;
use serde::Serialize;

type App = (States, JiraConsent, PublicAddress);

fn main() -> ExitCode {
    serve::<App>(|app, request| Box::pin(handle(app, request)))
}

/// Where the browser goes next.
#[derive(Serialize)]
struct Begun {
    authorization_uri: String,
}

async fn handle(app: Arc<App>, request: Request) -> Result<Response> {
    let (states, jira, address) = &*app;
    let body = JsonBody::of(&request)?;
    let [external_id, provider] = body.required(["external_id", "provider"])?;
    let connection = Caller::browser(&request).address(provider, external_id)?;
    let redirect_uri = address.redirect_uri(&request)?;
    let state = states.begin(&connection).await?;
    json(StatusCode::OK, &Begun { authorization_uri: jira.authorize_url(&redirect_uri, &state) })
}
