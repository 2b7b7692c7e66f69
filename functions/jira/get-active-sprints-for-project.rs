//! `GET /api/backend/jira/get-active-sprints-for-project`: the boards of a Jira project, each with its active sprints.

use std::process::ExitCode;
use std::sync::Arc;

use base::config::{FromSettings, Settings, SettingsError};
use base::crypto::Sealer;
use http::StatusCode;
use juncture::callers::SecretKeys;
use juncture::error::Result;
use juncture::jira::{Jira, ProjectList, SprintBoard, SprintState};
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

/// The boards of a project, or a page of them. A sprint that appears on several boards is listed with each.
#[derive(Serialize)]
struct Sprints {
    boards: Vec<SprintBoard>,
    next_cursor: Option<String>,
}

async fn handle(app: Arc<App>, request: Request) -> Result<Response> {
    let App { keys, jira, sealer } = &*app;
    let list = ProjectList::of(keys, &request).await?;
    let (site, project) = list.open(jira).await?;
    let (paging, part) = list.part(sealer, "get-active-sprints-for-project", &project)?;
    let (boards, next) = site
        .boards_with_sprints(&project, SprintState::Active, part.as_ref())
        .await
        .map_err(|error| explain(error, "Failed to fetch active Jira sprints"))?;
    let next_cursor = paging.after(part.as_ref(), next)?;
    let boards = boards.into_iter().map(SprintBoard::of_active).collect();
    json(StatusCode::OK, &Sprints { boards, next_cursor })
}
