//! Leaves out of Jira's JSON what it shows of projects outside a connection's reach.

use std::collections::HashSet;

use serde_json::{Map, Value};

use crate::ids::{IssueRef, is_number};
use crate::lenient;

/// Removes what belongs to other projects: issues, wherever they are mentioned as objects (links, parents, sub-tasks,
/// values of fields), relations in the history of an issue, and boards and projects in lists.
pub(crate) struct Redaction<'a> {
    /// The keys of the allowed projects.
    pub(crate) keys: &'a HashSet<String>,
    /// Whether the project with this id is allowed.
    pub(crate) allows: &'a (dyn Fn(&str) -> bool + Sync),
    /// Whether an entry that is left out of a list leaves a null.
    pub(crate) gaps: bool,
    /// Whether anything was left out.
    pub(crate) is_changed: bool,
}

/// The fields of a link that have its issues.
const ENDS: [&str; 2] = ["inwardIssue", "outwardIssue"];

/// The fields in the history of an issue that name other issues or projects, in lower case.
const RELATIONS: [&str; 8] =
    ["link", "parent", "issueparentassociation", "epic link", "epic child", "parent link", "key", "project"];

impl Redaction<'_> {
    /// Removes the parts of a value that are outside. Returns false if the whole value is.
    pub(crate) fn keep(&mut self, value: &mut Value) -> bool {
        match value {
            Value::Object(object) => {
                let is_inside = !self.is_outside(object);
                if is_inside {
                    self.clean(object);
                }
                is_inside
            }
            Value::Array(values) if self.gaps => {
                for value in values {
                    self.empty(value);
                }
                true
            }
            Value::Array(values) => {
                let before = values.len();
                values.retain_mut(|value| self.keep(value));
                self.is_changed |= values.len() < before;
                true
            }
            _ => true,
        }
    }

    /// Replaces a value that is outside with null, and returns the key that it had.
    fn empty(&mut self, value: &mut Value) -> Option<String> {
        if self.keep(value) {
            return None;
        }
        self.is_changed = true;
        lenient::text_of(&value.take()["key"])
    }

    fn clean(&mut self, object: &mut Map<String, Value>) {
        let hidden: HashSet<String> = object.values_mut().filter_map(|value| self.empty(value)).collect();
        // A field for epics repeats the key of the parent.
        let texts = object.iter_mut().filter(|(name, _)| name.starts_with("customfield_"));
        for (_, text) in texts {
            if text.as_str().is_some_and(|text| hidden.contains(text)) {
                text.take();
            }
        }
    }

    fn is_outside(&self, object: &Map<String, Value>) -> bool {
        let has_other = |project: &str| !self.keys.contains(project);
        if project_of_issue(object).is_some_and(has_other) {
            return true;
        }
        let is_other_end = |end: &str| {
            let issue = object.get(end).and_then(Value::as_object);
            issue.is_some_and(|issue| self.is_outside(issue))
        };
        if ENDS.into_iter().any(is_other_end) {
            return true;
        }
        match own_address(object) {
            Some(("project", id)) => return !(self.allows)(id),
            Some(("board", _)) => {
                let project = object.get("location").and_then(|at| lenient::id_of(&at["projectId"]));
                return !project.is_some_and(|id| (self.allows)(&id));
            }
            _ => {}
        }
        let Some(relation) = Relation::read(object) else { return false };
        let is_other_project = |id: &str| relation.is_project && !(self.allows)(id);
        relation.keys().any(has_other) || relation.ids.iter().any(|id| is_other_project(id))
    }
}

/// The keys of the projects of all issues that a value mentions.
pub(crate) fn projects_of_issues(value: &Value) -> HashSet<String> {
    fn collect(value: &Value, found: &mut HashSet<String>) {
        match value {
            Value::Object(object) => {
                found.extend(project_of_issue(object).map(str::to_owned));
                if let Some(relation) = Relation::read(object) {
                    found.extend(relation.keys().map(str::to_owned));
                }
                object.values().for_each(|value| collect(value, found));
            }
            Value::Array(values) => values.iter().for_each(|value| collect(value, found)),
            _ => {}
        }
    }
    let mut found = HashSet::new();
    collect(value, &mut found);
    found
}

/// The key of the project of an issue: what the issue's own key begins with. Unlike a key that a caller sends, one in an
/// answer is never that of a project where the issue was before.
fn project_of_issue(object: &Map<String, Value>) -> Option<&str> {
    let is_entity = ["id", "self", "fields"].into_iter().any(|name| object.contains_key(name));
    object.get("key").and_then(Value::as_str).filter(|_| is_entity).and_then(project_of_key)
}

fn project_of_key(key: &str) -> Option<&str> {
    let is_as_jira_writes_it = IssueRef::parse(key).is_ok_and(|issue| issue.as_str() == key);
    key.rsplit_once('-').filter(|_| is_as_jira_writes_it).map(|(project, _)| project)
}

/// The last two segments of the address that an entity gives of itself: its kind and its id.
fn own_address(object: &Map<String, Value>) -> Option<(&str, &str)> {
    let (rest, id) = object.get("self")?.as_str()?.rsplit_once('/')?;
    let (_, kind) = rest.rsplit_once('/')?;
    is_number(id).then_some((kind, id))
}

/// A change in the history of an issue that names other issues or projects.
struct Relation<'v> {
    is_project: bool,
    ids: Vec<&'v str>,
    texts: Vec<&'v str>,
}

