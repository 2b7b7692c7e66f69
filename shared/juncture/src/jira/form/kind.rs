//! What the values of a field are, and the JSON that a caller sends for them.

use atlassian::{FieldSchema, ScreenField};
use serde_json::{Value, json};

/// The kind of a field's values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// One line of text.
    Text,
    /// Text with formatting, which Jira stores as an ADF document.
    RichText,
    Url,
    Number,
    /// A day.
    Date,
    /// A day and a time.
    DateTime,
    /// One of the allowed values: an option, a priority, a version and so on.
    Choice,
    /// Some of the allowed values.
    Choices,
    /// An option, and possibly one of the options below it.
    Cascade,
    User,
    Users,
    Group,
    Groups,
    Labels,
    /// Another issue: the parent.
    Issue,
    /// The estimates.
    TimeTracking,
    Sprint,
    Team,
    /// Anything else, which passes as the JSON that was sent.
    Other,
}

/// The custom fields of Jira itself, after their prefix.
const CUSTOM: &str = "com.atlassian.jira.plugin.system.customfieldtypes:";

impl Kind {
    /// The kind of a screen's field
    /// (<https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-issues/#api-rest-api-3-issue-createmeta-projectidorkey-issuetypes-issuetypeid-get>).
    /// A type that is not known is [`Kind::Other`].
    pub(super) fn of(schema: &FieldSchema) -> Self {
        let custom = schema.custom.as_deref().unwrap_or_default();
        match custom {
            "com.pyxis.greenhopper.jira:gh-sprint" => return Self::Sprint,
            "com.atlassian.teams:rm-teams-custom-field-team" => return Self::Team,
            _ => {}
        }
        let known = custom.strip_prefix(CUSTOM);
        let is_known = |names: &[&str]| custom.is_empty() || known.is_some_and(|it| names.contains(&it));
        match (schema.kind.as_deref().unwrap_or_default(), schema.items.as_deref()) {
            _ if known == Some("atlassian-team") => Self::Team,
            ("string", _) if known == Some("textarea") => Self::RichText,
            ("string", _) if matches!(schema.system.as_deref(), Some("description" | "environment")) => {
                Self::RichText
            }
            ("string", _) if known == Some("url") => Self::Url,
            ("string", _) if is_known(&["textfield"]) => Self::Text,
            ("number", _) => Self::Number,
            ("date", _) => Self::Date,
            ("datetime", _) => Self::DateTime,
            ("option", _) if is_known(&["select", "radiobuttons"]) => Self::Choice,
            ("option-with-child", _) => Self::Cascade,
            ("priority" | "issuetype" | "project" | "securitylevel" | "resolution" | "version", _) => {
                Self::Choice
            }
            ("user", _) => Self::User,
            ("group", _) => Self::Group,
            ("array", Some("option")) if is_known(&["multiselect", "multicheckboxes"]) => Self::Choices,
            ("array", Some("component" | "version")) => Self::Choices,
            ("array", Some("user")) => Self::Users,
            ("array", Some("group")) => Self::Groups,
            ("array", Some("string")) if is_known(&["labels"]) => Self::Labels,
            ("issuelink", _) => Self::Issue,
            ("timetracking", _) => Self::TimeTracking,
            _ => Self::Other,
        }
    }

    /// The name of the kind in the API.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::RichText => "rich_text",
            Self::Url => "url",
            Self::Number => "number",
            Self::Date => "date",
            Self::DateTime => "date_time",
            Self::Choice => "choice",
            Self::Choices => "choices",
            Self::Cascade => "cascade",
            Self::User => "user",
            Self::Users => "users",
            Self::Group => "group",
            Self::Groups => "groups",
            Self::Labels => "labels",
            Self::Issue => "issue",
            Self::TimeTracking => "time_tracking",
            Self::Sprint => "sprint",
            Self::Team => "team",
            Self::Other => "other",
        }
    }

    /// Whether an empty list clears the field, rather than null.
    pub(super) fn is_list(self) -> bool {
        matches!(self, Self::Choices | Self::Users | Self::Groups | Self::Labels)
    }

    /// The endpoint that finds values of this kind, if there is one.
    pub(super) fn searched_with(self) -> Option<&'static str> {
        match self {
            Self::User | Self::Users => Some("search-users"),
            Self::Issue => Some("search-tickets"),
            Self::Sprint => Some("get-all-sprints-for-project"),
            _ => None,
        }
    }

    /// What a caller sends, in words, for error messages: "must be …".
    pub(super) fn takes(self) -> &'static str {
        match self {
            Self::Text => "a string of one line, at most 255 characters",
            Self::RichText => "a string of Markdown, or an ADF document as a JSON object",
            Self::Url => "an absolute URL, such as https://example.com",
            Self::Number => "a number",
            Self::Date => "a date, such as 2026-11-30",
            Self::DateTime => "a date and time with an offset, such as 2026-11-30T09:00:00Z",
            Self::Choice => "one of the allowed values, by name or id",
            Self::Choices => "a list of allowed values, by name or id",
            Self::Cascade => "one of the allowed values, or one below it as \"Parent > Child\"",
            Self::User => "the account id of a user",
            Self::Users => "a list of account ids",
            Self::Group => "the name of a group",
            Self::Groups => "a list of names of groups",
            Self::Labels => "a list of strings without spaces",
            Self::Issue => "the id or key of an issue",
            Self::TimeTracking => {
                "an object with originalEstimate and remainingEstimate in Jira's notation, such as \"1d 4h\""
            }
            Self::Sprint => "the id of a sprint, a number",
            Self::Team => "the id of a team, a UUID",
            Self::Other => "the JSON that Jira expects",
        }
    }

    /// The JSON Schema of the values, without the allowed values.
    pub(super) fn json_schema(self) -> Value {
        let list = |item: Value| json!({ "type": "array", "items": item });
        match self {
            Self::Text => json!({ "type": "string", "maxLength": 255 }),
            Self::RichText => json!({ "type": ["string", "object"] }),
            Self::Url => json!({ "type": "string", "format": "uri" }),
            Self::Number => json!({ "type": "number" }),
            Self::Date => json!({ "type": "string", "format": "date" }),
            Self::DateTime => json!({ "type": "string", "format": "date-time" }),
            Self::Choice | Self::Cascade | Self::User | Self::Group | Self::Issue => {
                json!({ "type": "string" })
            }
            Self::Choices | Self::Users | Self::Groups => list(json!({ "type": "string" })),
            Self::Labels => list(json!({ "type": "string", "pattern": "^\\S{1,255}$" })),
            Self::TimeTracking => json!({
                "type": "object",
                "properties": {
                    "originalEstimate": { "type": "string" },
                    "remainingEstimate": { "type": "string" },
                },
                "additionalProperties": false,
            }),
            Self::Sprint => json!({ "type": "integer" }),
            Self::Team => json!({ "type": "string", "format": "uuid" }),
            Self::Other => json!({}),
        }
    }
}

