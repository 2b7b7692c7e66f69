//! `GET /api/backend/jira/get-tickets-for-project`: all issues of a Jira project, or those that match filters, newest
//! first.

use std::process::ExitCode;
use std::sync::Arc;

use base::config::{FromSettings, Settings, SettingsError};
use base::crypto::Sealer;
use http::StatusCode;
use juncture::callers::SecretKeys;
use juncture::error::Result;
use juncture::jira::{FilterQuery, Jira, ProjectList, Sprint, Ticket, TicketFilters, TicketSearch};
use juncture::paging::explain;
use juncture::parts::Parts;
use runtime::{Request, Response, json, query, serve};
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

/// The issues of a project, or a page of them.
#[derive(Serialize)]
struct Tickets {
    tickets: Vec<Ticket>,
    /// The number of issues in this response.
    total: usize,
    /// Part of the contract, but always null: a project has no sprint of its own.
    sprint: Option<Sprint>,
    next_cursor: Option<String>,
}

async fn handle(app: Arc<App>, request: Request) -> Result<Response> {
    let App { keys, jira, sealer } = &*app;
    let list = ProjectList::of(keys, &request).await?;
    let format = list.description_format()?;
    let filters = TicketFilters::of(&query::<FilterQuery>(&request)?)?;
    let (site, project) = list.open_for_search(jira).await?;
    let (paging, part) = list.part_of(sealer, "get-tickets-for-project", &filters.list_of(&project))?;
    let (tickets, next) = site
        .tickets(&TicketSearch::of_project(&project, filters, format), part.as_ref())
        .await
        .map_err(|error| explain(error, "Failed to fetch Jira tickets"))?;
    let next_cursor = paging.after(part.as_ref(), next)?;
    json(StatusCode::OK, &Tickets { total: tickets.len(), tickets, sprint: None, next_cursor })
}
