//! `GET /api/backend/jira/get-worklogs`: the time recorded on a Jira issue, oldest first.

use std::process::ExitCode;
use std::sync::Arc;

use base::config::{FromSettings, Settings, SettingsError};
use base::crypto::Sealer;
use http::StatusCode;
use juncture::callers::SecretKeys;
use juncture::error::{ErrorCode, Result};
use juncture::jira::{DescriptionFormat, Jira, Worklog, issue_ref, worklog_period};
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

const NOT_FOUND: &str = "Issue not found, or time tracking is off on this Jira site";

fn main() -> ExitCode {
    serve(handle)
}

#[derive(Deserialize)]
struct Query {
    external_id: String,
    issue_id_or_key: String,
    started_after: Option<String>,
    started_before: Option<String>,
    body_format: Option<String>,
}

/// The worklogs of an issue, or a page of them.
#[derive(Serialize)]
struct Worklogs {
    worklogs: Vec<Worklog>,
    /// The number of worklogs in this response.
    total: usize,
    next_cursor: Option<String>,
}

async fn handle(app: Arc<App>, request: Request) -> Result<Response> {
    let App { keys, jira, sealer } = &*app;
    let caller = keys.authorize(&request).await?;
    let (query, page): (Query, PageQuery) = query(&request)?;
    let issue = issue_ref(&query.issue_id_or_key, "issue_id_or_key")?;
    let (after, before) = (query.started_after.as_deref(), query.started_before.as_deref());
    let period = worklog_period(after, before)?;
    let format = DescriptionFormat::parse_body(query.body_format.as_deref())?;
    let key = caller.connection_key(ProviderId::Jira.as_str(), &query.external_id)?;
    let list = format!("{} {} {}", issue.as_str(), after.unwrap_or_default(), before.unwrap_or_default());
    let paging = Paging::new(sealer, "get-worklogs", &key, &list);
    let part = paging.part(&page)?;
    let site = jira.site_for_reading(&key).await?;
    let (worklogs, next) = site.worklogs(&issue, &period, format, part.as_ref()).await.map_err(|error| {
        const FAILED: &str = "Failed to fetch Jira worklogs";
        explain(error, FAILED).in_words_of(&[(ErrorCode::JiraNotFound, NOT_FOUND)], FAILED)
    })?;
    let next_cursor = paging.after(part.as_ref(), next)?;
    json(StatusCode::OK, &Worklogs { total: worklogs.len(), worklogs, next_cursor })
}
