//! `GET /api/backend/connection-info/list-connections`: lists connections with their state.

use std::process::ExitCode;
use std::sync::Arc;

use base::config::{FromSettings, Settings, SettingsError};
use base::crypto::Sealer;
use http::StatusCode;
use juncture::callers::SecretKeys;
use juncture::connections::ConnectionRows;
use juncture::error::Result;
use juncture::operations::{ConnectionFilter, ConnectionState, ConnectionSummary};
use juncture::paging::{PageQuery, PageRequest, Paging};
use juncture::parts::Parts;
use juncture::provider::ProviderId;
use runtime::{Request, Response, json, query, serve};
use serde::{Deserialize, Serialize};

struct App {
    keys: SecretKeys,
    rows: ConnectionRows,
    sealer: Sealer,
}

impl FromSettings for App {
    fn from_settings(settings: &Settings) -> Result<Self, SettingsError> {
        let parts = Parts::of(settings);
        Ok(Self { keys: parts.secret_keys()?, rows: parts.connection_rows()?, sealer: parts.sealer()? })
    }
}

/// The filters, both optional.
#[derive(Deserialize)]
struct Filter {
    provider: Option<String>,
    state: Option<String>,
}

/// Default page size.
const LIMIT: usize = 100;

fn main() -> ExitCode {
    serve(handle)
}

/// A page of the list.
#[derive(Serialize)]
struct Connections {
    connections: Vec<ConnectionSummary>,
    next_cursor: Option<String>,
}

async fn handle(app: Arc<App>, request: Request) -> Result<Response> {
    let App { keys, rows, sealer } = &*app;
    let caller = keys.authorize(&request).await?;
    let (Filter { provider, state }, page): (_, PageQuery) = query(&request)?;
    let filter = ConnectionFilter {
        provider: provider.as_deref().map(ProviderId::parse).transpose()?,
        state: state.as_deref().map(ConnectionState::parse).transpose()?,
    };
    let filtered = filter.cursor_binding();
    let paging = Paging::of_connections(sealer, "list-connections", &filtered);
    let PageRequest { limit, from } = paging.part(&page)?.unwrap_or(PageRequest { limit: LIMIT, from: None });
    // One extra row shows whether there is another page.
    let mut connections = rows.list(&caller, filter, from.as_ref(), limit + 1).await?;
    let has_more = connections.len() > limit;
    connections.truncate(limit);
    let last = connections.last().filter(|_| has_more);
    let next_cursor = last.map(|last| paging.cursor(limit, last.position())).transpose()?;
    json(StatusCode::OK, &Connections { connections, next_cursor })
}
