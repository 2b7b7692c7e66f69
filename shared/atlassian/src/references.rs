//! Which issues and projects a written JSON value refers to.

use serde_json::Value;

use crate::ids::{IssueRef, is_number};
use crate::lenient;

/// What a written JSON value refers to.
#[derive(Default)]
pub(crate) struct References<'v> {
    /// Ids and keys of issues.
    pub(crate) issues: Vec<String>,
    /// Ids and keys of projects.
    pub(crate) projects: Vec<String>,
    /// Texts in fields of the site that may be the key of an issue, as in the field for an epic.
    pub(crate) texts: Vec<&'v str>,
}

/// The names under which Jira takes an issue as an object with its id or key.
const ISSUES: [&str; 3] = ["parent", "inwardIssue", "outwardIssue"];

impl<'v> References<'v> {
    pub(crate) fn of(body: &'v Value) -> Self {
        let mut found = Self::default();
        found.collect("", body);
        found
    }

    fn collect(&mut self, name: &str, value: &'v Value) {
        match value {
            Value::Object(fields) => {
                // A string or a number.
                let id = fields.get("id").and_then(lenient::id_of).filter(|id| is_number(id));
                let key = fields.get("key").and_then(Value::as_str).map(str::to_owned);
                if name == "project" {
                    self.projects.extend(id.or(key));
                } else {
                    self.issues.extend(id.filter(|_| ISSUES.contains(&name)));
                    self.issues.extend(key.filter(|key| is_issue_key(key)));
                }
                for (name, value) in fields {
                    self.collect(name, value);
                }
            }
            Value::Array(values) => values.iter().for_each(|value| self.collect(name, value)),
            Value::String(text) if name.starts_with("customfield_") && is_issue_key(text) => {
                self.texts.push(text);
            }
            _ => {}
        }
    }
}

fn is_issue_key(text: &str) -> bool {
    !is_number(text) && IssueRef::parse(text).is_ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_written_value_refers_to_issues_and_projects() {
        let body = json!({
            "fields": {
                "project": { "id": "10000" }, "parent": { "id": "10001" }, "summary": "AB-9", "labels": ["AB-9"],
                "issuetype": { "id": "10002" }, "customfield_1": "AB-2", "customfield_2": { "key": "AB-3" },
                "customfield_3": ["AB-4", "UTF-8"], "assignee": { "id": "7" }, "priority": { "key": "high" },
                "description": { "type": "doc", "content": [{ "type": "text", "text": "AB-9" }] },
            },
            "update": { "issuelinks": [{ "add": { "outwardIssue": { "key": "AB-5" }, "inwardIssue": { "id": 10003 } } }] },
        });
        let mut references = References::of(&body);
        references.issues.sort_unstable();
        references.texts.sort_unstable();
        assert_eq!(references.issues, ["10001", "10003", "AB-3", "AB-5"]);
        assert_eq!(references.projects, ["10000"]);
        assert_eq!(references.texts, ["AB-2", "AB-4", "UTF-8"]);
    }
}
