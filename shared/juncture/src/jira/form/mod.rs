//! Forms: the fields of a screen, as the API describes them, and the values that a caller sends for them.

mod kind;
mod value;
mod values;
mod view;

use std::collections::BTreeMap;

use atlassian::lenient::id_of;
use atlassian::{IssueRef, IssueTypeId, ProjectId, ScreenField};
use base::display::shown;
use runtime::Field;
use serde_json::{Map, Value};

pub(super) use value::{is_date, issue as issue_reference, labels};
pub(super) use values::FieldValues;
pub use view::{FieldView, FormView};

use super::names::{MAX_NAME_SHOWN, is_same_name, listed};
use super::rich_text::{Change, RichText};
use super::site::ConnectedSite;
use crate::error::{Error, ErrorCode, Result};
use kind::{Kind, is_settable};
use value::Target;

/// The scope that a value of a sprint field requires.
const WRITE_SPRINTS: &str = "write:sprint:jira-software";

/// The field that `create-ticket` requires outside of `fields`.
const SUMMARY: &str = "summary";

/// The fields of a screen that can be given a value.
pub struct Form(Vec<FormField>);

/// What a form is filled in for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FormUse {
    /// To create an issue. Its summary is a field of the request itself.
    Create,
    /// To edit an issue, which keeps its values unless others are sent.
    Edit,
    /// To take an issue through a transition.
    Transition,
}

/// A field of a form.
struct FormField {
    id: String,
    name: String,
    kind: Kind,
    screen: ScreenField,
    used_for: FormUse,
}

impl Form {
    /// The form of a screen. A field without an id, and one that cannot be set, is left out.
    pub fn of(screen: Vec<ScreenField>, used_for: FormUse) -> Self {
        let field = |screen: ScreenField| {
            let id = screen.id.clone().filter(|_| is_settable(&screen))?;
            let name = screen.name.clone().unwrap_or_else(|| id.clone());
            Some(FormField { kind: Kind::of(&screen.schema), id, name, screen, used_for })
        };
        Self(screen.into_iter().filter_map(field).collect())
    }

    /// Leaves out fields that are given in other ways.
    fn without(mut self, ids: &[&str]) -> Self {
        self.0.retain(|field| !ids.contains(&field.id.as_str()));
        self
    }

    /// Finds a field by its id, or by its name in any case if only one field has it.
    fn find(&self, named: &str) -> Result<&FormField> {
        if let Some(field) = self.0.iter().find(|field| field.id == named) {
            return Ok(field);
        }
        // Jira keeps white space around a name, and nobody sees it.
        let is_same = |field: &&FormField| is_same_name(field.name.trim(), named.trim());
        let same: Vec<&FormField> = self.0.iter().filter(is_same).collect();
        match same[..] {
            [field] => Ok(field),
            [] => Err(self.unknown(named)),
            ref several => {
                let ids: Vec<&str> = several.iter().map(|field| field.id.as_str()).collect();
                Err(Error::bad_request(format!(
                    "fields: several fields have the name \"{}\". Use one of their ids: {}",
                    shown(named, MAX_NAME_SHOWN),
                    listed(&ids)
                )))
            }
        }
    }

    fn unknown(&self, named: &str) -> Error {
        let names: Vec<&str> = self.0.iter().map(|field| field.name.as_str()).collect();
        let has = if names.is_empty() { "no fields".to_owned() } else { listed(&names) };
        let named = shown(named, MAX_NAME_SHOWN);
        Error::bad_request(format!(
            "fields: \"{named}\" is not a field of this form, by id or by name. It has: {has}"
        ))
    }

    /// Whether the form has all of these fields, by id or by name.
    pub(super) fn has_all(&self, given: &Map<String, Value>) -> bool {
        given.keys().all(|name| self.find(name).is_ok())
    }

    /// The fields that have to be asked for and are not among those given.
    pub(super) fn missing(&self, given: &Map<String, Value>) -> Vec<&str> {
        let is_given = |field: &FormField| {
            given
                .iter()
                .any(|(name, value)| !value.is_null() && self.find(name).is_ok_and(|it| it.id == field.id))
        };
        self.0
            .iter()
            .filter(|field| field.must_ask() && !is_given(field))
            .map(|field| field.name.as_str())
            .collect()
    }

