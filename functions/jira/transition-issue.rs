//! `POST /api/backend/jira/transition-issue`: moves an issue to another status.

use std::process::ExitCode;
use std::sync::Arc;

use base::config::{FromSettings, Settings, SettingsError};
use http::StatusCode;
use juncture::callers::SecretKeys;
use juncture::error::{ErrorCode, Result};
use juncture::jira::{Jira, TransitionFields, TransitionInput, TransitionMade, issue_ref};
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

const ROUTE: Route = Route::of("transition-issue");

/// The issue to move.
#[derive(Deserialize)]
struct Target {
    external_id: String,
    issue_id_or_key: String,
}

fn main() -> ExitCode {
    serve(handle)
}

/// The move that was made.
#[derive(Serialize)]
struct Done {
    success: bool,
    #[serde(flatten)]
    moved: TransitionMade,
}

async fn handle(app: Arc<App>, request: Request) -> Result<Response> {
    let App { keys, bodies, jira } = &*app;
    let caller = keys.authorize(&request).await?;
    let (target, fields): (Target, TransitionFields) = bodies.read(&request, ROUTE)?;
    let issue = issue_ref(&target.issue_id_or_key, "issue_id_or_key")?;
    let movement = TransitionInput::of(fields)?;
    let key = caller.connection_key(ProviderId::Jira.as_str(), &target.external_id)?;
    let site = jira.site(&key).await?;
    let moved = site.move_issue(&issue, movement).await.map_err(|error| {
        let sentences = [
            (ErrorCode::JiraRefused, "Jira refused the transition or a value of its fields"),
            (ErrorCode::JiraNotFound, "Issue not found"),
        ];
        error.in_words_of(&sentences, "Failed to move Jira issue")
    })?;
    json(StatusCode::OK, &Done { success: true, moved })
}
