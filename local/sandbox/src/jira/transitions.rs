//! `GET` and `POST /rest/api/3/issue/{issueIdOrKey}/transitions`.
//! See <https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-issues/#api-rest-api-3-issue-issueidorkey-transitions-post>.

use std::sync::Arc;

use axum::extract::{Extension, Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::get;
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::contract::Input;
use super::fields::{FieldError, FieldErrors, Writer, not_on_screen};
use super::objects;
use super::refusal::Refusal;
use super::screens::Screens;
use super::view::{Scopes, View};
use crate::shared::{AppState, Shared};
use crate::world::tracker::Tracker;
use crate::world::tracker::catalog::{Status, find_field};
use crate::world::tracker::history::FieldChange;
use crate::world::tracker::issue::Issue;
use crate::world::tracker::workflow::Transition;

const READ: Scopes = Scopes {
    classic: &["read:jira-work"],
    granular: &["read:issue.transition:jira", "read:status:jira", "read:field-configuration:jira"],
};

const WRITE: Scopes =
    Scopes { classic: &["write:jira-work"], granular: &["write:issue:jira", "write:issue.property:jira"] };

pub(super) fn router() -> Router<Arc<Shared>> {
    Router::new().route("/rest/api/3/issue/{issue}/transitions", get(list).post(make))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wanted {
    #[serde(default)]
    expand: String,
    transition_id: Option<String>,
}

/// The transitions that an issue can go through. None without the permission.
fn possible(view: &View, tracker: &Tracker, issue: &Issue) -> Vec<&'static Transition> {
    if view.settings.read_only {
        return Vec::new();
    }
    tracker.shape(issue.project).workflow.from(issue.status).collect()
}

async fn list(
    State(shared): AppState,
    Path((cloud_id, name)): Path<(String, String)>,
    headers: HeaderMap,
    Extension(input): Extension<Input>,
) -> Result<Json<Value>, Refusal> {
    let view = View::open(&shared, &headers, &cloud_id, &READ)?;
    let wanted: Wanted = input.query()?;
    let tracker = view.read();
    let issue = view.issue(&tracker, &name)?;
    let project = view.project(&issue.project.to_string());
    let project = project.ok_or_else(|| Refusal::plain(StatusCode::NOT_FOUND, "No project"))?;
    let screens = Screens { view: &view, project, shape: tracker.shape(issue.project) };
    let is_wanted =
        |transition: &&&Transition| wanted.transition_id.as_deref().is_none_or(|id| transition.id == id);
    let transitions: Vec<Value> = possible(&view, &tracker, issue)
        .iter()
        .filter(is_wanted)
        .map(|transition| {
            let mut body = json!({
                "id": transition.id,
                "name": transition.name,
                "to": objects::status(&view, transition.to),
                "hasScreen": transition.screen.is_some(),
                "isGlobal": transition.from.is_none(),
                "isInitial": false,
                "isAvailable": true,
                "isConditional": false,
                "isLooped": transition.to.id == issue.status.id,
                "looped": transition.to.id == issue.status.id,
            });
            if wanted.expand.split(',').any(|part| part == "transitions.fields") {
                let screen = transition.screen.unwrap_or_default();
                body["fields"] = screens.of(screen, issue.issue_type).into();
            }
            body
        })
        .collect();
    Ok(Json(json!({ "expand": "transitions", "transitions": transitions })))
}

#[derive(Deserialize)]
struct Made {
    transition: Chosen,
    #[serde(default)]
    fields: Map<String, Value>,
}

#[derive(Deserialize)]
struct Chosen {
    id: String,
}

async fn make(
    State(shared): AppState,
    Path((cloud_id, name)): Path<(String, String)>,
    headers: HeaderMap,
    Extension(input): Extension<Input>,
) -> Result<StatusCode, Refusal> {
    let view = View::open(&shared, &headers, &cloud_id, &WRITE)?;
    let made: Made = input.body()?;
    let mut tracker = view.write();
    let mut issue = view.issue(&tracker, &name)?.clone();
    let transitions = possible(&view, &tracker, &issue);
    let transition = transitions.into_iter().find(|transition| transition.id == made.transition.id);
    let transition = transition.ok_or_else(|| {
        let text = format!("Transition id '{}' is not valid for this issue.", made.transition.id);
        Refusal::plain(StatusCode::BAD_REQUEST, &text)
    })?;
    let screen = transition.screen.unwrap_or_default();
    let mut errors = FieldErrors::default();
    let mut writer = Writer { view: &view, tracker: &tracker, issue: &mut issue };
    for (id, value) in &made.fields {
        let is_there = screen.iter().any(|(known, _)| known == id);
        let set = if is_there { writer.set_on_screen(id, value) } else { Err(not_on_screen(id)) };
        if let Err(error) = set {
            errors.add(id, error);
        }
    }
    for (id, _) in screen.iter().filter(|(id, required)| *required && !made.fields.contains_key(*id)) {
        let name = find_field(id).map_or(*id, |field| field.name);
        errors.add(id, FieldError::value(format!("{name} is required.")));
    }
    errors.refuse()?;
    let before = issue.status;
    issue.status = transition.to;
    match (transition.to.is_done(), transition.screen.is_some()) {
        // Without a screen, a function of the workflow resolves it.
        (true, false) => issue.resolution = Some(0),
        (true, true) => {}
        (false, _) => issue.resolution = None,
    }
    issue.updated = view.now;
    let id = issue.id;
    tracker.issues.insert(id, issue);
    let side = |status: &Status| (Some(status.id.to_owned()), Some(status.name.to_owned()));
    let change = FieldChange::of("status", side(before), side(transition.to));
    tracker.record(id, &view.account.key, view.now, vec![change]);
    Ok(StatusCode::NO_CONTENT)
}
