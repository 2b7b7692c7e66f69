//! Single issues: read, made, changed and deleted.
//!
//! <https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-issues/>

use http::Method;
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value, json};

use crate::client::{Call, JiraSite, Result};
use crate::error::JiraError;
use crate::ids::{IssueRef, ProjectId};
use crate::search::Found;
use crate::{lenient, timestamp};

/// Both the page of a search with fields and the most that one `bulkfetch` takes.
pub const ISSUES_AT_ONCE: u64 = 100;

const READ: &str = "read:jira-work";
const WRITE: &str = "write:jira-work";

/// An issue, read tolerantly: a value of an unexpected kind is as good as none, and never costs the others.
#[derive(Default, Deserialize)]
#[serde(default)]
pub struct Issue {
    /// Digits.
    #[serde(deserialize_with = "lenient::id")]
    pub id: Option<String>,
    /// `PROJ-1`.
    #[serde(deserialize_with = "lenient::text")]
    pub key: Option<String>,
    /// Its fields, by Jira's names.
    #[serde(deserialize_with = "object")]
    pub fields: Map<String, Value>,
    /// Entity properties, if they were asked for.
    #[serde(deserialize_with = "object")]
    pub properties: Map<String, Value>,
}

fn object<'de, D: Deserializer<'de>>(from: D) -> std::result::Result<Map<String, Value>, D::Error> {
    Ok(lenient::object(from)?.unwrap_or_default())
}

/// A whole answer that is one issue. What names none is no issue, whatever else it is.
#[derive(Deserialize)]
#[serde(try_from = "Issue")]
pub struct OneIssue(pub Issue);

impl TryFrom<Issue> for OneIssue {
    type Error = &'static str;

    fn try_from(issue: Issue) -> std::result::Result<Self, Self::Error> {
        if issue.id.is_some() || issue.key.is_some() {
            Ok(Self(issue))
        } else {
            Err("an issue without id and key")
        }
    }
}

impl Issue {
    /// A field; null if it is not there.
    pub fn field(&self, name: &str) -> &Value {
        self.fields.get(name).unwrap_or(&Value::Null)
    }

    /// A field that is a text.
    pub fn text(&self, name: &str) -> Option<String> {
        lenient::text_of(self.field(name))
    }

    /// A field that is a point in time, as [`timestamp::utc`] writes it.
    pub fn time(&self, name: &str) -> Option<String> {
        self.field(name).as_str().map(timestamp::utc)
    }

    /// What `read` makes of a field that is an object.
    pub fn object<T>(&self, name: &str, read: impl FnOnce(&Value) -> T) -> Option<T> {
        Some(self.field(name)).filter(|value| value.is_object()).map(read)
    }

    /// The elements of a field that is a list.
    pub fn list(&self, name: &str) -> impl Iterator<Item = &Value> {
        self.field(name).as_array().into_iter().flatten()
    }
}

/// What `bulkfetch` gives.
#[derive(Deserialize)]
struct Fetched {
    #[serde(deserialize_with = "lenient::objects")]
    issues: Vec<Option<Issue>>,
}

/// The issue types of a project.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct IssueTypes {
    #[serde(deserialize_with = "lenient::objects")]
    issue_types: Vec<Option<IssueType>>,
}

/// An issue type.
#[derive(Default, Deserialize)]
#[serde(default)]
pub struct IssueType {
    /// Digits.
    #[serde(deserialize_with = "lenient::id")]
    pub id: Option<String>,
    /// Whether its issues are sub-tasks, which need a parent.
    #[serde(deserialize_with = "lenient::flag")]
    pub subtask: Option<bool>,
}

