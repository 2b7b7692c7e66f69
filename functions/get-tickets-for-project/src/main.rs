//! `GET /api/backend/jira/get-tickets-for-project`: every ticket of a Jira project, the newest first.

use std::process::ExitCode;
use std::sync::Arc;

use http::StatusCode;
use juncture::auth::SecretKeys;
use juncture::crypto::Sealer;
use juncture::error::Result;
use juncture::http::{Query, Request, Response, json, serve};
use juncture::jira::{Jira, ProjectId, Search, Sprint, Ticket};
use juncture::paging::{Paging, explain};
use juncture::provider::ProviderId;
use serde::Serialize;

type App = (SecretKeys, Jira, Sealer);

fn main() -> ExitCode {
    serve::<App>(|app, request| Box::pin(handle(app, request)))
}

/// The tickets of a project, or a part of them.
#[derive(Serialize)]
struct Tickets {
    tickets: Vec<Ticket>,
    /// How many tickets this answer holds.
    total: usize,
    /// The contract shows a sprint here; a project has none of its own, so it is always null.
    sprint: Option<Sprint>,
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
    let paging = Paging::new(sealer, "get-tickets-for-project", &address, project.as_str());
    let part = paging.part(&query)?;
    let limit = part.as_ref().map_or(0, |part| part.limit);
    let (tickets, next) = site
        .tickets(&Search::of_project(&project), part)
        .await
        .map_err(|error| explain(error, "Failed to fetch Jira tickets"))?;
    let next_cursor = next.map(|next| paging.cursor(limit, next)).transpose()?;
    json(StatusCode::OK, &Tickets { total: tickets.len(), tickets, sprint: None, next_cursor })
}
