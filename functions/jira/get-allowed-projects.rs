//! `GET /api/backend/jira/get-allowed-projects`: the projects that a connection is limited to.

use std::process::ExitCode;
use std::sync::Arc;

use base::config::{FromSettings, Settings, SettingsError};
use http::StatusCode;
use juncture::callers::SecretKeys;
use juncture::connections::{AllowedProjects, ConnectionRows};
use juncture::error::{Error, Result};
use juncture::parts::Parts;
use juncture::provider::ProviderId;
use runtime::{Request, Response, json, query, serve};
use serde::{Deserialize, Serialize};

struct App {
    keys: SecretKeys,
    rows: ConnectionRows,
}

impl FromSettings for App {
    fn from_settings(settings: &Settings) -> Result<Self, SettingsError> {
        let parts = Parts::of(settings);
        Ok(Self { keys: parts.secret_keys()?, rows: parts.connection_rows()? })
    }
}

fn main() -> ExitCode {
    serve(handle)
}

#[derive(Deserialize)]
struct Query {
    external_id: String,
}

/// `"selected"`, ids of projects, or null for no limits.
#[derive(Serialize)]
struct Allowed {
    allowed_projects: Option<AllowedProjects>,
}

async fn handle(app: Arc<App>, request: Request) -> Result<Response> {
    let App { keys, rows } = &*app;
    let caller = keys.authorize(&request).await?;
    let Query { external_id } = query(&request)?;
    let key = caller.connection_key(ProviderId::Jira.as_str(), &external_id)?;
    let connection = rows.find(&key).await?.ok_or_else(Error::connection_not_found)?;
    json(StatusCode::OK, &Allowed { allowed_projects: connection.allowed_projects })
}
