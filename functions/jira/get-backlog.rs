//! `GET /api/backend/jira/get-backlog`: the issues in the backlog of a board, in the board's order.

use std::process::ExitCode;
use std::sync::Arc;

use base::config::{FromSettings, Settings, SettingsError};
use base::crypto::Sealer;
use http::StatusCode;
use juncture::callers::SecretKeys;
use juncture::error::{ErrorCode, Result};
use juncture::jira::{BoardId, DescriptionFormat, Jira, SprintTicket};
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

const FAILED: &str = "Failed to fetch Jira backlog";

const NO_BACKLOG: &str = "Jira refused to list the backlog. The board may have none: a kanban board has one only if it is enabled.";

fn main() -> ExitCode {
    serve(handle)
}

#[derive(Deserialize)]
struct Query {
    external_id: String,
    board_id: String,
    description_format: Option<String>,
}

/// The issues of a backlog, or a page of them.
#[derive(Serialize)]
struct Backlog {
    tickets: Vec<SprintTicket>,
    /// The number of issues in this response.
    total: usize,
    next_cursor: Option<String>,
}

async fn handle(app: Arc<App>, request: Request) -> Result<Response> {
    let App { keys, jira, sealer } = &*app;
    let caller = keys.authorize(&request).await?;
    let (Query { external_id, board_id, description_format }, page): (_, PageQuery) = query(&request)?;
    let board_id = BoardId::parse(&board_id)?;
    let format = DescriptionFormat::parse(description_format.as_deref())?;
    let key = caller.connection_key(ProviderId::Jira.as_str(), &external_id)?;
    let paging = Paging::new(sealer, "get-backlog", &key, board_id.as_str());
    let part = paging.part(&page)?;
    let site = jira.site_for_search(&key).await?;
    let (tickets, next) = site.backlog(&board_id, format, part.as_ref()).await.map_err(|error| {
        let sentences = [(ErrorCode::JiraNotFound, "Board not found"), (ErrorCode::JiraRefused, NO_BACKLOG)];
        explain(error.in_words_of(&sentences, FAILED), FAILED)
    })?;
    let next_cursor = paging.after(part.as_ref(), next)?;
    json(StatusCode::OK, &Backlog { total: tickets.len(), tickets, next_cursor })
}
