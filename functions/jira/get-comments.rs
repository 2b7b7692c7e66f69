//! `GET /api/backend/jira/get-comments`: the comments of a Jira issue.

use std::process::ExitCode;
use std::sync::Arc;

use base::config::{FromSettings, Settings, SettingsError};
use base::crypto::Sealer;
use http::StatusCode;
use juncture::callers::SecretKeys;
use juncture::error::{ErrorCode, Result};
use juncture::jira::{Comment, CommentList, Jira, issue_ref};
use juncture::paging::{PageQuery, Paging, explain};
use juncture::parts::Parts;
use juncture::provider::ProviderId;
use runtime::{Request, Response, json, query, serve};
use serde::{Deserialize, Serialize};

struct App {
    keys: SecretKeys,
    jira: Jira,
    sealer: Sealer,
}

impl FromSettings for App {
    fn from_settings(settings: &Settings) -> Result<Self, SettingsError> {
        let parts = Parts::of(settings);
        Ok(Self { keys: parts.secret_keys()?, jira: parts.jira()?, sealer: parts.sealer()? })
    }
}

const FAILED: &str = "Failed to fetch Jira comments";

fn main() -> ExitCode {
    serve(handle)
}

#[derive(Deserialize)]
struct Query {
    external_id: String,
    issue_id_or_key: String,
    order: Option<String>,
    body_format: Option<String>,
}

/// The comments of an issue, or a page of them.
#[derive(Serialize)]
struct Comments {
    comments: Vec<Comment>,
    /// The number of comments in this response.
    total: usize,
    next_cursor: Option<String>,
}

async fn handle(app: Arc<App>, request: Request) -> Result<Response> {
    let App { keys, jira, sealer } = &*app;
    let caller = keys.authorize(&request).await?;
    let (query, page): (Query, PageQuery) = query(&request)?;
    let issue = issue_ref(&query.issue_id_or_key, "issue_id_or_key")?;
    let list = CommentList::of(issue, query.order.as_deref(), query.body_format.as_deref())?;
    let key = caller.connection_key(ProviderId::Jira.as_str(), &query.external_id)?;
    let paging = Paging::new(sealer, "get-comments", &key, &list.name());
    let part = paging.part(&page)?;
    let site = jira.site_for_reading(&key).await?;
    let (comments, next) = site.comments(&list, part.as_ref()).await.map_err(|error| {
        explain(error.in_words_of(&[(ErrorCode::JiraNotFound, "Issue not found")], FAILED), FAILED)
    })?;
    let next_cursor = paging.after(part.as_ref(), next)?;
    json(StatusCode::OK, &Comments { total: comments.len(), comments, next_cursor })
}
