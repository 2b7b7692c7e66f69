//! Reading, creating, editing and deleting single issues.
//!
//! <https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-issues/>

use http::Method;
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value, json};

use crate::call::Call;
use crate::client::{JiraSite, Result};
use crate::error::JiraError;
use crate::ids::{IssueRef, ProjectId};
use crate::jql::{Condition, Jql};
use crate::reach::{NOTHING, Subject};
use crate::scopes::{READ, WRITE};
use crate::search::Found;
use crate::{lenient, timestamp};

/// Jira's maximum, both for a search page with fields and for one `bulkfetch`.
pub const ISSUES_AT_ONCE: u64 = 100;

/// An issue, parsed leniently: a value of an unexpected type is treated as missing and affects nothing else.
#[derive(Default, Deserialize)]
#[serde(default)]
pub struct Issue {
    /// The numeric id.
    #[serde(deserialize_with = "lenient::id")]
    pub id: Option<String>,
    /// The key, `PROJ-1`.
    #[serde(deserialize_with = "lenient::text")]
    pub key: Option<String>,
    /// The fields, by Jira's names.
    #[serde(deserialize_with = "object")]
    pub fields: Map<String, Value>,
    /// The entity properties, if requested.
    #[serde(deserialize_with = "object")]
    pub properties: Map<String, Value>,
}

fn object<'de, D: Deserializer<'de>>(from: D) -> std::result::Result<Map<String, Value>, D::Error> {
    Ok(lenient::object(from)?.unwrap_or_default())
}

/// A response that is one issue. A response with neither id nor key is rejected.
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
    /// Returns a field; null if it is missing.
    pub fn field(&self, name: &str) -> &Value {
        self.fields.get(name).unwrap_or(&Value::Null)
    }

    /// Returns a field that is a string.
    pub fn text(&self, name: &str) -> Option<String> {
        lenient::text_of(self.field(name))
    }

    /// Returns a field that is a timestamp, formatted by [`timestamp::utc`].
    pub fn time(&self, name: &str) -> Option<String> {
        self.field(name).as_str().map(timestamp::utc)
    }

    /// Applies `read` to a field that is an object.
    pub fn object<T>(&self, name: &str, read: impl FnOnce(&Value) -> T) -> Option<T> {
        Some(self.field(name)).filter(|value| value.is_object()).map(read)
    }

    /// Iterates over a field that is a list.
    pub fn list(&self, name: &str) -> impl Iterator<Item = &Value> {
        self.field(name).as_array().into_iter().flatten()
    }
}

/// The response of `bulkfetch`.
#[derive(Deserialize)]
struct Fetched {
    #[serde(deserialize_with = "lenient::objects")]
    issues: Vec<Option<Issue>>,
}

impl JiraSite<'_> {
    /// Reads an issue with the given fields (`*all,-comment` …).
    pub async fn issue(&self, id_or_key: &str, fields: &str) -> Result<Issue> {
        let path = ["rest", "api", "3", "issue", id_or_key];
        let OneIssue(issue) =
            self.call(Call::get([Subject::Issue(id_or_key)], &path, &[("fields", fields)], READ)).await?;
        Ok(issue)
    }

    /// Creates an issue with these fields and, if given, entity properties. Retried only after a 429 or a rejected
    /// token, which mean that nothing was done. The returned issue has only its id and key.
    ///
    /// # Errors
    /// [`JiraError::Unconfirmed`] if the issue may have been created anyway.
    pub async fn create_issue(&self, fields: Map<String, Value>, properties: Option<Value>) -> Result<Issue> {
        let mut body = json!({ "fields": fields });
        if let Some(properties) = properties {
            body["properties"] = properties;
        }
        // What it is about is in the body: its project and its parent.
        let path = ["rest", "api", "3", "issue"];
        let call = Call::write(NOTHING, Method::POST, &path, Some(&body), WRITE);
        let answer = self.answer(call).await?;
        match lenient::from_slice(&answer) {
            Ok(OneIssue(issue)) => Ok(issue),
            Err(error) => Err(JiraError::Unreadable(error.to_string()).unconfirmed()),
        }
    }

    /// Updates fields of an issue and returns the updated issue, unless Jira leaves it out. Safe to repeat, so it is
    /// retried like a read.
    ///
    /// # Errors
    /// [`JiraError::Unconfirmed`] if the response cannot be parsed.
    pub async fn edit_issue(&self, issue: &IssueRef, fields: Map<String, Value>) -> Result<Option<Issue>> {
        let body = json!({ "fields": fields });
        let path = ["rest", "api", "3", "issue", issue.as_str()];
        let call = Call::write([Subject::Issue(issue.as_str())], Method::PUT, &path, Some(&body), WRITE)
            .with_query(&[("returnIssue", "true")])
            .repeatable();
        let answer = self.answer(call).await?;
        // On success Jira sends nothing or the issue; any other response is not Jira's.
        match lenient::from_slice(&answer) {
            Ok(OneIssue(issue)) => Ok(Some(issue).filter(|issue| !issue.fields.is_empty())),
            Err(_) if answer.is_empty() => Ok(None),
            Err(error) => Err(JiraError::Unreadable(error.to_string()).unconfirmed()),
        }
    }

    /// Deletes an issue permanently, with its subtasks if `with_subtasks`. Retried only after a 429 or a rejected
    /// token.
    ///
    /// # Errors
    /// Jira rejects it if the issue has subtasks and they are not to be deleted. [`JiraError::Unconfirmed`] if the
    /// issue may have been deleted anyway.
    pub async fn delete_issue(&self, issue: &IssueRef, with_subtasks: bool) -> Result<()> {
        let path = ["rest", "api", "3", "issue", issue.as_str()];
        let query = [("deleteSubtasks", if with_subtasks { "true" } else { "false" })];
        let call = Call::write([Subject::Issue(issue.as_str())], Method::DELETE, &path, None, WRITE)
            .with_query(&query);
        self.done(call).await
    }

    /// Reads up to [`ISSUES_AT_ONCE`] issues by key, with one entity property. Keys that do not exist are skipped.
    /// Does not depend on Jira's search index.
    pub async fn issues_with_property(&self, keys: &[String], property: &str) -> Result<Vec<Issue>> {
        let body = json!({ "issueIdsOrKeys": keys, "fields": ["created"], "properties": [property] });
        let path = ["rest", "api", "3", "issue", "bulkfetch"];
        let fetched: Fetched = self.call(Call::query(NOTHING, &path, &body, READ)).await?;
        Ok(fetched.issues.into_iter().flatten().collect())
    }

    /// Reads a page of a project's issues from Jira's search index, newest first, with one entity property.
    pub async fn newest_issues(
        &self,
        project: &ProjectId,
        property: &str,
        token: Option<String>,
    ) -> Result<Found<Issue>> {
        let jql = Jql::new(&Condition::project(project), "created DESC");
        let body = json!({ "maxResults": ISSUES_AT_ONCE, "fields": ["created"], "properties": [property] });
        self.next_issues(&jql, Some(project), body, token).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_malformed_value_leaves_the_rest_of_an_issue_intact() {
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
