//! `GET /api/backend/jira/get-issue-details` (also `get-issue`): a Jira issue with all its details.

use std::process::ExitCode;
use std::sync::Arc;

use base::config::{FromSettings, Settings, SettingsError};
use http::StatusCode;
use juncture::callers::SecretKeys;
use juncture::error::{ErrorCode, Result};
use juncture::jira::{DescriptionFormat, IssueDetails, Jira, issue_ref};
use juncture::parts::Parts;
use juncture::provider::ProviderId;
use runtime::{Request, RequestError, Response, json, query, serve};
use serde::{Deserialize, Serialize};

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
    serve(handle)
}

#[derive(Deserialize)]
struct Query {
    external_id: String,
    issue_id_or_key: Option<String>,
    /// The parameter's name in the contract's example.
    issue_key: Option<String>,
    description_format: Option<String>,
}

/// The issue.
#[derive(Serialize)]
struct Details {
    issue: IssueDetails,
}

async fn handle(app: Arc<App>, request: Request) -> Result<Response> {
    let App { keys, jira } = &*app;
    let caller = keys.authorize(&request).await?;
    let Query { external_id, issue_id_or_key, issue_key, description_format } = query(&request)?;
    let named = issue_id_or_key.map(|issue| (issue, "issue_id_or_key"));
    let named = named.or_else(|| issue_key.map(|issue| (issue, "issue_key")));
    let (issue, name) = named.ok_or_else(|| RequestError::missing("issue_id_or_key"))?;
    let issue = issue_ref(&issue, name)?;
    let format = DescriptionFormat::parse(description_format.as_deref())?;
    let key = caller.connection_key(ProviderId::Jira.as_str(), &external_id)?;
    let site = jira.site_for_reading(&key).await?;
    let issue = site.issue(&issue, format).await.map_err(|error| {
        error.in_words_of(&[(ErrorCode::JiraNotFound, "Issue not found")], "Failed to fetch Jira issue")
    })?;
    json(StatusCode::OK, &Details { issue })
}
