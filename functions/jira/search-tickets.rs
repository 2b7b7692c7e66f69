//! `POST /api/backend/jira/search-tickets`: a page of the issues that a query in JQL finds.

use std::process::ExitCode;
use std::sync::Arc;

use base::config::{FromSettings, Settings, SettingsError};
use base::crypto::Sealer;
use http::StatusCode;
use juncture::callers::SecretKeys;
use juncture::error::Result;
use juncture::jira::{DescriptionFormat, FoundTicket, Jira, JqlQuery, TicketSearch, field_ids};
use juncture::paging::{PageFields, PageRequest, Paging, explain};
use juncture::parts::Parts;
use juncture::provider::ProviderId;
use runtime::{Field, JsonBodies, Request, Response, Route, json, serve};
use serde::{Deserialize, Serialize};

struct App {
    keys: SecretKeys,
    bodies: JsonBodies,
    jira: Jira,
    sealer: Sealer,
}

impl FromSettings for App {
    fn from_settings(settings: &Settings) -> Result<Self, SettingsError> {
        let parts = Parts::of(settings);
        Ok(Self {
            keys: parts.secret_keys()?,
            bodies: parts.read()?,
            jira: parts.jira()?,
            sealer: parts.sealer()?,
        })
    }
}

const ROUTE: Route = Route::of("search-tickets");

/// The page size without `limit`: a query can find any number of issues.
const LIMIT: usize = 100;

fn main() -> ExitCode {
    serve(handle)
}

#[derive(Deserialize)]
struct Body {
    external_id: String,
    jql: Field,
    fields: Field,
    description_format: Option<String>,
}

/// A page of the issues.
#[derive(Serialize)]
struct Found {
    tickets: Vec<FoundTicket>,
    /// The number of issues in this response.
    total: usize,
    next_cursor: Option<String>,
}

async fn handle(app: Arc<App>, request: Request) -> Result<Response> {
    let App { keys, bodies, jira, sealer } = &*app;
    let caller = keys.authorize(&request).await?;
    let (Body { external_id, jql, fields, description_format }, page): (_, PageFields) =
        bodies.read(&request, ROUTE)?;
    let query = JqlQuery::of(jql)?;
    let fields = field_ids(fields)?;
    let format = DescriptionFormat::parse(description_format.as_deref())?;
    let key = caller.connection_key(ProviderId::Jira.as_str(), &external_id)?;
    let list = serde_json::json!([query.as_str(), fields]).to_string();
    let paging = Paging::new(sealer, "search-tickets", &key, &list);
    let page = paging.part(&page.try_into()?)?.unwrap_or(PageRequest { limit: LIMIT, from: None });
    let site = jira.site_for_search(&key).await?;
    let failed = |error| explain(error, "Failed to search Jira tickets");
    // A later page of a limited connection is checked too: the limits may have been set since the first.
    if page.from.is_none() || site.is_limited() {
        site.check(&query).await.map_err(failed)?;
    }
    let search = TicketSearch::of_jql(query.to_jql(), &fields, format);
    let (tickets, next) = site.tickets::<FoundTicket>(&search, Some(&page)).await.map_err(failed)?;
    let tickets: Vec<_> = tickets.into_iter().map(|ticket| ticket.with_fields(&fields)).collect();
    let next_cursor = paging.after(Some(&page), next)?;
    json(StatusCode::OK, &Found { total: tickets.len(), tickets, next_cursor })
}
