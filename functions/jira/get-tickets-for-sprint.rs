//! `GET /api/backend/jira/get-tickets-for-sprint`: all issues of a sprint, newest first, and the sprint itself.

use std::process::ExitCode;
use std::sync::Arc;

use base::config::{FromSettings, Settings, SettingsError};
use base::crypto::Sealer;
use futures_util::future::try_join;
use http::StatusCode;
use juncture::callers::SecretKeys;
use juncture::error::Result;
use juncture::jira::{DescriptionFormat, Jira, Sprint, SprintId, SprintTicket, TicketSearch};
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
    sprint_id: String,
    description_format: Option<String>,
}

/// The issues of a sprint, or a page of them.
#[derive(Serialize)]
struct Tickets {
    tickets: Vec<SprintTicket>,
    /// The number of issues in this response.
    total: usize,
    sprint: Sprint,
    next_cursor: Option<String>,
}

async fn handle(app: Arc<App>, request: Request) -> Result<Response> {
    let App { keys, jira, sealer } = &*app;
    let caller = keys.authorize(&request).await?;
    let (Query { external_id, sprint_id, description_format }, page): (_, PageQuery) = query(&request)?;
    let sprint_id = SprintId::parse(&sprint_id)?;
    let format = DescriptionFormat::parse(description_format.as_deref())?;
    let key = caller.connection_key(ProviderId::Jira.as_str(), &external_id)?;
    let paging = Paging::new(sealer, "get-tickets-for-sprint", &key, sprint_id.as_str());
    let part = paging.part(&page)?;
    let site = jira.site_for_search(&key).await?;
    let search = TicketSearch::of_sprint(&sprint_id, format);
    let ((tickets, next), sprint) = try_join(site.tickets(&search, part.as_ref()), site.sprint(&sprint_id))
        .await
        .map_err(|error| explain(error, "Failed to fetch Jira tickets for sprint"))?;
    let next_cursor = paging.after(part.as_ref(), next)?;
    json(StatusCode::OK, &Tickets { total: tickets.len(), tickets, sprint, next_cursor })
}
