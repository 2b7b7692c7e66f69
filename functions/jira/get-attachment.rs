//! `GET /api/backend/jira/get-attachment`: an attached file, as a URL to download it from, or as its content.

use std::process::ExitCode;
use std::sync::Arc;

use base::config::{FromSettings, Settings, SettingsError};
use http::StatusCode;
use juncture::callers::SecretKeys;
use juncture::error::{Error, ErrorCode, Result};
use juncture::jira::{Attachment, AttachmentId, Jira, issue_ref};
use juncture::parts::Parts;
use juncture::provider::ProviderId;
use runtime::{Request, Response, file, json, query, serve};
use serde::{Deserialize, Serialize};

struct App {
    keys: SecretKeys,
    jira: Jira,
}

impl FromSettings for App {
    fn from_settings(settings: &Settings) -> Result<Self, SettingsError> {
        let parts = Parts::of(settings);
        Ok(Self { keys: parts.secret_keys()?, jira: parts.jira()? })
    }
}

fn main() -> ExitCode {
    serve(handle)
}

#[derive(Deserialize)]
struct Query {
    external_id: String,
    attachment_id: String,
    /// The issue that has it, which a connection that is limited to some projects needs.
    issue_id_or_key: Option<String>,
    /// Whether to return the content instead of a URL.
    content: bool,
}

/// What is known about a file, and where it can be downloaded for a short time.
#[derive(Serialize)]
struct Found {
    attachment: Attachment,
    url: String,
}

async fn handle(app: Arc<App>, request: Request) -> Result<Response> {
    let App { keys, jira } = &*app;
    let caller = keys.authorize(&request).await?;
    let Query { external_id, attachment_id, issue_id_or_key, content } = query(&request)?;
    let id = AttachmentId::parse(&attachment_id)?;
    let issue = issue_id_or_key.map(|issue| issue_ref(&issue, "issue_id_or_key")).transpose()?;
    let key = caller.connection_key(ProviderId::Jira.as_str(), &external_id)?;
    let site = jira.site_for_reading(&key).await?;
    site.find_attachment(issue.as_ref(), &id).await.map_err(explain)?;
    if content {
        let found = site.attached_file(&id).await.map_err(explain)?;
        return file(found.content, &found.content_type, &found.name);
    }
    let (attachment, url) = site.attachment_with_url(&id).await.map_err(explain)?;
    json(StatusCode::OK, &Found { attachment, url })
}

fn explain(error: Error) -> Error {
    const NOT_FOUND: &str = "Attachment not found, or attachments are off on this Jira site";
    error.in_words_of(&[(ErrorCode::JiraNotFound, NOT_FOUND)], "Failed to fetch Jira attachment")
}
