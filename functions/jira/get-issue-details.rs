//! `GET /api/backend/jira/get-issue-details` (also `get-issue`): one Jira issue with everything that is known of
//! it.

use std::process::ExitCode;
use std::sync::Arc;

use base::config::{FromSettings, Settings, SettingsError};
use http::StatusCode;
use juncture::callers::SecretKeys;
use juncture::error::{Error, ErrorCode, Result};
use juncture::jira::{DescriptionFormat, IssueDetails, Jira, issue_ref};
use juncture::parts::Parts;
use juncture::provider::ProviderId;
use runtime::{Query, Request, Response, json, serve};
use serde::Serialize;

struct App {
    keys: SecretKeys,
    jira: Jira,
}

impl FromSettings for App {
    fn from_settings(settings: &Settings) -> Result<Self, SettingsError> {
        let parts = Parts::of(settings);
        Ok(Self { keys: parts.secret_keys()?, jira: parts.jira()? })
    }
}

fn main() -> ExitCode {
    serve::<App, _>(|app, request| Box::pin(handle(app, request)))
}

/// The issue.
#[derive(Serialize)]
struct Details {
    issue: IssueDetails,
}

async fn handle(app: Arc<App>, request: Request) -> Result<Response> {
    let App { keys, jira } = &*app;
    let caller = keys.authorize(&request).await?;
    let query = Query::of(&request)?;
    let [external_id] = query.required(["external_id"])?;
    // The second is its name in the contract's example.
    let named =
        ["issue_id_or_key", "issue_key"].into_iter().find_map(|name| Some((name, query.optional(name)?)));
    let (name, issue) = named.ok_or_else(|| Error::bad_request("Missing issue_id_or_key"))?;
    let issue = issue_ref(issue, name)?;
    let format = DescriptionFormat::of(&query)?;
    let key = caller.connection_key(ProviderId::Jira.as_str(), external_id)?;
    let site = jira.site(&key).await?;
    let issue = site.issue(&issue, format).await.map_err(|error| {
        error.in_words_of(&[(ErrorCode::JiraNotFound, "Issue not found")], "Failed to fetch Jira issue")
    })?;
    json(StatusCode::OK, &Details { issue })
}