impl JiraSite<'_> {
    /// Some fields of an issue (`*all,-comment` …).
    ///
    /// # Errors
    /// What Jira refuses or fails at.
    pub async fn issue(&self, id_or_key: &str, fields: &str) -> Result<Issue> {
        let path = ["rest", "api", "3", "issue", id_or_key];
        let OneIssue(issue) = self.call(Call::get(&path, &[("fields", fields)], READ)).await?;
        Ok(issue)
    }

    /// Makes an issue of these fields and, if they are given, entity properties. Jira is asked once, and again only
    /// after a 429, which says that nothing was done. The answer has the id and the key.
    ///
    /// # Errors
    /// What Jira refuses; [`JiraError::Unconfirmed`] when the issue may exist all the same.
    pub async fn create_issue(&self, fields: Map<String, Value>, properties: Option<Value>) -> Result<Issue> {
        let mut body = json!({ "fields": fields });
        if let Some(properties) = properties {
            body["properties"] = properties;
        }
        let call = Call {
            method: Method::POST,
            path: &["rest", "api", "3", "issue"],
            query: &[],
            body: Some(&body),
            scopes: WRITE,
            repeatable: false,
        };
        let answer = self.answer(call).await?;
        match lenient::from_slice(&answer) {
            Ok(OneIssue(issue)) => Ok(issue),
            Err(error) => Err(JiraError::Unreadable(error.to_string()).unconfirmed()),
        }
    }

    /// Changes fields of an issue and gives the issue as it is then, unless Jira does not return it. Writing the same
    /// twice is harmless, so this is repeated as a read is.
    ///
    /// # Errors
    /// What Jira refuses; [`JiraError::Unconfirmed`] when the answer makes no sense.
    pub async fn edit_issue(&self, issue: &IssueRef, fields: Map<String, Value>) -> Result<Option<Issue>> {
        let body = json!({ "fields": fields });
        let call = Call {
            method: Method::PUT,
            path: &["rest", "api", "3", "issue", issue.as_str()],
            query: &[("returnIssue", "true")],
            body: Some(&body),
            scopes: WRITE,
            repeatable: true,
        };
        let answer = self.answer(call).await?;
        // A success is empty or the issue; whatever answers otherwise is not Jira.
        match lenient::from_slice(&answer) {
            Ok(OneIssue(issue)) => Ok(Some(issue).filter(|issue| !issue.fields.is_empty())),
            Err(_) if answer.is_empty() => Ok(None),
            Err(error) => Err(JiraError::Unreadable(error.to_string()).unconfirmed()),
        }
    }

    /// Deletes an issue for good, with its sub-tasks if that is wanted; sent once.
    ///
    /// # Errors
    /// What Jira refuses: sub-tasks that are not to be deleted, say; [`JiraError::Unconfirmed`] when it did not say
    /// whether it is done.
    pub async fn delete_issue(&self, issue: &IssueRef, with_subtasks: bool) -> Result<()> {
        let call = Call {
            method: Method::DELETE,
            path: &["rest", "api", "3", "issue", issue.as_str()],
            query: &[("deleteSubtasks", if with_subtasks { "true" } else { "false" })],
            body: None,
            scopes: WRITE,
            repeatable: false,
        };
        // A success has no body; whatever answers otherwise is not Jira.
        match self.answer(call).await? {
            answer if answer.is_empty() => Ok(()),
            _ => Err(JiraError::Unreadable("a deletion was answered with a body".to_owned()).unconfirmed()),
        }
    }

    /// The issue types that a project has, 200 at the most.
    ///
    /// <https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-issues/#api-rest-api-3-issue-createmeta-projectidorkey-issuetypes-get>
    ///
    /// # Errors
    /// What Jira refuses or fails at.
    pub async fn issue_types(&self, project: &ProjectId) -> Result<Vec<IssueType>> {
        let path = ["rest", "api", "3", "issue", "createmeta", project.as_str(), "issuetypes"];
        let types: IssueTypes = self.call(Call::get(&path, &[("maxResults", "200")], READ)).await?;
        Ok(types.issue_types.into_iter().flatten().collect())
    }

    /// Issues by their keys, up to [`ISSUES_AT_ONCE`], with an entity property. Those that do not exist are left out. This
    /// asks no index.
    ///
    /// # Errors
    /// What Jira refuses or fails at.
    pub async fn issues_with_property(&self, keys: &[String], property: &str) -> Result<Vec<Issue>> {
        let body = json!({ "issueIdsOrKeys": keys, "fields": ["created"], "properties": [property] });
        let path = ["rest", "api", "3", "issue", "bulkfetch"];
        let fetched: Fetched = self.call(Call::query(&path, &body, READ)).await?;
        Ok(fetched.issues.into_iter().flatten().collect())
    }

    /// A page of the issues of a project with an entity property, the newest first, as the index knows them.
    ///
    /// # Errors
    /// What Jira refuses or fails at.
    pub async fn newest_issues(
        &self,
        project: &ProjectId,
        property: &str,
        token: Option<String>,
    ) -> Result<Found<Issue>> {
        let body = json!({
            "jql": format!("project = \"{}\" ORDER BY created DESC", project.as_str()),
            "maxResults": ISSUES_AT_ONCE,
            "fields": ["created"],
            "properties": [property],
        });
        self.next_issues(body, token).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_is_odd_in_an_issue_the_rest_is_there() {
        for odd in [json!(null), json!(7), json!("none"), json!([])] {
            let raw = json!({ "id": 10_001, "key": odd, "fields": odd, "properties": odd });
            let OneIssue(raw) = serde_json::from_value(raw).unwrap();
            assert_eq!(raw.id.as_deref(), Some("10001"));
            assert!(raw.fields.is_empty() && raw.properties.is_empty());
        }
        for none in
            [json!({}), json!([]), json!({ "fields": { "summary": "x" } }), json!({ "id": null, "key": 7 })]
        {
            assert!(serde_json::from_value::<OneIssue>(none.clone()).is_err(), "{none}");
        }
    }
}
