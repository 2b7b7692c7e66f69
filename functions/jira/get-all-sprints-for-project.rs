//! `GET /api/backend/jira/get-all-sprints-for-project`: the boards of a Jira project, each with all its sprints.

use std::collections::HashSet;
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
    /// The number of distinct sprints in this response.
    total_sprints: usize,
    next_cursor: Option<String>,
}

async fn handle(app: Arc<App>, request: Request) -> Result<Response> {
    let App { keys, jira, sealer } = &*app;
    let list = ProjectList::of(keys, &request).await?;
    let (site, project) = list.open(jira).await?;
    let (paging, part) = list.part(sealer, "get-all-sprints-for-project", &project)?;
    let (boards, next) = site
        .boards_with_sprints(&project, SprintState::Any, part.as_ref())
        .await
        .map_err(|error| explain(error, "Failed to fetch Jira sprints"))?;
    let next_cursor = paging.after(part.as_ref(), next)?;
    let mut seen = HashSet::new();
    let sprints = boards.iter().flat_map(|board| &board.sprints);
    let total_sprints = sprints.filter(|sprint| sprint.id.is_none_or(|id| seen.insert(id))).count();
    let boards = boards.into_iter().map(SprintBoard::of_all).collect();
    json(StatusCode::OK, &Sprints { boards, total_sprints, next_cursor })
}
