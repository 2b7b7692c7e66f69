//! Sets an issue's fields, with Jira's error messages for invalid values.

use std::sync::Arc;

use axum::http::StatusCode;
use serde_json::{Map, Value, json};

use super::custom_fields::CustomWriter;
pub(super) use super::field_values::{FieldError, not_on_screen, reference};
use super::field_values::{check_document, label};
use super::refusal::Refusal;
use super::view::View;
use crate::world::tracker::Tracker;
use crate::world::tracker::agile::SprintState;
use crate::world::tracker::catalog::{
    self, COMPONENTS, Field, ISSUE_TYPES, IssueType, Kind, PRIORITIES, RESOLUTIONS, SEVERITIES, VERSIONS,
    find_field, part_id,
};
use crate::world::tracker::custom::find_custom;
use crate::world::tracker::issue::{Estimate, Issue};

const MAX_SUMMARY: usize = 255;

/// The errors of one request.
#[derive(Default)]
pub(super) struct FieldErrors {
    messages: Vec<String>,
    errors: Map<String, Value>,
    misuses: Vec<String>,
}

impl FieldErrors {
    pub(super) fn add(&mut self, field: &str, error: FieldError) {
        if error.misuse {
            self.misuses.push(format!("{field}: {}", error.text));
        }
        if error.general {
            // Jira says neither which field is wrong nor why.
            self.messages.push("INVALID_INPUT".to_owned());
        } else {
            self.errors.insert(field.to_owned(), error.text.into());
        }
    }

    /// Fails if there is any error.
    pub(super) fn refuse(self) -> Result<(), Refusal> {
        if self.messages.is_empty() && self.errors.is_empty() {
            return Ok(());
        }
        Err(Refusal {
            status: StatusCode::BAD_REQUEST,
            body: json!({ "errorMessages": self.messages, "errors": self.errors }),
            misuse: (!self.misuses.is_empty()).then(|| self.misuses.join("; ")),
        })
    }
}

/// Sets the fields of an issue.
pub(super) struct Writer<'a> {
    pub(super) view: &'a View,
    pub(super) tracker: &'a Tracker,
    pub(super) issue: &'a mut Issue,
}

