//! `GET /api/backend/jira/get-boards-for-project`: the agile boards of a Jira project.

use std::process::ExitCode;
use std::sync::Arc;

use base::config::{FromSettings, Settings, SettingsError};
use base::crypto::Sealer;
use http::StatusCode;
use juncture::callers::SecretKeys;
use juncture::error::Result;
use juncture::jira::{Board, Jira, ProjectList};
use juncture::paging::explain;
use juncture::parts::Parts;
use runtime::{Request, Response, json, serve};
use serde::Serialize;

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

/// The boards of a project, or a page of them.
#[derive(Serialize)]
struct Boards {
    boards: Vec<Board>,
    /// The number of boards in this response.
    total: usize,
    next_cursor: Option<String>,
}

async fn handle(app: Arc<App>, request: Request) -> Result<Response> {
    let App { keys, jira, sealer } = &*app;
    let list = ProjectList::of(keys, &request).await?;
    let (site, project) = list.open(jira).await?;
    let (paging, part) = list.part(sealer, "get-boards-for-project", &project)?;
    let (boards, next) = site
        .boards(&project, part.as_ref())
        .await
        .map_err(|error| explain(error, "Failed to fetch Jira boards"))?;
    let next_cursor = paging.after(part.as_ref(), next)?;
    json(StatusCode::OK, &Boards { total: boards.len(), boards, next_cursor })
}
