//! `POST /api/backend/jira/create-ticket`: creates a Jira issue, once.

use std::process::ExitCode;
use std::sync::Arc;

use base::config::{FromSettings, Settings, SettingsError};
use http::StatusCode;
use juncture::callers::SecretKeys;
use juncture::error::{ErrorCode, Result};
use juncture::idempotency::{IdempotencyStore, Once};
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

const FAILED: &str = "Failed to create Jira ticket";

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
    let once = Once::new(idempotency, idempotency_key, &digest);
    let created = site.create(&once, ticket).await.map_err(|error| {
        let sentences = [
            (
                ErrorCode::JiraRefused,
                "Invalid field values or missing required fields for Jira issue creation",
            ),
            (ErrorCode::JiraNotFound, "Project or issue type not found"),
            (ErrorCode::JiraForbidden, "Access denied to create issue"),
        ];
        once.explain(error.in_words_of(&sentences, FAILED), FAILED, "the ticket")
    })?;
    json(StatusCode::CREATED, &created)
}
