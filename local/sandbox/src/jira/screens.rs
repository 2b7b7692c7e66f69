//! Screens: the description of each field for those who fill it in.
//! See <https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-issues/>.

use serde_json::{Map, Value, json};

use super::objects;
use super::view::View;
use crate::world::directory::Project;
use crate::world::tracker::catalog::{
    BERTH, COMPONENTS, FIELDS, Field, INSPECTED, ISSUE_TYPES, IssueType, Kind, PRIORITIES, RESOLUTIONS,
    SEVERITIES, SEVERITY, SPRINT, STORY_POINTS, VERSIONS,
};
use crate::world::tracker::custom::{BELOW, CustomField, Form, find_custom};
use crate::world::tracker::shape::ProjectShape;

/// A project's screens.
pub(super) struct Screens<'a> {
    pub(super) view: &'a View,
    pub(super) project: &'a Project,
    pub(super) shape: ProjectShape,
}

const JIRA: &str = "com.atlassian.jira.plugin.system.customfieldtypes";

impl Screens<'_> {
    /// The fields of the screen on which issues of a type are created.
    pub(super) fn create(&self, issue_type: &IssueType) -> Vec<Value> {
        let writable = FIELDS.iter().filter(|field| !matches!(field.kind, Kind::ReadOnly | Kind::Resolution));
        let fields = writable.map(|field| self.describe(field, issue_type));
        let mut fields: Vec<Value> = fields.chain(self.extra()).collect();
        for field in &mut fields {
            field["fieldId"] = field["key"].clone();
        }
        fields
    }

    /// The fields of the screen on which an issue is edited, by id. The type cannot be changed there.
    pub(super) fn edit(&self, issue_type: &IssueType) -> Map<String, Value> {
        let is_writable =
            |field: &&Field| !matches!(field.kind, Kind::ReadOnly | Kind::Resolution | Kind::Project);
        let fields = FIELDS.iter().filter(is_writable).map(|field| {
            let mut described = self.describe(field, issue_type);
            if field.kind == Kind::IssueType {
                described["operations"] = json!([]);
            }
            described
        });
        by_id(fields.chain(self.extra()))
    }

    /// Some fields, by id, and whether each is required.
    pub(super) fn of(&self, ids: &[(&str, bool)], issue_type: &IssueType) -> Map<String, Value> {
        by_id(ids.iter().filter_map(|(id, required)| {
            let field = FIELDS.iter().find(|field| field.id == *id)?;
            let mut described = self.describe(field, issue_type);
            described["required"] = (*required).into();
            Some(described)
        }))
    }

    /// The text fields that only some projects have.
    fn extra(&self) -> impl Iterator<Item = Value> {
        (0..self.shape.extra_fields).map(|number| {
            let id = ProjectShape::extra_field(number);
            let schema = json!({ "type": "string", "custom": format!("{JIRA}:textfield"), "customId": 20_000 + number });
            json!({
                "key": id, "name": format!("Extra {number}"), "required": self.shape.requires(&id),
                "hasDefaultValue": false, "schema": schema, "operations": ["set"],
            })
        })
    }

    fn describe(&self, field: &Field, issue_type: &IssueType) -> Value {
        let required = ["project", "issuetype", "summary", "reporter"].contains(&field.id)
            || field.id == "parent" && issue_type.is_subtask()
            || self.shape.requires(field.id);
        let schema = schema(field);
        let is_list = schema["type"] == "array" && field.kind != Kind::Sprint;
        let has_default = matches!(field.kind, Kind::Priority) || field.id == "reporter";
        let mut body = json!({
            "key": field.id,
            "name": field.name,
            "required": required,
            "hasDefaultValue": has_default,
            "schema": schema,
            "operations": if is_list { json!(["add", "set", "remove"]) } else { json!(["set"]) },
        });
        if let Some(allowed) = self.allowed(field, issue_type) {
            body["allowedValues"] = allowed;
        }
        if field.kind == Kind::Priority {
            body["defaultValue"] = objects::priority(self.view, &PRIORITIES[2]);
        }
        if field.kind == Kind::User {
            body["autoCompleteUrl"] =
                format!("{}/rest/api/3/user/search?query=", self.view.site.url()).into();
        }
        body
    }

    fn allowed(&self, field: &Field, issue_type: &IssueType) -> Option<Value> {
        let view = self.view;
        let parts = |kind: &str, names: &[&str]| -> Value {
            (0..names.len()).map(|index| objects::part(view, self.project.id, index, kind, names)).collect()
        };
        Some(match field.kind {
            Kind::Priority => PRIORITIES.iter().map(|priority| objects::priority(view, priority)).collect(),
            Kind::IssueType => ISSUE_TYPES
                .iter()
                .filter(|known| known.is_subtask() == issue_type.is_subtask())
                .map(|known| objects::issue_type(view, known))
                .collect(),
            Kind::Resolution => {
                (0..RESOLUTIONS.len()).map(|index| objects::resolution(view, index)).collect()
            }
            Kind::Choice => (0..SEVERITIES.len()).map(|index| objects::severity(view, index)).collect(),
            Kind::Parts if field.id == "components" => parts("component", &COMPONENTS),
            Kind::Parts => parts("version", &VERSIONS),
            Kind::Custom => {
                let custom = find_custom(field.id)?;
                match custom.form {
                    Form::Option | Form::Options => {
                        (0..custom.options.len()).map(|index| option(view, custom, index)).collect()
                    }
                    Form::Cascade => {
                        (0..custom.options.len()).map(|index| cascade(view, custom, index)).collect()
                    }
                    Form::Version | Form::Versions => parts("version", &VERSIONS),
                    _ => return None,
                }
            }
            _ => return None,
        })
    }
}

