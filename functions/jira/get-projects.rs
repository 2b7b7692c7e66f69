//! `GET /api/backend/jira/get-projects`: all Jira projects that a connection can access.

use std::process::ExitCode;
use std::sync::Arc;

use base::config::{FromSettings, Settings, SettingsError};
use base::crypto::Sealer;
use http::StatusCode;
use juncture::callers::SecretKeys;
use juncture::error::Result;
use juncture::jira::{Jira, Project};
use juncture::paging::{PageQuery, Paging, explain};
use juncture::parts::Parts;
use juncture::provider::ProviderId;
use runtime::{Request, Response, json, query, serve};
use serde::{Deserialize, Serialize};

struct App {
    keys: SecretKeys,
    jira: Jira,
    sealer: Sealer,
}

impl FromSettings for App {
    fn from_settings(settings: &Settings) -> Result<Self, SettingsError> {
        let parts = Parts::of(settings);
        Ok(Self { keys: parts.secret_keys()?, jira: parts.jira()?, sealer: parts.sealer()? })
    }
}

fn main() -> ExitCode {
    serve(handle)
}

#[derive(Deserialize)]
struct Query {
    external_id: String,
}

/// The projects ordered by key, or a page of them, and the selected project.
#[derive(Serialize)]
struct Projects {
    projects: Vec<Project>,
    /// The number of projects in this response.
    total: usize,
    selected_project_id: Option<String>,
    next_cursor: Option<String>,
}

async fn handle(app: Arc<App>, request: Request) -> Result<Response> {
    let App { keys, jira, sealer } = &*app;
    let caller = keys.authorize(&request).await?;
    let (Query { external_id }, page): (_, PageQuery) = query(&request)?;
    let key = caller.connection_key(ProviderId::Jira.as_str(), &external_id)?;
    let paging = Paging::new(sealer, "get-projects", &key, "");
    let part = paging.part(&page)?;
    let site = jira.site_for_reading(&key).await?;
    let (projects, next) = site
        .projects(part.as_ref())
        .await
        .map_err(|error| explain(error, "Failed to fetch Jira projects"))?;
    let next_cursor = paging.after(part.as_ref(), next)?;
    let selected_project_id = site.selected_project();
    let answer = Projects { total: projects.len(), projects, selected_project_id, next_cursor };
    json(StatusCode::OK, &answer)
}
