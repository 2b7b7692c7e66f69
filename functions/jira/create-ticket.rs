//! `POST /api/backend/jira/create-ticket`: creates a Jira issue, once.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use base::config::{FromSettings, Settings, SettingsError};
use http::StatusCode;
use juncture::callers::SecretKeys;
use juncture::error::{Error, ErrorCode, Result};
use juncture::idempotency::IdempotencyStore;
use juncture::jira::{IssueFields, IssueInput, Jira, NewTicket, ProjectId};
use juncture::parts::Parts;
use juncture::provider::ProviderId;
use runtime::{JsonBodies, Present, Request, Response, Route, idempotency_key, json, serve};
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

const ROUTE: Route = Route::of_contract("create-ticket");

/// The required fields, which are checked before the value of any field.
#[derive(Deserialize)]
#[serde(expecting = "required fields: external_id, summary, or issue_type_id")]
struct Required {
    #[serde(rename = "external_id")]
    _external_id: Present,
    #[serde(rename = "summary")]
    _summary: Present,
    #[serde(rename = "issue_type_id")]
    _issue_type_id: Present,
}

/// Where the ticket is created.
#[derive(Deserialize)]
struct Target {
    external_id: String,
    jira_project_id: Option<String>,
}

const UNCONFIRMED: &str = "Failed to create Jira ticket: Jira did not confirm it, so the ticket may exist. Look for it \
    before you create it again; with an Idempotency-Key, creating it again would be safe.";

const UNCONFIRMED_WITH_KEY: &str = "Failed to create Jira ticket: Jira did not confirm it, so the ticket may exist. \
    Repeat the request with the same Idempotency-Key: it will not be created twice.";

fn main() -> ExitCode {
    serve(handle)
}

async fn handle(app: Arc<App>, request: Request) -> Result<Response> {
    let App { keys, bodies, jira, idempotency } = &*app;
    let caller = keys.authorize(&request).await?;
    let idempotency_key = idempotency_key(&request)?;
    let (input, digest) = bodies.read_with_digest(&request, ROUTE)?;
    let (_, target, fields): (Required, Target, IssueFields) = input;
    let named = target.jira_project_id.as_deref().map(ProjectId::parse).transpose()?;
    let input = IssueInput::of(fields)?;
    let key = caller.connection_key(ProviderId::Jira.as_str(), &target.external_id)?;
    let site = jira.site(&key).await?;
    let ticket = NewTicket { project: site.project_or_selected(named)?, input };
    match idempotency_key {
        Some(idempotency_key) => {
            let created = site.create_once(idempotency, idempotency_key, &digest, ticket).await;
            json(
                StatusCode::CREATED,
                &created.map_err(|error| retryable(explain(error, UNCONFIRMED_WITH_KEY)))?,
            )
        }
        None => {
            let created = site.create(ticket).await;
            json(StatusCode::CREATED, &created.map_err(|error| explain(error, UNCONFIRMED))?)
        }
    }
}

/// Replaces the message with the contract's; `unconfirmed` is used if the issue may have been created.
fn explain(error: Error, unconfirmed: &'static str) -> Error {
    let sentences = [
        (ErrorCode::JiraRefused, "Invalid field values or missing required fields for Jira issue creation"),
        (ErrorCode::JiraNotFound, "Project or issue type not found"),
        (ErrorCode::JiraForbidden, "Access denied to create issue"),
        (ErrorCode::OutcomeUnknown, unconfirmed),
    ];
    error.in_words_of(&sentences, "Failed to create Jira ticket")
}

/// Adds `Retry-After` if the outcome is unknown, because the request is safe to retry.
fn retryable(error: Error) -> Error {
    if error.code() == ErrorCode::OutcomeUnknown { error.retry_after(Duration::from_secs(5)) } else { error }
}