fn by_id(fields: impl Iterator<Item = Value>) -> Map<String, Value> {
    fields.filter_map(|field| Some((field["key"].as_str()?.to_owned(), field))).collect()
}

/// An option of a custom field, or a security level.
pub(super) fn option(view: &View, field: &CustomField, index: usize) -> Value {
    let (id, name) = (field.option_id(index), field.options.get(index));
    match field.schema {
        ("securitylevel", ..) => {
            json!({ "self": view.link(&format!("securitylevel/{id}")), "id": id, "description": "", "name": name })
        }
        _ => json!({ "self": view.link(&format!("customFieldOption/{id}")), "value": name, "id": id }),
    }
}

/// An option below another one.
pub(super) fn child(view: &View, field: &CustomField, parent: usize, index: usize) -> Value {
    let id = field.child_id(parent, index);
    let name = BELOW.get(parent).and_then(|below| below.get(index));
    json!({ "self": view.link(&format!("customFieldOption/{id}")), "value": name, "id": id })
}

fn cascade(view: &View, field: &CustomField, index: usize) -> Value {
    let mut body = option(view, field, index);
    let below = BELOW.get(index).map_or(0, |below| below.len());
    body["children"] = (0..below).map(|below| child(view, field, index, below)).collect();
    body
}

/// The type of a field's values.
fn schema(field: &Field) -> Value {
    let (kind, items, custom): (&str, Option<&str>, Option<String>) = match field.kind {
        Kind::Document | Kind::Text | Kind::ReadOnly => ("string", None, own(field.id, BERTH, "textfield")),
        Kind::Date => ("date", None, own(field.id, INSPECTED, "datepicker")),
        Kind::Number => ("number", None, own(field.id, STORY_POINTS, "float")),
        Kind::Labels => ("array", Some("string"), None),
        Kind::Project => ("project", None, None),
        Kind::IssueType => ("issuetype", None, None),
        Kind::Priority => ("priority", None, None),
        Kind::User => ("user", None, None),
        Kind::Parent => ("issuelink", None, None),
        Kind::Parts if field.id == "components" => ("array", Some("component"), None),
        Kind::Parts => ("array", Some("version"), None),
        Kind::TimeTracking => ("timetracking", None, None),
        Kind::Choice => ("option", None, own(field.id, SEVERITY, "select")),
        Kind::Sprint if field.id == SPRINT => {
            ("array", Some("json"), Some("com.pyxis.greenhopper.jira:gh-sprint".to_owned()))
        }
        Kind::Sprint => ("array", Some("json"), None),
        Kind::Resolution => ("resolution", None, None),
        Kind::Custom => match find_custom(field.id) {
            Some(custom) => (custom.schema.0, custom.schema.1, custom.custom_type()),
            None => ("any", None, None),
        },
    };
    let mut schema = json!({ "type": kind });
    match (field.id.strip_prefix("customfield_"), custom) {
        (Some(number), custom) => {
            schema["custom"] = custom.into();
            schema["customId"] = number.parse::<u64>().unwrap_or_default().into();
        }
        (None, _) => schema["system"] = field.id.into(),
    }
    if let Some(items) = items {
        schema["items"] = items.into();
    }
    schema
}

fn own(id: &str, custom: &str, name: &str) -> Option<String> {
    (id == custom).then(|| format!("{JIRA}:{name}"))
}
