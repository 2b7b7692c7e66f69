//! `DELETE /api/backend/jira/delete-issue`: deletes a Jira issue. Parameters come by query or as a JSON body.

use std::process::ExitCode;
use std::sync::Arc;

use base::config::{FromSettings, Settings, SettingsError};
use http::StatusCode;
use juncture::callers::SecretKeys;
use juncture::error::{Error, ErrorCode, Result};
use juncture::jira::{IssueRef, Jira, issue_ref};
use juncture::parts::Parts;
use juncture::provider::ProviderId;
use runtime::{Fields, JsonBodies, Query, Request, Response, json, serve};
use serde::Serialize;

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

const FIELDS: Fields = Fields::of("delete-issue", &["external_id", "issue_id_or_key", "delete_subtasks"]);

const HAS_SUBTASKS: &str =
    "Jira refused to delete the issue. If it has sub-tasks, set delete_subtasks to true to delete them too.";

fn main() -> ExitCode {
    serve::<App, _>(|app, request| Box::pin(handle(app, request)))
}

/// The issue is gone.
#[derive(Serialize)]
struct Deleted {
    success: bool,
}

/// What is to be deleted.
struct Wanted {
    external_id: String,
    issue: IssueRef,
    with_subtasks: bool,
}

async fn handle(app: Arc<App>, request: Request) -> Result<Response> {
    let App { keys, bodies, jira } = &*app;
    let caller = keys.authorize(&request).await?;
    let Wanted { external_id, issue, with_subtasks } = Wanted::of(bodies, &request)?;
    let key = caller.connection_key(ProviderId::Jira.as_str(), &external_id)?;
    let site = jira.site(&key).await?;
    site.delete(&issue, with_subtasks).await.map_err(|error| {
        let sentences =
            [(ErrorCode::JiraNotFound, "Issue not found"), (ErrorCode::JiraRefused, HAS_SUBTASKS)];
        let of_call = if with_subtasks { &sentences[..1] } else { &sentences };
        error.in_words_of(of_call, "Failed to delete Jira issue")
    })?;
    json(StatusCode::OK, &Deleted { success: true })
}

impl Wanted {
    /// A request with a body is read by it alone.
    fn of(bodies: &JsonBodies, request: &Request) -> Result<Self> {
        let (external_id, issue, with_subtasks) = if request.body().is_empty() {
            let query = Query::of(request)?;
            let [external_id] = query.required(["external_id"])?;
            let [issue] = query.required(["issue_id_or_key"])?;
            let with_subtasks = match query.optional("delete_subtasks") {
                Some("true") => true,
                Some("false") | None => false,
                Some(_) => return Err(Error::bad_request("delete_subtasks must be true or false")),
            };
            (external_id.to_owned(), issue.to_owned(), with_subtasks)
        } else {
            let body = bodies.read(request, &FIELDS)?;
            let [external_id] = body.required(["external_id"])?;
            let [issue] = body.required(["issue_id_or_key"])?;
            (external_id.to_owned(), issue.to_owned(), body.flag("delete_subtasks")?)
        };
        let issue = issue_ref(&issue, "issue_id_or_key")?;
        Ok(Self { external_id, issue, with_subtasks })
    }
}
