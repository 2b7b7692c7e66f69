//! `PUT /rest/api/3/issue/{issueIdOrKey}`.
//! See <https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-issues/#api-rest-api-3-issue-issueidorkey-put>.

use axum::extract::{Extension, Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;

use super::super::AppState;
use super::contract::Input;
use super::create::Details;
use super::fields::{Faults, Writer};
use super::issue::{find, whole};
use super::render::Selection;
use super::{Refusal, Scopes, View, json_text};

const SCOPES: Scopes = Scopes { classic: &["write:jira-work"], granular: &["write:issue:jira"] };

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Options {
    return_issue: bool,
}

pub(super) async fn edit(
    State(shared): AppState,
    Path((cloud_id, name)): Path<(String, String)>,
    headers: HeaderMap,
    Extension(input): Extension<Input>,
) -> Result<Response, Refusal> {
    let view = View::open(&shared, &headers, &cloud_id, &SCOPES)?;
    let options: Options = input.query()?;
    let details: Details = input.body()?;
    let mut tracker = view.write();
    let mut issue = find(&view, &tracker, &name)?.clone();
    if view.settings.read_only {
        let text = "You do not have permission to edit issues in this project.";
        return Err(Refusal::plain(StatusCode::FORBIDDEN, text));
    }
    let mut faults = Faults::default();
    let mut writer = Writer { view: &view, tracker: &tracker, issue: &mut issue };
    for (id, value) in &details.fields {
        if let Err(fault) = writer.set(id, value) {
            faults.add(id, fault);
        }
    }
    faults.refuse()?;
    issue.properties.extend(details.properties.into_iter().map(|property| (property.key, property.value)));
    issue.updated = view.now;
    let id = issue.id;
    tracker.issues.insert(id, issue);

    if !options.return_issue {
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    let selection = Selection::new(&["*all".to_owned()], &[]);
    Ok(json_text(whole(&view, &tracker, find(&view, &tracker, &id.to_string())?, &selection)))
}