/// Whether a field can be given a value on its screen. Attachments, comments and links are written in other ways, and
/// some custom fields are only shown.
pub(super) fn is_settable(field: &ScreenField) -> bool {
    let custom = field.schema.custom.as_deref().unwrap_or_default();
    let is_read_only = matches!(custom.strip_prefix(CUSTOM), Some("readonlyfield" | "importid"))
        || custom == "com.pyxis.greenhopper.jira:gh-lexo-rank"
        || field.schema.system.as_deref() == Some("attachment");
    !is_read_only && field.operations.iter().any(|operation| operation == "set")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(kind: &str, items: &str, system: &str, custom: &str) -> Kind {
        let text = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        let custom = match custom {
            "" => None,
            full if full.contains('.') => Some(full.to_owned()),
            short => Some(format!("{CUSTOM}{short}")),
        };
        Kind::of(&FieldSchema { kind: text(kind), items: text(items), system: text(system), custom })
    }

    #[test]
    fn every_type_of_jira_has_a_kind() {
        for (schema, expected) in [
            (("string", "", "summary", ""), Kind::Text),
            (("string", "", "", "textfield"), Kind::Text),
            (("string", "", "description", ""), Kind::RichText),
            (("string", "", "environment", ""), Kind::RichText),
            (("string", "", "", "textarea"), Kind::RichText),
            (("string", "", "", "url"), Kind::Url),
            (("number", "", "", "float"), Kind::Number),
            (("date", "", "duedate", ""), Kind::Date),
            (("date", "", "", "datepicker"), Kind::Date),
            (("datetime", "", "", "datetime"), Kind::DateTime),
            (("option", "", "", "select"), Kind::Choice),
            (("option", "", "", "radiobuttons"), Kind::Choice),
            (("array", "option", "", "multiselect"), Kind::Choices),
            (("array", "option", "", "multicheckboxes"), Kind::Choices),
            (("option-with-child", "", "", "cascadingselect"), Kind::Cascade),
            (("user", "", "assignee", ""), Kind::User),
            (("user", "", "", "userpicker"), Kind::User),
            (("array", "user", "", "multiuserpicker"), Kind::Users),
            (("array", "user", "", "people"), Kind::Users),
            (("group", "", "", "grouppicker"), Kind::Group),
            (("array", "group", "", "multigrouppicker"), Kind::Groups),
            (("array", "string", "labels", ""), Kind::Labels),
            (("array", "string", "", "labels"), Kind::Labels),
            (("array", "component", "components", ""), Kind::Choices),
            (("array", "version", "fixVersions", ""), Kind::Choices),
            (("array", "version", "", "multiversion"), Kind::Choices),
            (("version", "", "", "version"), Kind::Choice),
            (("priority", "", "priority", ""), Kind::Choice),
            (("securitylevel", "", "security", ""), Kind::Choice),
            (("resolution", "", "resolution", ""), Kind::Choice),
            (("issuelink", "", "parent", ""), Kind::Issue),
            (("timetracking", "", "timetracking", ""), Kind::TimeTracking),
            (("array", "json", "", "com.pyxis.greenhopper.jira:gh-sprint"), Kind::Sprint),
            (("team", "", "", "atlassian-team"), Kind::Team),
            (("any", "", "", "com.atlassian.teams:rm-teams-custom-field-team"), Kind::Team),
            (("array", "string", "", "com.example.app:tags"), Kind::Other),
            (("string", "", "", "com.example.app:text"), Kind::Other),
            (("any", "", "", "com.pyxis.greenhopper.jira:gh-epic-link"), Kind::Other),
            (("array", "cmdb-object-field", "", "com.example.app:objects"), Kind::Other),
            (("", "", "", ""), Kind::Other),
        ] {
            let (name, items, system, custom) = schema;
            assert_eq!(kind(name, items, system, custom), expected, "{schema:?}");
        }
    }
}
