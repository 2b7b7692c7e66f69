//! `GET /api/backend/jira/get-boards-for-project`: the agile boards of a Jira project.

use std::process::ExitCode;
use std::sync::Arc;

use http::StatusCode;
use juncture::auth::SecretKeys;
use juncture::crypto::Sealer;
use juncture::error::Result;
use juncture::http::{Query, Request, Response, json, serve};
use juncture::jira::{Board, Jira, ProjectId};
use juncture::paging::{Paging, explain};
use juncture::provider::ProviderId;
use serde::Serialize;

type App = (SecretKeys, Jira, Sealer);

fn main() -> ExitCode {
    serve::<App>(|app, request| Box::pin(handle(app, request)))
}

/// The boards of a project, or a part of them.
#[derive(Serialize)]
struct Boards {
    boards: Vec<Board>,
    /// How many boards this answer holds.
    total: usize,
    next_cursor: Option<String>,
}

async fn handle(app: Arc<App>, request: Request) -> Result<Response> {
    let (keys, jira, sealer) = &*app;
    let caller = keys.authorize(&request)?;
    let query = Query::of(&request)?;
    let [external_id] = query.required(["external_id"])?;
    let named = query.optional("jira_project_id").map(ProjectId::parse).transpose()?;
    let address = caller.address(ProviderId::Jira.as_str(), external_id)?;
    let site = jira.site(&address).await?;
    let project = site.project_or_selected(named)?;
    let paging = Paging::new(sealer, "get-boards-for-project", &address, project.as_str());
    let part = paging.part(&query)?;
    let boards =
        site.boards(&project).await.map_err(|error| explain(error, "Failed to fetch Jira boards"))?;
    let (boards, next_cursor) = paging.cut(boards, part)?;
    json(StatusCode::OK, &Boards { total: boards.len(), boards, next_cursor })
}
