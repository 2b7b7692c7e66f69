//! `GET /api/backend/jira/search-users`: people on a Jira site, or those who can be assigned.

use std::process::ExitCode;
use std::sync::Arc;

use base::config::{FromSettings, Settings, SettingsError};
use http::StatusCode;
use juncture::callers::SecretKeys;
use juncture::error::{ErrorCode, Result};
use juncture::jira::{FoundPerson, Jira, PeopleSearch};
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
    query: String,
    jira_project_id: Option<String>,
    issue_id_or_key: Option<String>,
    limit: Option<String>,
}

/// The people who were found.
#[derive(Serialize)]
struct Found {
    users: Vec<FoundPerson>,
    /// The number of people in this response.
    total: usize,
}

async fn handle(app: Arc<App>, request: Request) -> Result<Response> {
    let App { keys, jira } = &*app;
    let caller = keys.authorize(&request).await?;
    let Query { external_id, query: text, jira_project_id, issue_id_or_key, limit } = query(&request)?;
    let search =
        PeopleSearch::new(text, jira_project_id.as_deref(), issue_id_or_key.as_deref(), limit.as_deref())?;
    let key = caller.connection_key(ProviderId::Jira.as_str(), &external_id)?;
    let site = jira.site_for_reading(&key).await?;
    let users = site.find_people(&search).await.map_err(|error| {
        let sentences = [(ErrorCode::JiraNotFound, "Project or issue not found")];
        error.in_words_of(&sentences, "Failed to search Jira users")
    })?;
    json(StatusCode::OK, &Found { total: users.len(), users })
}