impl<'v> Relation<'v> {
    fn read(object: &'v Map<String, Value>) -> Option<Self> {
        let field = object.get("field")?.as_str()?.to_lowercase();
        let texts = |names: [&str; 2]| names.iter().filter_map(|name| object.get(*name)?.as_str()).collect();
        RELATIONS.contains(&field.as_str()).then(|| Self {
            is_project: field == "project",
            ids: texts(["from", "to"]),
            texts: texts(["fromString", "toString"]),
        })
    }

    fn keys(&self) -> impl Iterator<Item = &'v str> {
        let is_separator = |c: char| !c.is_ascii_alphanumeric() && c != '-' && c != '_';
        let words = self.texts.iter().flat_map(move |text| text.split(is_separator));
        words.filter_map(project_of_key)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn redacted(mut value: Value, gaps: bool) -> Option<Value> {
        let keys = HashSet::from(["IN".to_owned()]);
        let allows = |id: &str| id == "1";
        let mut redaction = Redaction { keys: &keys, allows: &allows, gaps, is_changed: false };
        let before = value.clone();
        let is_kept = redaction.keep(&mut value);
        assert_eq!(redaction.is_changed, value != before);
        is_kept.then_some(value)
    }

    #[test]
    fn an_issue_shows_only_relatives_inside() {
        let issue = json!({
            "id": "1", "key": "IN-1", "fields": {
                "summary": "like OUT-1", "labels": ["OUT-1"],
                "parent": { "id": "2", "key": "OUT-2", "fields": { "summary": "secret" } },
                "customfield_10014": "OUT-2", "customfield_1": "OUT-3",
                "subtasks": [{ "id": "3", "key": "IN-3" }, { "id": "4", "key": "OUT-4" }],
                "issuelinks": [
                    { "id": "5", "type": { "id": "1" }, "outwardIssue": { "id": "6", "key": "IN-6" } },
                    { "id": "7", "type": { "id": "1" }, "inwardIssue": { "id": "8", "key": "OUT-8" } },
                ],
            },
        });
        let read = redacted(issue.clone(), true).unwrap();
        assert_eq!(
            read["fields"],
            json!({
                "summary": "like OUT-1", "labels": ["OUT-1"], "parent": null,
                "customfield_10014": null, "customfield_1": "OUT-3",
                "subtasks": [{ "id": "3", "key": "IN-3" }, null],
                "issuelinks": [
                    { "id": "5", "type": { "id": "1" }, "outwardIssue": { "id": "6", "key": "IN-6" } }, null,
                ],
            })
        );
        let passed_on = redacted(issue, false).unwrap();
        assert_eq!(passed_on["fields"]["subtasks"], json!([{ "id": "3", "key": "IN-3" }]));
        assert_eq!(passed_on["fields"]["issuelinks"].as_array().map(Vec::len), Some(1));
        assert!(!passed_on.to_string().contains("secret"));
        assert!(redacted(json!({ "id": "8", "key": "OUT-8" }), true).is_none());
    }

    #[test]
    fn what_only_looks_like_an_issue_stays() {
        for other in [
            json!({ "key": "OUT-1" }),
            json!({ "id": "1", "key": "out-1" }),
            json!({ "id": 3, "key": "done", "name": "OUT-1" }),
            json!({ "id": "1", "key": "OUT" }),
            json!([{ "field": "summary", "fromString": "OUT-1" }]),
            json!(null),
            json!("OUT-1"),
        ] {
            assert_eq!(redacted(other.clone(), true), Some(other));
        }
    }

    #[test]
    fn lists_of_projects_and_boards_have_those_inside() {
        let address = |kind: &str, id: u8| format!("https://api.example.com/rest/{kind}/{id}");
        let project = |id: u8| json!({ "self": address("project", id), "id": id });
        let board = |id: u8, at: Value| json!({ "self": address("board", id), "id": id, "location": at });
        let values = json!([
            project(1),
            project(2),
            board(3, json!({ "projectId": 1 })),
            board(4, json!({ "projectId": 2 })),
            board(5, json!({ "userId": 7 })),
            board(6, json!(null)),
        ]);
        let kept = redacted(json!({ "values": values }), true).unwrap();
        let kept: Vec<bool> = kept["values"].as_array().unwrap().iter().map(Value::is_object).collect();
        assert_eq!(kept, [true, false, true, false, false, false]);
    }

    #[test]
    fn a_history_names_nothing_outside() {
        let item =
            |field: &str, from: &str, to: &str| json!({ "field": field, "from": from, "toString": to });
        for (field, from, to, is_kept) in [
            ("Link", "", "This issue blocks IN-2", true),
            ("Link", "", "This issue blocks OUT-2", false),
            ("Parent", "", "OUT-7", false),
            ("Epic Child", "", "IN-2, OUT-7", false),
            ("Key", "", "OUT-7", false),
            ("project", "2", "Other", false),
            ("project", "1", "This", true),
            ("summary", "2", "This issue blocks OUT-2", true),
        ] {
            let change = json!({ "id": "1", "items": [item(field, from, to)] });
            let kept = redacted(change, false).unwrap();
            assert_eq!(kept["items"].as_array().unwrap().len() == 1, is_kept, "{field}: {to}");
        }
    }

    #[test]
    fn the_projects_of_all_mentioned_issues_are_known() {
        let value = json!({
            "issues": [{ "id": "1", "key": "IN-1", "fields": { "parent": { "id": "2", "key": "OUT-1" } } }],
            "items": [{ "field": "Link", "toString": "This issue blocks THERE-2" }],
        });
        let expected = ["IN", "OUT", "THERE"].map(str::to_owned);
        assert_eq!(projects_of_issues(&value), HashSet::from(expected));
    }
}
