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
use runtime::{Fields, JsonBodies, Request, Response, json, serve};
use serde::Serialize;

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

const FIELDS: Fields = Fields::of_contract("select-project", &["external_id", "jira_project_id"]);

fn main() -> ExitCode {
    serve::<App, _>(|app, request| Box::pin(handle(app, request)))
}

/// The project is selected.
#[derive(Serialize)]
struct Selected {
    success: bool,
}

async fn handle(app: Arc<App>, request: Request) -> Result<Response> {
    let App { keys, bodies, connections } = &*app;
    let caller = keys.authorize(&request).await?;
    let body = bodies.read(&request, &FIELDS)?;
    let [external_id, project] = body.required(["external_id", "jira_project_id"])?;
    let project = ProjectId::parse_number(project)?;
    let key = caller.connection_key(ProviderId::Jira.as_str(), external_id)?;
    connections.select_project(&key, project.as_str()).await?;
    json(StatusCode::OK, &Selected { success: true })
}
