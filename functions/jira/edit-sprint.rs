//! `PUT /api/backend/jira/edit-sprint`: changes, starts or completes a sprint.

use std::process::ExitCode;
use std::sync::Arc;

use base::config::{FromSettings, Settings, SettingsError};
use http::StatusCode;
use juncture::callers::SecretKeys;
use juncture::error::{ErrorCode, Result};
use juncture::jira::{Jira, Sprint, SprintEdit, SprintFields};
use juncture::parts::Parts;
use juncture::provider::ProviderId;
use runtime::{Field, JsonBodies, Request, Response, Route, json, serve};
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

const ROUTE: Route = Route::of("edit-sprint");

const REFUSED: &str = "Jira refused to change the sprint. It has to end after it starts. A future sprint starts if it has \
    both dates and its board has no other active sprint, only an active sprint can be closed, and of a closed one only \
    name and goal change.";

/// The sprint to change.
#[derive(Deserialize)]
struct Target {
    external_id: String,
    sprint_id: Field,
    state: Option<String>,
}

fn main() -> ExitCode {
    serve(handle)
}

/// The sprint after the change.
#[derive(Serialize)]
struct Edited {
    sprint: Sprint,
}

async fn handle(app: Arc<App>, request: Request) -> Result<Response> {
    let App { keys, bodies, jira } = &*app;
    let caller = keys.authorize(&request).await?;
    let (target, fields): (Target, SprintFields) = bodies.read(&request, ROUTE)?;
    let edit = SprintEdit::of(target.sprint_id, fields, target.state.as_deref())?;
    let key = caller.connection_key(ProviderId::Jira.as_str(), &target.external_id)?;
    let site = jira.site(&key).await?;
    let sprint = site.edit_sprint(edit).await.map_err(|error| {
        let sentences = [(ErrorCode::SprintNotFound, "Sprint not found"), (ErrorCode::JiraRefused, REFUSED)];
        error.in_words_of(&sentences, "Failed to edit Jira sprint")
    })?;
    json(StatusCode::OK, &Edited { sprint })
}
