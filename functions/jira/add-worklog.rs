//! `POST /api/backend/jira/add-worklog`: records time on a Jira issue, once.

use std::process::ExitCode;
use std::sync::Arc;

use base::config::{FromSettings, Settings, SettingsError};
use http::StatusCode;
use juncture::callers::SecretKeys;
use juncture::error::{ErrorCode, Result};
use juncture::idempotency::{IdempotencyStore, Once};
use juncture::jira::{Jira, WorklogFields, WorklogInput, issue_ref};
use juncture::parts::Parts;
use juncture::provider::ProviderId;
use runtime::{JsonBodies, Request, Response, Route, idempotency_key, json, serve};
use serde::Deserialize;

struct App {
    keys: SecretKeys,
    bodies: JsonBodies,
    jira: Jira,
    idempotency: IdempotencyStore,
}

impl FromSettings for App {
    fn from_settings(settings: &Settings) -> Result<Self, SettingsError> {
        let parts = Parts::of(settings);
        Ok(Self {
            keys: parts.secret_keys()?,
            bodies: parts.read()?,
            jira: parts.jira()?,
            idempotency: parts.idempotency()?,
        })
    }
}

const ROUTE: Route = Route::of("add-worklog");

/// The issue that the worklog is added to.
#[derive(Deserialize)]
struct Target {
    external_id: String,
    issue_id_or_key: String,
}

const FAILED: &str = "Failed to add Jira worklog";
const NOT_FOUND: &str = "Issue not found, or time tracking is off on this Jira site";

fn main() -> ExitCode {
    serve(handle)
}

async fn handle(app: Arc<App>, request: Request) -> Result<Response> {
    let App { keys, bodies, jira, idempotency } = &*app;
    let caller = keys.authorize(&request).await?;
    let idempotency_key = idempotency_key(&request)?;
    let (input, digest) = bodies.read_with_digest(&request, ROUTE)?;
    let (Target { external_id, issue_id_or_key }, fields): (_, WorklogFields) = input;
    let issue = issue_ref(&issue_id_or_key, "issue_id_or_key")?;
    let worklog = WorklogInput::of(fields)?;
    let key = caller.connection_key(ProviderId::Jira.as_str(), &external_id)?;
    let site = jira.site(&key).await?;
    let once = Once::new(idempotency, idempotency_key, &digest);
    let added = site.add_worklog(&once, &issue, worklog).await.map_err(|error| {
        let error = error.in_words_of(&[(ErrorCode::JiraNotFound, NOT_FOUND)], FAILED);
        once.explain(error, FAILED, "the worklog")
    })?;
    json(StatusCode::CREATED, &added)
}
