//! `PUT /api/backend/jira/edit-issue`: edits the fields of a Jira issue.

use std::process::ExitCode;
use std::sync::Arc;

use adf::Lost;
use base::config::{FromSettings, Settings, SettingsError};
use http::StatusCode;
use juncture::callers::SecretKeys;
use juncture::error::{ErrorCode, Result};
use juncture::jira::{Edit, EditOptions, EditedIssue, IssueFields, Jira, issue_ref};
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

const ROUTE: Route = Route::of_contract("edit-issue");

/// The issue to edit.
#[derive(Deserialize)]
struct Target {
    external_id: String,
    issue_id_or_key: String,
}

const UNREAD: &str =
    "The issue was changed, but Jira could not be asked for it: get-issue-details will have it.";

fn main() -> ExitCode {
    serve(handle)
}

/// The issue after the edit.
#[derive(Serialize)]
struct Edited {
    success: bool,
    issue: Option<EditedIssue>,
    /// Content of the description that was lost because Markdown cannot represent it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    lost: Vec<Lost>,
    #[serde(skip_serializing_if = "Option::is_none")]
    warning: Option<&'static str>,
}

async fn handle(app: Arc<App>, request: Request) -> Result<Response> {
    let App { keys, bodies, jira } = &*app;
    let caller = keys.authorize(&request).await?;
    let (target, fields, options): (Target, IssueFields, EditOptions) = bodies.read(&request, ROUTE)?;
    let issue = issue_ref(&target.issue_id_or_key, "issue_id_or_key")?;
    let edit = Edit::of(fields, &options)?;
    let key = caller.connection_key(ProviderId::Jira.as_str(), &target.external_id)?;
    let site = jira.site(&key).await?;
    let outcome = site.edit(&issue, edit).await.map_err(|error| {
        let sentences = [
            (ErrorCode::JiraRefused, "Invalid field values provided"),
            (ErrorCode::JiraNotFound, "Issue not found"),
            (ErrorCode::JiraConflict, "Issue has been modified since last read"),
        ];
        error.in_words_of(&sentences, "Failed to update Jira issue")
    })?;
    let warning = outcome.issue.is_none().then_some(UNREAD);
    json(StatusCode::OK, &Edited { success: true, issue: outcome.issue, lost: outcome.lost, warning })
}
