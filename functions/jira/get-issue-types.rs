//! `GET /api/backend/jira/get-issue-types`: the issue types that can be created in a project.

use std::process::ExitCode;
use std::sync::Arc;

use base::config::{FromSettings, Settings, SettingsError};
use http::StatusCode;
use juncture::callers::SecretKeys;
use juncture::error::Result;
use juncture::jira::{IssueType, Jira, ProjectId};
use juncture::parts::Parts;
use juncture::provider::ProviderId;
use runtime::{Request, Response, json, query, serve};
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
    jira_project_id: Option<String>,
}

/// The issue types of a project.
#[derive(Serialize)]
struct IssueTypes {
    issue_types: Vec<IssueType>,
    /// The number of issue types.
    total: usize,
}

async fn handle(app: Arc<App>, request: Request) -> Result<Response> {
    let App { keys, jira } = &*app;
    let caller = keys.authorize(&request).await?;
    let Query { external_id, jira_project_id } = query(&request)?;
    let named = jira_project_id.as_deref().map(ProjectId::parse).transpose()?;
    let key = caller.connection_key(ProviderId::Jira.as_str(), &external_id)?;
    let site = jira.site(&key).await?;
    let project = site.project_or_selected(named)?;
    let issue_types = site
        .issue_types(&project)
        .await
        .map_err(|error| error.in_words_of(&[], "Failed to fetch Jira issue types"))?;
    json(StatusCode::OK, &IssueTypes { total: issue_types.len(), issue_types })
}
