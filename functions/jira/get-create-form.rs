//! `GET /api/backend/jira/get-create-form`: what creating an issue of a type asks for.

use std::process::ExitCode;
use std::sync::Arc;

use base::config::{FromSettings, Settings, SettingsError};
use http::StatusCode;
use juncture::callers::SecretKeys;
use juncture::error::Result;
use juncture::jira::{FormView, IssueTypeId, Jira, ProjectId};
use juncture::parts::Parts;
use juncture::provider::ProviderId;
use runtime::{Request, RequestError, Response, json, query, serve};
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
    jira_project_id: Option<String>,
    issue_type_id: Option<String>,
    /// The name of the type, if its id is not known; one more request to Jira.
    issue_type: Option<String>,
}

/// The form for creating an issue.
#[derive(Serialize)]
struct CreateForm {
    issue_type_id: String,
    #[serde(flatten)]
    form: FormView,
}

async fn handle(app: Arc<App>, request: Request) -> Result<Response> {
    let App { keys, jira } = &*app;
    let caller = keys.authorize(&request).await?;
    let Query { external_id, jira_project_id, issue_type_id, issue_type } = query(&request)?;
    let named = jira_project_id.as_deref().map(ProjectId::parse).transpose()?;
    let id = issue_type_id.as_deref().map(IssueTypeId::parse).transpose()?;
    if id.is_none() && issue_type.is_none() {
        return Err(RequestError::missing("issue_type_id or issue_type").into());
    }
    let key = caller.connection_key(ProviderId::Jira.as_str(), &external_id)?;
    let site = jira.site(&key).await?;
    let project = site.project_or_selected(named)?;
    let read = async {
        let issue_type = match id {
            Some(id) => id,
            None => site.issue_type_named(&project, &issue_type.unwrap_or_default()).await?,
        };
        Ok((site.create_form(&project, &issue_type).await?, issue_type))
    };
    let (form, issue_type) = read
        .await
        .map_err(|error: juncture::error::Error| error.in_words_of(&[], "Failed to fetch Jira form"))?;
    json(StatusCode::OK, &CreateForm { issue_type_id: issue_type.as_str().to_owned(), form: form.view() })
}