impl Writer<'_> {
    /// Sets one field of the screen for creating or editing. The project cannot be set.
    pub(super) fn set(&mut self, id: &str, value: &Value) -> Result<(), FieldError> {
        if self.tracker.shape(self.issue.project).has_extra_field(id) {
            return self.set_extra(id, value);
        }
        let is_there =
            |field: &&Field| !matches!(field.kind, Kind::ReadOnly | Kind::Project | Kind::Resolution);
        if find_field(id).filter(is_there).is_none() {
            return Err(not_on_screen(id));
        }
        self.set_on_screen(id, value)
    }

    fn set_extra(&mut self, id: &str, value: &Value) -> Result<(), FieldError> {
        match optional_text(value)? {
            Some(text) => self.issue.custom.insert(id.to_owned(), text.into()),
            None => self.issue.custom.remove(id),
        };
        Ok(())
    }

    /// Checks that the fields that the project requires have a value after an edit or a create.
    pub(super) fn missing(&self, given: &Map<String, Value>, is_new: bool) -> Vec<(String, FieldError)> {
        let shape = self.tracker.shape(self.issue.project);
        let is_empty = |id: &String| match given.get(id) {
            None => is_new,
            Some(Value::Array(list)) => list.is_empty(),
            Some(value) => value.is_null(),
        };
        let missing = shape.required.iter().filter(|id| is_empty(id));
        let error = |id: &String| {
            let name = find_field(id).map_or(id.as_str(), |field| field.name);
            (id.clone(), FieldError::value(format!("{name} is required.")))
        };
        missing.map(error).collect()
    }

    /// Sets one field that is on the screen.
    pub(super) fn set_on_screen(&mut self, id: &str, value: &Value) -> Result<(), FieldError> {
        let Some(field) = find_field(id) else { return Err(not_on_screen(id)) };
        match field.kind {
            Kind::Text => self.set_text(id, value)?,
            Kind::Document => self.set_document(id, value)?,
            Kind::Date => {
                let date = optional_text(value)?;
                if date.as_deref().is_some_and(|date| !is_date(date)) {
                    return Err(FieldError::value(
                        "Invalid date format. Please enter the date in the format \"yyyy-MM-dd\".",
                    ));
                }
                *if id == "duedate" { &mut self.issue.due } else { &mut self.issue.inspected } = date;
            }
            Kind::Number => {
                let number = value.is_null() || value.is_number();
                self.issue.points = if number {
                    value.as_f64()
                } else {
                    return Err(FieldError::misuse("Operation value must be a number"));
                };
            }
            Kind::Labels => self.issue.labels = labels(value)?,
            Kind::IssueType => self.issue.issue_type = issue_type(value)?,
            Kind::Priority => {
                self.issue.priority = optional(value, |value| {
                    let (name, text) = reference(value, &["id", "name"])?;
                    let is =
                        |p: &&catalog::Priority| if name == "id" { p.id == text } else { p.name == text };
                    PRIORITIES
                        .iter()
                        .find(is)
                        .ok_or_else(|| FieldError::value("The priority selected is invalid."))
                })?;
            }
            Kind::User => {
                let account = optional(value, |value| self.account(value))?.flatten();
                *if id == "assignee" { &mut self.issue.assignee } else { &mut self.issue.reporter } = account;
            }
            Kind::Parent => {
                self.issue.parent = optional(value, |value| {
                    let (_, text) = reference(value, &["key", "id"])?;
                    let parent = self.tracker.find(&self.view.site.projects, text);
                    let parent = parent.filter(|parent| parent.id != self.issue.id);
                    parent
                        .map(|parent| parent.id)
                        .ok_or_else(|| FieldError::value("Could not find issue by id or key."))
                })?;
            }
            Kind::Parts => {
                let names = if id == "components" { COMPONENTS } else { VERSIONS };
                let parts = parts(value, self.issue.project, &names)?;
                match id {
                    "components" => self.issue.components = parts,
                    "fixVersions" => self.issue.fix_versions = parts,
                    _ => self.issue.versions = parts,
                }
            }
            Kind::TimeTracking => self.issue.estimate = estimate(value, self.issue.estimate)?,
            Kind::Choice => {
                self.issue.severity = optional(value, |value| {
                    let (name, text) = reference(value, &["id", "value"])?;
                    let is = |index: usize| {
                        if name == "id" { (10_100 + index).to_string() } else { SEVERITIES[index].to_owned() }
                    };
                    let found = (0..SEVERITIES.len()).find(|&index| is(index) == text);
                    found.ok_or_else(|| FieldError::value(format!("Specify a valid '{name}' for Severity")))
                })?;
            }
            Kind::Sprint => self.set_sprint(value)?,
            Kind::Resolution => {
                let (name, text) = reference(value, &["id", "name"])?;
                let is = |index: &usize| {
                    if name == "id" {
                        (10_000 + index).to_string() == text
                    } else {
                        RESOLUTIONS[*index] == text
                    }
                };
                let found = (0..RESOLUTIONS.len()).find(is);
                let unknown = || FieldError::value(format!("Resolution {name} '{text}' is not valid"));
                self.issue.resolution = Some(found.ok_or_else(unknown)?);
            }
            Kind::Custom => {
                let Some(field) = find_custom(id) else { return Err(not_on_screen(id)) };
                let writer = CustomWriter { view: self.view, project: self.issue.project, field };
                match writer.value(value)? {
                    Some(value) => self.issue.custom.insert(id.to_owned(), value),
                    None => self.issue.custom.remove(id),
                };
            }
            Kind::ReadOnly | Kind::Project => return Err(not_on_screen(id)),
        }
        Ok(())
    }

    /// Without the scope to write sprints, Jira claims that the account lacks a permission. Closed sprints stay.
    fn set_sprint(&mut self, value: &Value) -> Result<(), FieldError> {
        if !self.view.scopes.contains("write:sprint:jira-software") {
            return Err(FieldError::value(
                "We couldn't make that happen because you don't have Schedule Issues permission.",
            ));
        }
        let sprint = optional(value, |value| {
            let id = value
                .as_u64()
                .ok_or_else(|| FieldError::misuse("Number value expected as the Sprint id."))?;
            let sprint = self.tracker.sprints.get(&id).filter(|sprint| sprint.state != SprintState::Closed);
            sprint.ok_or_else(|| FieldError::value("Issue can be assigned only active or future sprints."))
        })?;
        let is_closed =
            |id: &u64| self.tracker.sprints.get(id).is_some_and(|sprint| sprint.state == SprintState::Closed);
        self.issue.sprints.retain(is_closed);
        self.issue.sprints.extend(sprint.map(|sprint| sprint.id));
        Ok(())
    }

    fn set_text(&mut self, id: &str, value: &Value) -> Result<(), FieldError> {
        let text = optional_text(value)?;
        if id != "summary" {
            self.issue.berth = text;
            return Ok(());
        }
        let summary = text.unwrap_or_default();
        if summary.trim().is_empty() {
            return Err(FieldError::value("You must specify a summary of the issue."));
        }
        if summary.contains(['\n', '\r']) {
            return Err(FieldError::value("The summary is invalid because it contains newline characters."));
        }
        if summary.chars().count() > MAX_SUMMARY {
            return Err(FieldError::value("Summary can't exceed 255 characters."));
        }
        self.issue.summary = summary.trim().to_owned();
        Ok(())
    }

    fn set_document(&mut self, id: &str, value: &Value) -> Result<(), FieldError> {
        let document = optional(value, |value| {
            check_document(value)?;
            Ok(value.to_string().into())
        })?;
        *if id == "description" { &mut self.issue.description } else { &mut self.issue.environment } =
            document;
        Ok(())
    }

    /// The key of an account that is a member of the site; `-1` means the project's default assignee, which is nobody.
    fn account(&self, value: &Value) -> Result<Option<Arc<str>>, FieldError> {
        let (_, id) = reference(value, &["accountId", "id"])?;
        if id == "-1" {
            return Ok(None);
        }
        let account = self.view.accounts.iter().find(|account| account.account_id == id);
        let account = account.filter(|account| account.sites.contains(&self.view.site.key));
        let account =
            account.ok_or_else(|| FieldError::value(format!("User '{id}' cannot be assigned issues.")))?;
        Ok(Some(account.key.as_str().into()))
    }
}

