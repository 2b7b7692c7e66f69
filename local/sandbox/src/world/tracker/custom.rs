//! The custom fields of every site, one of each type, with the types and type names of Jira's own
//! (<https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-issues/>).

/// How a value is written and stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    Line,
    Document,
    Url,
    Moment,
    /// One of the options.
    Option,
    Options,
    /// An option of a list with options below it.
    Cascade,
    User,
    Users,
    Group,
    Groups,
    Labels,
    Version,
    Versions,
    /// A bare string.
    Team,
    /// Of an app: a list of objects.
    Objects,
    ReadOnly,
}

pub(crate) struct CustomField {
    pub(crate) id: &'static str,
    pub(crate) form: Form,
    /// The type, the type of the items of a list, and the name of the custom type.
    pub(crate) schema: (&'static str, Option<&'static str>, &'static str),
    /// Names of the options.
    pub(crate) options: &'static [&'static str],
}

const JIRA: &str = "com.atlassian.jira.plugin.system.customfieldtypes:";

const fn custom(
    id: &'static str,
    form: Form,
    kind: &'static str,
    items: Option<&'static str>,
    custom: &'static str,
    options: &'static [&'static str],
) -> CustomField {
    CustomField { id, form, schema: (kind, items, custom), options }
}

pub(crate) static CUSTOM_FIELDS: [CustomField; 20] = [
    custom("customfield_10040", Form::Document, "string", None, "textarea", &[]),
    custom("customfield_10041", Form::Url, "string", None, "url", &[]),
    custom("customfield_10043", Form::Moment, "datetime", None, "datetime", &[]),
    custom("customfield_10044", Form::Option, "option", None, "radiobuttons", &["Port", "Starboard"]),
    custom(
        "customfield_10045",
        Form::Options,
        "array",
        Some("option"),
        "multicheckboxes",
        &["Fire", "Flood", "Fog"],
    ),
    custom(
        "customfield_10046",
        Form::Options,
        "array",
        Some("option"),
        "multiselect",
        &["Grain", "Timber", "Tea"],
    ),
    custom(
        "customfield_10047",
        Form::Cascade,
        "option-with-child",
        None,
        "cascadingselect",
        &["Hull", "Deck"],
    ),
    custom("customfield_10048", Form::User, "user", None, "userpicker", &[]),
    custom("customfield_10049", Form::Users, "array", Some("user"), "multiuserpicker", &[]),
    custom("customfield_10050", Form::Group, "group", None, "grouppicker", &[]),
    custom("customfield_10051", Form::Groups, "array", Some("group"), "multigrouppicker", &[]),
    custom("customfield_10052", Form::Labels, "array", Some("string"), "labels", &[]),
    custom("customfield_10053", Form::Version, "version", None, "version", &[]),
    custom("customfield_10054", Form::Versions, "array", Some("version"), "multiversion", &[]),
    custom("customfield_10055", Form::Team, "team", None, "atlassian-team", &[]),
    custom(
        "customfield_10056",
        Form::Objects,
        "array",
        Some("cmdb-object-field"),
        "com.example.assets:object",
        &[],
    ),
    custom("customfield_10057", Form::ReadOnly, "string", None, "readonlyfield", &[]),
    // Two fields with one name, as team-managed projects make them.
    custom("customfield_10058", Form::Line, "string", None, "textfield", &[]),
    custom("customfield_10059", Form::Line, "string", None, "textfield", &[]),
    custom("security", Form::Option, "securitylevel", None, "", &["Crew only", "Officers only"]),
];

/// The options below each option of a cascading field.
pub(crate) const BELOW: [&[&str]; 2] = [&["Keel", "Bow"], &["Fore", "Aft"]];

/// The groups of every site.
pub(crate) const GROUPS: [&str; 2] = ["crew", "officers"];

impl CustomField {
    /// The name of the custom type; none for a field of the system.
    pub(crate) fn custom_type(&self) -> Option<String> {
        let (_, _, custom) = self.schema;
        match custom {
            "" => None,
            of_an_app if of_an_app.contains(':') => Some(of_an_app.to_owned()),
            own => Some(format!("{JIRA}{own}")),
        }
    }

    /// The id of an option.
    pub(crate) fn option_id(&self, index: usize) -> String {
        let number = self.id.strip_prefix("customfield_").unwrap_or("10039");
        format!("{number}{index:02}")
    }

    /// The id of an option below another one.
    pub(crate) fn child_id(&self, parent: usize, index: usize) -> String {
        format!("{}{index}", self.option_id(parent))
    }
}

pub(crate) fn find_custom(id: &str) -> Option<&'static CustomField> {
    CUSTOM_FIELDS.iter().find(|field| field.id == id)
}
