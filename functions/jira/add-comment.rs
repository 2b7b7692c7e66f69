//! `POST /api/backend/jira/add-comment`: adds a comment to a Jira issue, once.

use std::process::ExitCode;
use std::sync::Arc;

use base::config::{FromSettings, Settings, SettingsError};
use http::StatusCode;
use juncture::callers::SecretKeys;
use juncture::error::{ErrorCode, Result};
use juncture::idempotency::{IdempotencyStore, Once};
use juncture::jira::{CommentFields, Jira, NewComment, issue_ref};
use juncture::parts::Parts;
use juncture::provider::ProviderId;
use runtime::{JsonBodies, Request, Response, Route, idempotency_key, json, serve};
use serde::{Deserialize, Serialize};
use serde_json::Value;

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

const ROUTE: Route = Route::of("add-comment");

const FAILED: &str = "Failed to add Jira comment";

fn main() -> ExitCode {
    serve(handle)
}

/// The issue to comment on.
#[derive(Deserialize)]
struct Target {
    external_id: String,
    issue_id_or_key: String,
}

#[derive(Serialize)]
struct Added {
    comment: Value,
}

async fn handle(app: Arc<App>, request: Request) -> Result<Response> {
    let App { keys, bodies, jira, idempotency } = &*app;
    let caller = keys.authorize(&request).await?;
    let idempotency_key = idempotency_key(&request)?;
    let (input, digest) = bodies.read_with_digest(&request, ROUTE)?;
    let (target, fields): (Target, CommentFields) = input;
    let comment = NewComment::of(issue_ref(&target.issue_id_or_key, "issue_id_or_key")?, fields)?;
    let key = caller.connection_key(ProviderId::Jira.as_str(), &target.external_id)?;
    let site = jira.site(&key).await?;
    let once = comment.once(Once::new(idempotency, idempotency_key, &digest));
    let comment = site.add_comment(&once, comment).await.map_err(|error| {
        let sentences = [(ErrorCode::JiraNotFound, "Issue not found")];
        // What became of it is known, and said.
        let is_there = error.details().is_some_and(|details| details["comment_id"].is_string());
        if is_there && error.code() == ErrorCode::OutcomeUnknown {
            return error;
        }
        once.explain(error.in_words_of(&sentences, FAILED), FAILED, "the comment")
    })?;
    json(StatusCode::CREATED, &Added { comment })
}
