//! What a screen asks for: the issue types of a project, and the fields of its create and edit screens.
//!
//! <https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-issues/#api-rest-api-3-issue-createmeta-projectidorkey-issuetypes-get>

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer};
use serde_json::Value;

use crate::call::Call;
use crate::client::{JiraSite, Result};
use crate::ids::{IssueRef, IssueTypeId, ProjectId};
use crate::lenient;
use crate::reach::Subject;
use crate::scopes::READ;

/// The largest page that Jira returns of these lists.
const PAGE_SIZE: usize = 200;

/// An issue type that the account may create in a project.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct IssueType {
    /// The numeric id.
    #[serde(deserialize_with = "lenient::id")]
    pub id: Option<String>,
    /// The name.
    #[serde(deserialize_with = "lenient::text")]
    pub name: Option<String>,
    /// The description.
    #[serde(deserialize_with = "lenient::text")]
    pub description: Option<String>,
    /// The URL of the icon.
    #[serde(deserialize_with = "lenient::text")]
    pub icon_url: Option<String>,
    /// Whether issues of this type are subtasks, which need a parent.
    #[serde(deserialize_with = "lenient::flag")]
    pub subtask: Option<bool>,
    /// 1 for epics, 0 for the standard types, -1 for subtasks.
    #[serde(deserialize_with = "lenient::integer")]
    pub hierarchy_level: Option<i64>,
}

/// A field of a screen.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct ScreenField {
    /// The id: `summary`, `customfield_10031`. Jira's edit and transition screens have it only as the name of the
    /// object that this is, see [`Screen`].
    #[serde(rename = "fieldId", deserialize_with = "lenient::text")]
    pub id: Option<String>,
    /// The same on some screens.
    #[serde(deserialize_with = "lenient::text")]
    key: Option<String>,
    /// The name on the site, which need not be unique.
    #[serde(deserialize_with = "lenient::text")]
    pub name: Option<String>,
    /// Whether it must have a value.
    #[serde(deserialize_with = "lenient::flag")]
    pub required: Option<bool>,
    /// Whether it has a value if none is sent.
    #[serde(deserialize_with = "lenient::flag")]
    pub has_default_value: Option<bool>,
    /// That value, in Jira's format.
    pub default_value: Value,
    /// What an edit may do: `set`, `add`, `remove`.
    #[serde(deserialize_with = "lenient::texts")]
    pub operations: Vec<String>,
    /// What its values are.
    #[serde(deserialize_with = "lenient_schema")]
    pub schema: FieldSchema,
    /// The values to choose from, unless there are too many or they are searched for.
    #[serde(deserialize_with = "list")]
    pub allowed_values: Option<Vec<Value>>,
}

/// What the values of a field are.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct FieldSchema {
    /// `string`, `number`, `array`, `option`, `user` and so on.
    #[serde(rename = "type", deserialize_with = "lenient::text")]
    pub kind: Option<String>,
    /// The type of a list's items.
    #[serde(deserialize_with = "lenient::text")]
    pub items: Option<String>,
    /// The name of a field that every site has.
    #[serde(deserialize_with = "lenient::text")]
    pub system: Option<String>,
    /// The type of a custom field: `com.atlassian.jira.plugin.system.customfieldtypes:select`.
    #[serde(deserialize_with = "lenient::text")]
    pub custom: Option<String>,
}

fn lenient_schema<'de, D: Deserializer<'de>>(from: D) -> std::result::Result<FieldSchema, D::Error> {
    Ok(lenient::object(from)?.unwrap_or_default())
}

fn list<'de, D: Deserializer<'de>>(from: D) -> std::result::Result<Option<Vec<Value>>, D::Error> {
    Ok(match Value::deserialize(from)? {
        Value::Array(values) => Some(values),
        _ => None,
    })
}

/// The fields of a screen, by id. An entry that is not an object is left out.
#[derive(Debug, Clone, Default)]
pub struct Screen(pub Vec<ScreenField>);

impl<'de> Deserialize<'de> for Screen {
    fn deserialize<D: Deserializer<'de>>(from: D) -> std::result::Result<Self, D::Error> {
        let fields: BTreeMap<String, Value> = lenient::object(from)?.unwrap_or_default();
        let fields = fields.into_iter().filter_map(|(id, field)| {
            let field: ScreenField = serde_json::from_value(field).ok()?;
            Some(ScreenField { id: Some(id), ..field })
        });
        Ok(Self(fields.collect()))
    }
}

