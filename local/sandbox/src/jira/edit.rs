//! `PUT /rest/api/3/issue/{issueIdOrKey}`.
//! See <https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-issues/#api-rest-api-3-issue-issueidorkey-put>.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Extension, Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::put;
use serde::Deserialize;

use super::changelog::differences;
use super::contract::Input;
use super::create::IssueDetails;
use super::fields::{FieldErrors, Writer};
use super::refusal::Refusal;
use super::render::{Selection, json_text, to_json};
use super::view::{Scopes, View};
use crate::shared::{AppState, Shared};

const SCOPES: Scopes = Scopes { classic: &["write:jira-work"], granular: &["write:issue:jira"] };

pub(super) fn router() -> Router<Arc<Shared>> {
    Router::new().route("/rest/api/3/issue/{issue}", put(edit))
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Options {
    return_issue: bool,
}

async fn edit(
    State(shared): AppState,
    Path((cloud_id, name)): Path<(String, String)>,
    headers: HeaderMap,
    Extension(input): Extension<Input>,
) -> Result<Response, Refusal> {
    let view = View::open(&shared, &headers, &cloud_id, &SCOPES)?;
    let options: Options = input.query()?;
    let details: IssueDetails = input.body()?;
    let mut tracker = view.write();
    let mut issue = view.issue(&tracker, &name)?.clone();
    if view.settings.read_only {
        let text = "You do not have permission to edit issues in this project.";
        return Err(Refusal::plain(StatusCode::FORBIDDEN, text));
    }
    let mut errors = FieldErrors::default();
    let mut writer = Writer { view: &view, tracker: &tracker, issue: &mut issue };
    for (id, value) in &details.fields {
        if let Err(error) = writer.set(id, value) {
            errors.add(id, error);
        }
    }
    for (id, error) in writer.missing(&details.fields, false) {
        errors.add(&id, error);
    }
    errors.refuse()?;
    issue.properties.extend(details.properties.into_iter().map(|property| (property.key, property.value)));
    issue.updated = view.now;
    let id = issue.id;
    let changed = differences(&view, view.issue(&tracker, &name)?, &issue);
    tracker.issues.insert(id, issue);
    tracker.record(id, &view.account.key, view.now, changed);

    if !options.return_issue {
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    let selection = Selection::new(&["*all".to_owned()], &[]);
    Ok(json_text(to_json(&view, &tracker, view.issue(&tracker, &id.to_string())?, &selection)))
}
