//! `POST /api/backend/jira/set-allowed-projects`: limits a connection to some projects of its site.

use std::process::ExitCode;
use std::sync::Arc;

use base::config::{FromSettings, Settings, SettingsError};
use http::StatusCode;
use juncture::callers::SecretKeys;
use juncture::connections::{AllowedProjects, Connections};
use juncture::error::Result;
use juncture::jira::allowed_projects;
use juncture::parts::Parts;
use juncture::provider::ProviderId;
use runtime::{Field, JsonBodies, Request, Response, Route, json, serve};
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

const ROUTE: Route = Route::of("set-allowed-projects");

#[derive(Deserialize)]
struct Body {
    external_id: String,
    allowed_projects: Field,
}

fn main() -> ExitCode {
    serve(handle)
}

/// The limits that are in force from now on.
#[derive(Serialize)]
struct Limited {
    success: bool,
    /// `"selected"`, ids of projects, or null for no limits.
    allowed_projects: Option<AllowedProjects>,
}

async fn handle(app: Arc<App>, request: Request) -> Result<Response> {
    let App { keys, bodies, connections } = &*app;
    let caller = keys.authorize(&request).await?;
    let Body { external_id, allowed_projects: allowed } = bodies.read(&request, ROUTE)?;
    let allowed_projects = allowed_projects(allowed)?;
    let key = caller.connection_key(ProviderId::Jira.as_str(), &external_id)?;
    connections.allow_projects(&key, allowed_projects.as_ref()).await?;
    json(StatusCode::OK, &Limited { success: true, allowed_projects })
}
