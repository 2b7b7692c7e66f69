//! `POST /api/backend/jira/select-project`: selects the Jira project of a connection.

use std::process::ExitCode;
use std::sync::Arc;

use base::config::{FromSettings, Settings, SettingsError};
use http::StatusCode;
use juncture::callers::SecretKeys;
use juncture::connections::Connections;
use juncture::error::Result;
use juncture::jira::ProjectId;
use juncture::parts::Parts;
use juncture::provider::ProviderId;
use runtime::{JsonBodies, Request, Response, Route, json, serve};
use serde::{Deserialize, Serialize};

struct App {
    keys: SecretKeys,
    bodies: JsonBodies,
    connections: Connections,
}

impl FromSettings for App {
    fn from_settings(settings: &Settings) -> Result<Self, SettingsError> {
        let parts = Parts::of(settings);
        Ok(Self { keys: parts.secret_keys()?, bodies: parts.read()?, connections: parts.connections()? })
    }
}

const ROUTE: Route = Route::of_contract("select-project");

#[derive(Deserialize)]
#[serde(expecting = "external_id or jira_project_id")]
struct Body {
    external_id: String,
    jira_project_id: String,
}

fn main() -> ExitCode {
    serve(handle)
}

/// Confirms that the project is selected.
#[derive(Serialize)]
struct Selected {
    success: bool,
}

async fn handle(app: Arc<App>, request: Request) -> Result<Response> {
    let App { keys, bodies, connections } = &*app;
    let caller = keys.authorize(&request).await?;
    let Body { external_id, jira_project_id } = bodies.read(&request, ROUTE)?;
    let project = ProjectId::parse_number(&jira_project_id)?;
    let key = caller.connection_key(ProviderId::Jira.as_str(), &external_id)?;
    connections.select_project(&key, project.as_str()).await?;
    json(StatusCode::OK, &Selected { success: true })
}
