//! `POST /api/backend/jira/create-sprint`: creates a future sprint on a board.

use std::process::ExitCode;
use std::sync::Arc;

use base::config::{FromSettings, Settings, SettingsError};
use http::StatusCode;
use juncture::callers::SecretKeys;
use juncture::error::{ErrorCode, Result};
use juncture::idempotency::{IdempotencyStore, Once};
use juncture::jira::{Jira, NewSprint, SprintFields};
use juncture::parts::Parts;
use juncture::provider::ProviderId;
use runtime::{Field, JsonBodies, Request, Response, Route, idempotency_key, json, serve};
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

const ROUTE: Route = Route::of("create-sprint");

const FAILED: &str = "Failed to create Jira sprint";

/// Where the sprint is created.
#[derive(Deserialize)]
struct Target {
    external_id: String,
    board_id: Field,
}

fn main() -> ExitCode {
    serve(handle)
}

async fn handle(app: Arc<App>, request: Request) -> Result<Response> {
    let App { keys, bodies, jira, idempotency } = &*app;
    let caller = keys.authorize(&request).await?;
    let idempotency_key = idempotency_key(&request)?;
    let (input, digest) = bodies.read_with_digest(&request, ROUTE)?;
    let (target, fields): (Target, SprintFields) = input;
    let sprint = NewSprint::of(target.board_id, fields)?;
    let key = caller.connection_key(ProviderId::Jira.as_str(), &target.external_id)?;
    let site = jira.site(&key).await?;
    // A sprint bears no mark that a second request could look for.
    let once = Once::new(idempotency, idempotency_key, &digest).without_lookup();
    let created = site.create_sprint(&once, sprint).await.map_err(|error| {
        let sentences = [
            (ErrorCode::JiraNotFound, "Board not found"),
            (
                ErrorCode::JiraRefused,
                "Jira refused to create the sprint. The board has to support sprints, as scrum boards do.",
            ),
        ];
        once.explain(error.in_words_of(&sentences, FAILED), FAILED, "the sprint")
    })?;
    json(StatusCode::CREATED, &created)
}
