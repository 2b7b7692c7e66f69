//! `DELETE /api/backend/jira/delete-comment`: deletes a comment on a Jira issue. Accepts the parameters in the query or
//! as a JSON body.

use std::process::ExitCode;
use std::sync::Arc;

use base::config::{FromSettings, Settings, SettingsError};
use http::StatusCode;
use juncture::callers::SecretKeys;
use juncture::error::{ErrorCode, Result};
use juncture::jira::{CommentId, Jira, issue_ref};
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

const ROUTE: Route = Route::of("delete-comment");

fn main() -> ExitCode {
    serve(handle)
}

/// Confirms that the comment was deleted.
#[derive(Serialize)]
struct Deleted {
    success: bool,
}

/// The comment to delete.
#[derive(Deserialize)]
struct Target {
    external_id: String,
    issue_id_or_key: String,
    comment_id: String,
}

async fn handle(app: Arc<App>, request: Request) -> Result<Response> {
    let App { keys, bodies, jira } = &*app;
    let caller = keys.authorize(&request).await?;
    let Target { external_id, issue_id_or_key, comment_id } = bodies.read_or_query(&request, ROUTE)?;
    let issue = issue_ref(&issue_id_or_key, "issue_id_or_key")?;
    let comment = CommentId::parse(&comment_id)?;
    let key = caller.connection_key(ProviderId::Jira.as_str(), &external_id)?;
    let site = jira.site(&key).await?;
    site.delete_comment(&issue, &comment).await.map_err(|error| {
        let sentences = [(ErrorCode::JiraNotFound, "Issue or comment not found")];
        error.in_words_of(&sentences, "Failed to delete Jira comment")
    })?;
    json(StatusCode::OK, &Deleted { success: true })
}
