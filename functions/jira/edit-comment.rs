//! `PUT /api/backend/jira/edit-comment`: replaces the text of a comment on a Jira issue.

use std::process::ExitCode;
use std::sync::Arc;

use adf::Lost;
use base::config::{FromSettings, Settings, SettingsError};
use http::StatusCode;
use juncture::callers::SecretKeys;
use juncture::error::{ErrorCode, Result};
use juncture::jira::{Comment, CommentEdit, CommentEditFields, CommentId, Jira, issue_ref};
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

const ROUTE: Route = Route::of("edit-comment");

fn main() -> ExitCode {
    serve(handle)
}

/// The comment to edit.
#[derive(Deserialize)]
struct Target {
    external_id: String,
    issue_id_or_key: String,
    comment_id: String,
}

/// The comment after the edit.
#[derive(Serialize)]
struct Edited {
    comment: Comment,
    /// Content of the comment that was lost because Markdown cannot represent it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    lost: Vec<Lost>,
}

async fn handle(app: Arc<App>, request: Request) -> Result<Response> {
    let App { keys, bodies, jira } = &*app;
    let caller = keys.authorize(&request).await?;
    let (target, fields): (Target, CommentEditFields) = bodies.read(&request, ROUTE)?;
    let issue = issue_ref(&target.issue_id_or_key, "issue_id_or_key")?;
    let edit = CommentEdit::of(issue, CommentId::parse(&target.comment_id)?, fields)?;
    let key = caller.connection_key(ProviderId::Jira.as_str(), &target.external_id)?;
    let site = jira.site(&key).await?;
    let (comment, lost) = site.edit_comment(edit).await.map_err(|error| {
        let sentences = [(ErrorCode::JiraNotFound, "Issue or comment not found")];
        error.in_words_of(&sentences, "Failed to edit Jira comment")
    })?;
    json(StatusCode::OK, &Edited { comment, lost })
}
