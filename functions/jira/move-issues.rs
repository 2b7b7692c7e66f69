//! `POST /api/backend/jira/move-issues`: moves issues to a sprint, to the backlog, or before or after another issue.

use std::process::ExitCode;
use std::sync::Arc;

use base::config::{FromSettings, Settings, SettingsError};
use http::StatusCode;
use juncture::callers::SecretKeys;
use juncture::error::Result;
use juncture::jira::{Jira, Move, MoveFields};
use juncture::parts::Parts;
use juncture::provider::ProviderId;
use runtime::{JsonBodies, Request, Response, Route, json, serve};
use serde::Deserialize;

struct App {
    keys: SecretKeys,
    bodies: JsonBodies,
    jira: Jira,
}

impl FromSettings for App {
    fn from_settings(settings: &Settings) -> Result<Self, SettingsError> {
        let parts = Parts::of(settings);
        Ok(Self { keys: parts.secret_keys()?, bodies: parts.read()?, jira: parts.jira()? })
    }
}

const ROUTE: Route = Route::of("move-issues");

/// Whose issues are moved.
#[derive(Deserialize)]
struct Target {
    external_id: String,
}

fn main() -> ExitCode {
    serve(handle)
}

async fn handle(app: Arc<App>, request: Request) -> Result<Response> {
    let App { keys, bodies, jira } = &*app;
    let caller = keys.authorize(&request).await?;
    let (Target { external_id }, fields): (_, MoveFields) = bodies.read(&request, ROUTE)?;
    let moving = Move::of(fields)?;
    let key = caller.connection_key(ProviderId::Jira.as_str(), &external_id)?;
    let site = jira.site(&key).await?;
    json(StatusCode::OK, &site.move_issues(moving).await?)
}
