//! `GET /api/backend/jira/get-connected-account`: the Atlassian account that a connection acts as.

use std::process::ExitCode;
use std::sync::Arc;

use base::config::{FromSettings, Settings, SettingsError};
use http::StatusCode;
use juncture::callers::SecretKeys;
use juncture::error::Result;
use juncture::jira::Jira;
use juncture::parts::Parts;
use juncture::provider::ProviderId;
use runtime::{Request, Response, json, query, serve};
use serde::Deserialize;

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
}

async fn handle(app: Arc<App>, request: Request) -> Result<Response> {
    let App { keys, jira } = &*app;
    let caller = keys.authorize(&request).await?;
    let Query { external_id } = query(&request)?;
    let key = caller.connection_key(ProviderId::Jira.as_str(), &external_id)?;
    let site = jira.site_for_reading(&key).await?;
    let account = site
        .connected_account()
        .await
        .map_err(|error| error.in_words_of(&[], "Failed to fetch the connected Atlassian account"))?;
    json(StatusCode::OK, &account)
}
