//! `POST /api/backend/jira/add-attachment`: attaches a file to a Jira issue. The file is the body, or the part `file` of
//! a form.

use std::process::ExitCode;
use std::sync::Arc;

use base::config::{FromSettings, Settings, SettingsError};
use base::crypto::sha256_hex;
use http::StatusCode;
use juncture::callers::SecretKeys;
use juncture::error::{ErrorCode, Result};
use juncture::idempotency::{IdempotencyStore, Once};
use juncture::jira::{Jira, file_to_attach, issue_ref};
use juncture::parts::Parts;
use juncture::provider::ProviderId;
use runtime::{Request, Response, Route, idempotency_key, json, serve_uploads, upload};
use serde::Deserialize;

struct App {
    keys: SecretKeys,
    jira: Jira,
    idempotency: IdempotencyStore,
}

impl FromSettings for App {
    fn from_settings(settings: &Settings) -> Result<Self, SettingsError> {
        let parts = Parts::of(settings);
        Ok(Self { keys: parts.secret_keys()?, jira: parts.jira()?, idempotency: parts.idempotency()? })
    }
}

const ROUTE: Route = Route::of("add-attachment");

/// The issue that the file is attached to, and the file's name.
#[derive(Deserialize)]
struct Target {
    external_id: String,
    issue_id_or_key: String,
    file_name: Option<String>,
}

const FAILED: &str = "Failed to add Jira attachment";
const NOT_FOUND: &str = "Issue not found, or attachments are off on this Jira site";

fn main() -> ExitCode {
    serve_uploads(handle)
}

async fn handle(app: Arc<App>, request: Request) -> Result<Response> {
    let App { keys, jira, idempotency } = &*app;
    let caller = keys.authorize(&request).await?;
    let idempotency_key = idempotency_key(&request)?.map(str::to_owned);
    let (Target { external_id, issue_id_or_key, file_name }, upload) = upload(request, ROUTE).await?;
    let issue = issue_ref(&issue_id_or_key, "issue_id_or_key")?;
    let file = file_to_attach(upload, file_name)?;
    let key = caller.connection_key(ProviderId::Jira.as_str(), &external_id)?;
    let site = jira.site(&key).await?;
    let content = sha256_hex(&file.content);
    let digest = format!("{}\n{}\n{}\n{content}", issue.as_str(), file.name, file.content_type);
    let digest = ROUTE.digest(digest.as_bytes());
    let once = Once::new(idempotency, idempotency_key.as_deref(), &digest).without_lookup();
    let attached = site.add_attachment(&once, &issue, file).await.map_err(|error| {
        let error = error.in_words_of(&[(ErrorCode::JiraNotFound, NOT_FOUND)], FAILED);
        once.explain(error, FAILED, "the attachment")
    })?;
    json(StatusCode::CREATED, &attached)
}
