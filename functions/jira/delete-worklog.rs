//! `DELETE /api/backend/jira/delete-worklog`: deletes a worklog of a Jira issue. Accepts the parameters in the query or
//! as a JSON body.

use std::process::ExitCode;
use std::sync::Arc;

use base::config::{FromSettings, Settings, SettingsError};
use http::StatusCode;
use juncture::callers::SecretKeys;
use juncture::error::{ErrorCode, Result};
use juncture::jira::{DeletionEstimate, Jira, WorklogId, issue_ref};
use juncture::parts::Parts;
use juncture::provider::ProviderId;
use runtime::{JsonBodies, Request, Response, Route, json, serve};
use serde::{Deserialize, Serialize};

struct App {
    keys: SecretKeys,
    bodies: JsonBodies,
    jira: Jira,
}

impl FromSettings for App {
    fn from_settings(settings: &Settings) -> Result<Self, SettingsError> {
        let parts = Parts::of(settings);
        Ok(Self { keys: parts.secret_keys()?, bodies: parts.read()?, jira: parts.jira()? })
    }
}

const ROUTE: Route = Route::of("delete-worklog");

const NOT_FOUND: &str = "Worklog or issue not found, or time tracking is off on this Jira site";

fn main() -> ExitCode {
    serve(handle)
}

/// Confirms that the worklog was deleted.
#[derive(Serialize)]
struct Deleted {
    success: bool,
}

/// The worklog to delete.
#[derive(Deserialize)]
struct Target {
    external_id: String,
    issue_id_or_key: String,
    worklog_id: String,
}

async fn handle(app: Arc<App>, request: Request) -> Result<Response> {
    let App { keys, bodies, jira } = &*app;
    let caller = keys.authorize(&request).await?;
    let (target, estimate): (Target, DeletionEstimate) = bodies.read_or_query(&request, ROUTE)?;
    let issue = issue_ref(&target.issue_id_or_key, "issue_id_or_key")?;
    let worklog = WorklogId::parse(&target.worklog_id)?;
    let estimate = estimate.change()?;
    let key = caller.connection_key(ProviderId::Jira.as_str(), &target.external_id)?;
    let site = jira.site(&key).await?;
    site.delete_worklog(&issue, &worklog, estimate).await.map_err(|error| {
        error.in_words_of(&[(ErrorCode::JiraNotFound, NOT_FOUND)], "Failed to delete Jira worklog")
    })?;
    json(StatusCode::OK, &Deleted { success: true })
}
