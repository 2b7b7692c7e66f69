//! `GET /api/backend/jira/get-transitions`: where an issue can go from its status, and what each transition asks for.

use std::process::ExitCode;
use std::sync::Arc;

use base::config::{FromSettings, Settings, SettingsError};
use http::StatusCode;
use juncture::callers::SecretKeys;
use juncture::error::{ErrorCode, Result};
use juncture::jira::{Jira, TransitionView, issue_ref};
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
    issue_id_or_key: String,
}

/// The transitions of an issue.
#[derive(Serialize)]
struct Transitions {
    transitions: Vec<TransitionView>,
    /// The number of transitions.
    total: usize,
}

async fn handle(app: Arc<App>, request: Request) -> Result<Response> {
    let App { keys, jira } = &*app;
    let caller = keys.authorize(&request).await?;
    let Query { external_id, issue_id_or_key } = query(&request)?;
    let issue = issue_ref(&issue_id_or_key, "issue_id_or_key")?;
    let key = caller.connection_key(ProviderId::Jira.as_str(), &external_id)?;
    let site = jira.site(&key).await?;
    let transitions = site.transitions(&issue).await.map_err(|error| {
        error.in_words_of(&[(ErrorCode::JiraNotFound, "Issue not found")], "Failed to fetch Jira transitions")
    })?;
    json(StatusCode::OK, &Transitions { total: transitions.len(), transitions })
}