fn issue_type(value: &Value) -> Result<&'static IssueType, FieldError> {
    let (name, text) = reference(value, &["id", "name"])?;
    let is = |t: &&IssueType| if name == "id" { t.id == text } else { t.name == text };
    ISSUE_TYPES.iter().find(is).ok_or_else(|| FieldError::value("Specify a valid issue type"))
}

fn optional<T>(
    value: &Value,
    read: impl FnOnce(&Value) -> Result<T, FieldError>,
) -> Result<Option<T>, FieldError> {
    if value.is_null() { Ok(None) } else { read(value).map(Some) }
}

fn optional_text(value: &Value) -> Result<Option<String>, FieldError> {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    optional(value, |value| text(value).ok_or_else(|| FieldError::misuse("Operation value must be a string")))
}

fn is_date(text: &str) -> bool {
    let number = |range: std::ops::Range<usize>| text.get(range).and_then(|part| part.parse::<u8>().ok());
    text.len() == 10
        && text
            .bytes()
            .enumerate()
            .all(|(at, byte)| if at == 4 || at == 7 { byte == b'-' } else { byte.is_ascii_digit() })
        && number(5..7).is_some_and(|month| (1..=12).contains(&month))
        && number(8..10).is_some_and(|day| (1..=31).contains(&day))
}

/// Sorts and deduplicates labels.
fn labels(value: &Value) -> Result<Vec<String>, FieldError> {
    let list = match value {
        Value::Null => return Ok(Vec::new()),
        Value::Array(list) => list,
        _ => return Err(FieldError::misuse("data was not an array")),
    };
    let mut labels = list.iter().map(label).collect::<Result<Vec<_>, _>>()?;
    labels.sort();
    labels.dedup();
    Ok(labels)
}

fn parts(value: &Value, project: u64, names: &[&str]) -> Result<Vec<usize>, FieldError> {
    let list = value.as_array().ok_or_else(|| FieldError::misuse("data was not an array"))?;
    let position = |value: &Value| {
        let (name, text) = reference(value, &["id", "name"])?;
        let is = |index: &usize| {
            if name == "id" { part_id(project, *index) == text } else { names[*index] == text }
        };
        (0..names.len()).find(is).ok_or_else(|| FieldError::value(format!("'{text}' is not valid")))
    };
    list.iter().map(position).collect()
}

fn estimate(value: &Value, before: Estimate) -> Result<Estimate, FieldError> {
    let mut estimate = before;
    for (name, value) in value.as_object().ok_or_else(|| FieldError::misuse("data was not an object"))? {
        let time = optional_text(value)?;
        let invalid = || FieldError::value("Time Tracking can not be set: Estimate is invalid");
        let time = time.map(|text| seconds(&text).ok_or_else(invalid)).transpose()?;
        match name.as_str() {
            "originalEstimate" => estimate.original = time,
            "remainingEstimate" => estimate.remaining = time,
            _ => return Err(FieldError::misuse(format!("'{name}' can't be set"))),
        }
    }
    Ok(estimate)
}

/// Parses a duration such as `1w 2d 3h 4m`, in working time.
fn seconds(text: &str) -> Option<u64> {
    let mut total = 0;
    for part in text.split_whitespace() {
        let number: u64 = part.get(..part.len().checked_sub(1)?)?.parse().ok()?;
        total += number
            * match part.chars().last()? {
                'w' => 5 * 8 * 3600,
                'd' => 8 * 3600,
                'h' => 3600,
                'm' => 60,
                _ => return None,
            };
    }
    Some(total)
}