    /// Converts the values of `fields` in a request to Jira's format.
    ///
    /// # Errors
    /// 400 with the caller's name of the field and what it takes.
    pub(super) fn read(&self, given: Map<String, Value>) -> Result<FieldValues> {
        self.read_each(given).map_err(|error| error.logged_as("a value of fields does not fit the form"))
    }

    fn read_each(&self, given: Map<String, Value>) -> Result<FieldValues> {
        let mut read = FieldValues::default();
        for (named, value) in given {
            let field = self.find(&named)?;
            let name = format!("fields: \"{}\"", shown(&named, MAX_NAME_SHOWN));
            if read.has(&field.id) {
                return Err(Error::bad_request(format!("{name} is given twice, by id and by name")));
            }
            if field.kind == Kind::RichText {
                let text = RichText::change(Field::from(value), &name)?.unwrap_or(Change::Keep);
                read.texts.push((field.id.clone(), text));
            } else {
                read.values.insert(field.id.clone(), value::convert(&field.target(&name), value)?);
            }
        }
        Ok(read)
    }

    /// Like [`Self::read`], in Jira's format.
    pub fn convert(&self, given: Map<String, Value>) -> Result<Map<String, Value>> {
        Ok(self.read(given)?.into_fields())
    }

    /// Whether there is nothing to fill in.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The names of the fields, by id.
    pub(super) fn names(&self) -> FieldNames {
        let sprints = self.0.iter().filter(|field| field.kind == Kind::Sprint);
        FieldNames {
            sprints: sprints.map(|field| field.id.clone()).collect(),
            names: self.0.iter().map(|field| (field.id.clone(), field.name.clone())).collect(),
        }
    }

    /// The form as the API shows it.
    pub fn view(&self) -> FormView {
        FormView::of(&self.0)
    }
}

/// The names of a form's fields, by id.
#[derive(Debug, Clone, Default)]
pub(super) struct FieldNames {
    names: BTreeMap<String, String>,
    /// The ids of the fields that hold sprints.
    sprints: Vec<String>,
}

impl ConnectedSite<'_> {
    /// Adds to the error of a write what the form tells about it: the names of the fields that Jira rejected.
    ///
    /// If one of them is a sprint and the consent lacks the scope to write sprints, that is the reason, although Jira
    /// claims that the account lacks a permission.
    pub(super) fn explain_rejected_fields(&self, error: Error, form: &FieldNames) -> Error {
        let Some(mut details) = error.details().cloned() else { return error };
        let rejected: Vec<String> =
            details["fields"].as_object().into_iter().flat_map(Map::keys).cloned().collect();
        let granted = &self.session().granted_scopes;
        let cannot_write_sprints = granted.as_ref().is_some_and(|granted| !granted.contains(WRITE_SPRINTS));
        if cannot_write_sprints && rejected.iter().any(|id| form.sprints.contains(id)) {
            let cause = error.cause_chain().unwrap_or_default();
            return super::errors::lacks_scope(WRITE_SPRINTS).with_details(details).because(cause);
        }
        let name = |id: &String| Some((id.clone(), form.names.get(id)?.clone().into()));
        let names: Map<String, Value> = rejected.iter().filter_map(name).collect();
        if names.is_empty() {
            return error;
        }
        details["names"] = names.into();
        error.with_details(details)
    }
}

impl FormField {
    /// Whether people have to be asked for it: it is required, and has no value by itself. The reporter is the account
    /// itself if none is given.
    fn must_ask(&self) -> bool {
        self.is_required()
            && self.used_for != FormUse::Edit
            && self.screen.has_default_value != Some(true)
            && self.id != "reporter"
    }

    /// Whether null may be sent: it clears the value, or stands for the default one.
    fn may_be_null(&self) -> bool {
        if self.used_for == FormUse::Edit { !self.is_required() } else { !self.must_ask() }
    }

