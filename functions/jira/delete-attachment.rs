//! `DELETE /api/backend/jira/delete-attachment`: deletes a file attached to a Jira issue. Accepts the parameters in the
//! query or as a JSON body.

use std::process::ExitCode;
use std::sync::Arc;

use base::config::{FromSettings, Settings, SettingsError};
use http::StatusCode;
use juncture::callers::SecretKeys;
use juncture::error::{ErrorCode, Result};
use juncture::jira::{AttachmentId, Jira, issue_ref};
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

const ROUTE: Route = Route::of("delete-attachment");

const NOT_FOUND: &str = "Attachment not found, or attachments are off on this Jira site";

fn main() -> ExitCode {
    serve(handle)
}

/// Confirms that the attachment was deleted.
#[derive(Serialize)]
struct Deleted {
    success: bool,
}

/// The attachment to delete.
#[derive(Deserialize)]
struct Target {
    external_id: String,
    attachment_id: String,
    /// The issue that has it, which a connection that is limited to some projects needs.
    issue_id_or_key: Option<String>,
}

async fn handle(app: Arc<App>, request: Request) -> Result<Response> {
    let App { keys, bodies, jira } = &*app;
    let caller = keys.authorize(&request).await?;
    let Target { external_id, attachment_id, issue_id_or_key } = bodies.read_or_query(&request, ROUTE)?;
    let id = AttachmentId::parse(&attachment_id)?;
    let issue = issue_id_or_key.map(|issue| issue_ref(&issue, "issue_id_or_key")).transpose()?;
    let key = caller.connection_key(ProviderId::Jira.as_str(), &external_id)?;
    let site = jira.site(&key).await?;
    let deleted = async {
        site.find_attachment(issue.as_ref(), &id).await?;
        site.delete_attachment(&id).await
    };
    deleted.await.map_err(|error| {
        error.in_words_of(&[(ErrorCode::JiraNotFound, NOT_FOUND)], "Failed to delete Jira attachment")
    })?;
    json(StatusCode::OK, &Deleted { success: true })
}