/// A page of a list that has a total and no `isLast`. Jira's description has several names for the same list.
#[derive(Deserialize)]
#[serde(bound(deserialize = "T: Deserialize<'de>"))]
struct Page<T> {
    #[serde(
        alias = "issueTypes",
        alias = "fields",
        alias = "results",
        deserialize_with = "lenient::objects"
    )]
    values: Vec<Option<T>>,
    #[serde(default, deserialize_with = "lenient::integer")]
    total: Option<i64>,
}

/// The response of `editmeta`.
#[derive(Deserialize)]
struct EditMeta {
    fields: Screen,
}

impl JiraSite<'_> {
    /// Lists the issue types that the account may create in a project.
    ///
    /// # Errors
    /// Jira responds with 400 if the project does not exist or is not visible. An account that may not create anything
    /// gets an empty list.
    pub async fn issue_types(&self, project: &ProjectId) -> Result<Vec<IssueType>> {
        self.all_pages(project, &["rest", "api", "3", "issue", "createmeta", project.as_str(), "issuetypes"])
            .await
    }

    /// Lists the fields of the screen on which issues of a type are created in a project.
    ///
    /// # Errors
    /// As for [`Self::issue_types`].
    pub async fn create_screen(
        &self,
        project: &ProjectId,
        issue_type: &IssueTypeId,
    ) -> Result<Vec<ScreenField>> {
        let path =
            ["rest", "api", "3", "issue", "createmeta", project.as_str(), "issuetypes", issue_type.as_str()];
        let mut fields: Vec<ScreenField> = self.all_pages(project, &path).await?;
        for field in &mut fields {
            field.id = field.id.take().or_else(|| field.key.take());
        }
        Ok(fields)
    }

    /// Lists the fields of an issue that the account may edit.
    ///
    /// <https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-issues/#api-rest-api-3-issue-issueidorkey-editmeta-get>
    pub async fn edit_screen(&self, issue: &IssueRef) -> Result<Vec<ScreenField>> {
        let path = ["rest", "api", "3", "issue", issue.as_str(), "editmeta"];
        let EditMeta { fields: Screen(fields) } =
            self.call(Call::get([Subject::Issue(issue.as_str())], &path, &[], READ)).await?;
        Ok(fields)
    }

    async fn all_pages<T: for<'de> Deserialize<'de>>(
        &self,
        project: &ProjectId,
        path: &[&str],
    ) -> Result<Vec<T>> {
        let size = PAGE_SIZE.to_string();
        let mut entries = Vec::new();
        loop {
            let start = entries.len().to_string();
            let query = [("startAt", start.as_str()), ("maxResults", &size)];
            let page: Page<T> =
                self.call(Call::get([Subject::Project(project.as_str())], path, &query, READ)).await?;
            let is_full = page.values.len() >= PAGE_SIZE;
            let is_empty = page.values.is_empty();
            entries.extend(page.values);
            let is_complete = match page.total.and_then(|total| usize::try_from(total).ok()) {
                Some(total) => entries.len() >= total,
                None => !is_full,
            };
            if is_complete || is_empty {
                return Ok(entries.into_iter().flatten().collect());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_page_is_read_under_any_of_its_names() {
        for name in ["issueTypes", "fields", "results", "values"] {
            let page: Page<IssueType> =
                serde_json::from_value(json!({ name: [{ "id": 7 }, null], "total": 2 })).unwrap();
            assert_eq!(page.values.len(), 2);
            assert_eq!(page.values[0].as_ref().and_then(|kind| kind.id.as_deref()), Some("7"));
        }
        assert!(serde_json::from_value::<Page<IssueType>>(json!({ "total": 0 })).is_err());
    }

    #[test]
    fn unexpected_values_cost_only_themselves() {
        let odd =
            json!({ "name": 7, "required": "yes", "schema": [], "allowedValues": {}, "operations": null });
        let Screen(fields) = serde_json::from_value(
            json!({ "customfield_1": odd, "customfield_2": 5, "summary": { "name": "Summary" } }),
        )
        .unwrap();
        let ids: Vec<_> = fields.iter().map(|field| field.id.as_deref().unwrap_or_default()).collect();
        assert_eq!(ids, ["customfield_1", "summary"]);
        assert!(
            fields[0].name.is_none() && fields[0].allowed_values.is_none() && fields[0].schema.kind.is_none()
        );
        assert_eq!(fields[1].name.as_deref(), Some("Summary"));
    }
}