    fn is_required(&self) -> bool {
        self.screen.required == Some(true)
    }

    /// Whether its value is sent in `fields`.
    fn is_in_fields(&self) -> bool {
        self.used_for != FormUse::Create || self.id != SUMMARY
    }

    fn target<'a>(&'a self, name: &'a str) -> Target<'a> {
        let is_option = [&self.screen.schema.kind, &self.screen.schema.items]
            .into_iter()
            .any(|kind| matches!(kind.as_deref(), Some("option" | "option-with-child")));
        Target {
            kind: self.kind,
            allowed: self.screen.allowed_values.as_deref().filter(|allowed| !allowed.is_empty()),
            lookup: if is_option { "value" } else { "name" },
            name,
        }
    }
}

/// Parses `fields` of a request, an object by field id or name.
pub(super) fn fields_given(field: Field) -> Result<Map<String, Value>> {
    match field {
        Field::Absent | Field::Null => Ok(Map::new()),
        Field::Other(Value::Object(fields)) => Ok(fields),
        _ => Err(Error::bad_request(
            "fields must be an object of values by field id or name, such as {\"Severity\": \"Major\"}",
        )),
    }
}

impl ConnectedSite<'_> {
    /// The form for creating issues of a type, in one request per 200 fields.
    ///
    /// # Errors
    /// `jira_not_found` if the project or the type does not exist or is not visible, or the account may not create
    /// issues there.
    pub async fn create_form(&self, project: &ProjectId, issue_type: &IssueTypeId) -> Result<Form> {
        let screen =
            self.jira.create_screen(project, issue_type).await.map_err(|error| unknown(error.into()))?;
        if screen.is_empty() {
            return Err(unknown(Error::new(ErrorCode::JiraNotFound, "")));
        }
        Ok(Form::of(screen, FormUse::Create).without(&["project", "issuetype"]))
    }

    /// The form for editing an issue.
    ///
    /// # Errors
    /// `jira_not_found` if the issue does not exist or is not visible.
    pub async fn edit_form(&self, issue: &IssueRef) -> Result<Form> {
        Ok(Form::of(self.jira.edit_screen(issue).await?, FormUse::Edit))
    }

    /// Finds an issue type of a project by its name, in any case.
    ///
    /// # Errors
    /// 400 that lists the names, if none or several have it.
    pub async fn issue_type_named(&self, project: &ProjectId, name: &str) -> Result<IssueTypeId> {
        let types = self.jira.issue_types(project).await.map_err(|error| unknown(error.into()))?;
        let is_named = |it: &&atlassian::IssueType| {
            it.name.as_deref().is_some_and(|known| is_same_name(known, name.trim()))
        };
        let ids: Vec<&str> = types.iter().filter(is_named).filter_map(|it| it.id.as_deref()).collect();
        match ids[..] {
            [id] => Ok(IssueTypeId::parse(id)?),
            _ => {
                let names: Vec<&str> = types.iter().filter_map(|it| it.name.as_deref()).collect();
                let what = if ids.is_empty() {
                    "is not an issue type"
                } else {
                    "is the name of several issue types"
                };
                Err(Error::bad_request(format!(
                    "issue_type: \"{}\" {what} of this project. It has: {}",
                    shown(name, MAX_NAME_SHOWN),
                    listed(&names)
                ))
                .logged_as("issue_type is not the name of one issue type of the project"))
            }
        }
    }
}

/// Jira refuses an unknown project or issue type as an invalid request.
fn unknown(error: Error) -> Error {
    super::errors::missing(
        error,
        ErrorCode::JiraNotFound,
        "The project or issue type does not exist, or the connected account may not create issues there",
    )
}

/// The default value of a field in a readable form.
fn default_of(field: &FormField) -> Option<Value> {
    let value = &field.screen.default_value;
    (!value.is_null()).then(|| super::custom_field::readable(value))
}

/// The id of an allowed value.
fn option_id(value: &Value) -> Option<String> {
    id_of(&value["id"])
}

#[cfg(test)]
mod tests;
