//! `PUT /rest/api/3/issue/{issueIdOrKey}`.
//! See <https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-issues/#api-rest-api-3-issue-issueidorkey-put>.

use axum::extract::{Extension, Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::Value;

use super::super::AppState;
use super::contract::Input;
use super::create::Details;
use super::fields::{Fault, Faults, Writer, check_document, label, not_on_screen};
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
    update(&mut writer, &details, &mut faults);
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

/// Carries out the operations of `update`.
pub(super) fn update(writer: &mut Writer<'_>, details: &Details, faults: &mut Faults) {
    for (id, operations) in &details.update {
        if details.fields.contains_key(id) {
            let text = format!("Field '{id}' cannot be set both in 'fields' and in 'update'.");
            faults.add(id, Fault::misuse(text));
            continue;
        }
        let Some(operations) = operations.as_array() else {
            faults.add(id, Fault::misuse("operations must be a list"));
            continue;
        };
        for operation in operations {
            if let Err(fault) = operate(writer, id, operation) {
                faults.add(id, fault);
            }
        }
    }
}

fn operate(writer: &mut Writer<'_>, id: &str, operation: &Value) -> Result<(), Fault> {
    let mut verbs = operation.as_object().into_iter().flatten();
    let (Some((verb, value)), None) = (verbs.next(), verbs.next()) else {
        return Err(Fault::misuse("an operation is an object with one verb"));
    };
    match (id, verb.as_str()) {
        // Clears the parent of an issue that is not a sub-task.
        ("parent", "set") if value["none"] == true => writer.set(id, &Value::Null),
        (_, "set") => writer.set(id, value),
        ("labels", "add") => {
            let label = label(value)?;
            if !writer.issue.labels.contains(&label) {
                writer.issue.labels.push(label);
                writer.issue.labels.sort();
            }
            Ok(())
        }
        ("labels", "remove") => {
            let label = label(value)?;
            writer.issue.labels.retain(|known| *known != label);
            Ok(())
        }
        ("comment", "add") => check_document(&value["body"]),
        _ => Err(not_on_screen(id)),
    }
}
