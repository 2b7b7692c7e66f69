//! Issues as JSON. Written as text, because thousands are returned at a time, and most of each consists of the same
//! few objects, which are serialized once per response. See
//! <https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-issues/>.

use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::{Value, json};

use super::view::View;
use super::{attachments, issue_links, objects, worklog};
use crate::world::tracker::Tracker;
use crate::world::tracker::catalog::{self, COMPONENTS, FIELDS, Field, VERSIONS};
use crate::world::tracker::issue::Issue;

/// The requested parts of an issue.
pub(super) struct Selection {
    fields: Vec<&'static Field>,
    /// Whether anything besides the id is requested.
    key: bool,
    properties: Vec<String>,
}

impl Selection {
    /// Parses field names, `*all`, `*navigable` and `-name`; ignores unknown names.
    pub(super) fn new(names: &[String], properties: &[String]) -> Self {
        let mut fields: Vec<&'static Field> = Vec::new();
        let mut add = |wanted: &dyn Fn(&Field) -> bool| {
            for field in FIELDS.iter().filter(|field| wanted(field)) {
                if fields.iter().all(|known| known.id != field.id) {
                    fields.push(field);
                }
            }
        };
        if !names.is_empty() && names.iter().all(|name| name.starts_with('-')) {
            add(&|field| field.navigable);
        }
        for name in names {
            match name.as_str() {
                "*all" => add(&|_| true),
                "*navigable" => add(&|field| field.navigable),
                name => add(&|field| field.id == name),
            }
        }
        fields.retain(|field| !names.iter().any(|name| name.strip_prefix('-') == Some(field.id)));
        let key = names.iter().any(|name| name != "id");
        Self { fields, key, properties: properties.to_vec() }
    }

    /// Includes the key even if it was not requested.
    pub(super) fn with_key(&mut self) {
        self.key = true;
    }

    /// Whether only ids and keys are requested.
    pub(super) fn is_light(&self) -> bool {
        self.fields.is_empty() && self.properties.is_empty()
    }
}

/// One issue as JSON text.
pub(super) fn to_json(view: &View, tracker: &Tracker, issue: &Issue, selection: &Selection) -> String {
    let mut body = String::new();
    Renderer::new(view, tracker, selection).issue(issue, &mut body);
    body
}

/// A response with a body that is already JSON.
pub(super) fn json_text(body: String) -> Response {
    ([(CONTENT_TYPE, "application/json;charset=UTF-8")], body).into_response()
}

/// Renders the issues of one site for one response.
pub(super) struct Renderer<'a> {
    view: &'a View,
    tracker: &'a Tracker,
    selection: &'a Selection,
    /// Objects that many issues share: type, id and JSON.
    shared: Vec<(&'static str, String, String)>,
}

/// Appends `"name":` to the object being written; names need no escaping.
fn name(out: &mut String, name: &str) {
    if !out.ends_with('{') {
        out.push(',');
    }
    out.push('"');
    out.push_str(name);
    out.push_str("\":");
}

fn value(out: &mut String, value: &impl Serialize) {
    // Cannot fail: only text, numbers and JSON values are written.
    out.push_str(&serde_json::to_string(value).unwrap_or_else(|_| "null".to_owned()));
}

impl<'a> Renderer<'a> {
    pub(super) fn new(view: &'a View, tracker: &'a Tracker, selection: &'a Selection) -> Self {
        Self { view, tracker, selection, shared: Vec::new() }
    }

    /// Renders issues as a JSON array.
    pub(super) fn list<'b>(&mut self, issues: impl Iterator<Item = &'b Issue>) -> String {
        let mut out = String::from("[");
        for issue in issues {
            if out.len() > 1 {
                out.push(',');
            }
            self.issue(issue, &mut out);
        }
        out.push(']');
        out
    }

    /// Renders one issue.
    fn issue(&mut self, issue: &Issue, out: &mut String) {
        out.push_str(&format!(r#"{{"id":"{}""#, issue.id));
        if self.selection.key || !self.selection.is_light() {
            let (view, key) = (self.view, self.view.key(issue));
            name(out, "self");
            value(out, &view.link(&format!("issue/{}", issue.id)));
            name(out, "key");
            value(out, &key);
            name(out, "expand");
            out.push_str(r#""operations,versionedRepresentations,editmeta,changelog,renderedFields""#);
        }
        if !self.selection.fields.is_empty() {
            name(out, "fields");
            out.push('{');
            let selection = self.selection;
            for field in &selection.fields {
                name(out, field.id);
                self.field(issue, field.id, out);
            }
            out.push('}');
        }
        if !self.selection.properties.is_empty() {
            let wanted = |(key, _): &(&String, &Value)| self.selection.properties.contains(key);
            let found: serde_json::Map<_, _> = issue
                .properties
                .iter()
                .filter(wanted)
                .map(|(key, value)| (key.clone(), value.clone()))
                .collect();
            name(out, "properties");
            value(out, &found);
        }
        out.push('}');
    }

    fn field(&mut self, issue: &Issue, id: &'static str, out: &mut String) {
        let estimate = &issue.estimate;
        match id {
            "summary" => value(out, &issue.summary),
            "description" => out.push_str(issue.description.as_deref().unwrap_or("null")),
            "environment" => out.push_str(issue.environment.as_deref().unwrap_or("null")),
            "issuetype" => self.shared_object(id, issue.issue_type.id, out, |view| {
                objects::issue_type(view, issue.issue_type)
            }),
            "status" => {
                self.shared_object(id, issue.status.id, out, |view| objects::status(view, issue.status))
            }
            "statusCategory" => {
                self.shared_object(id, issue.status.id, out, |view| {
                    objects::category(view, &issue.status.category)
                });
            }
            "priority" => match issue.priority {
                Some(priority) => {
                    self.shared_object(id, priority.id, out, |view| objects::priority(view, priority))
                }
                None => out.push_str("null"),
            },
            "project" => {
                self.shared_object(id, &issue.project.to_string(), out, |view| view.project_of(issue))
            }
            "assignee" => self.user(issue.assignee.as_deref(), out),
            "reporter" => self.user(issue.reporter.as_deref(), out),
            "creator" => self.user(Some(&issue.creator), out),
            "created" => value(out, &objects::timestamp(issue.created)),
            "updated" | "statuscategorychangedate" => value(out, &objects::timestamp(issue.updated)),
            "labels" => value(out, &issue.labels),
            "parent" => match issue.parent.and_then(|id| self.tracker.issues.get(&id)) {
                Some(parent) => value(out, &objects::relative(self.view, parent)),
                None => out.push_str("null"),
            },
            "subtasks" => {
                let subtasks: Vec<_> = self
                    .tracker
                    .subtasks(issue.id)
                    .map(|child| objects::relative(self.view, child))
                    .collect();
                value(out, &subtasks);
            }
            "components" => value(out, &self.parts(issue, &issue.components, "component", &COMPONENTS)),
            "fixVersions" => value(out, &self.parts(issue, &issue.fix_versions, "version", &VERSIONS)),
            "versions" => value(out, &self.parts(issue, &issue.versions, "version", &VERSIONS)),
            "resolution" => match issue.resolution {
                Some(index) => value(out, &objects::resolution(self.view, index)),
                None => out.push_str("null"),
            },
            "resolutiondate" if issue.resolution.is_some() => value(out, &objects::timestamp(issue.updated)),
            "duedate" => value(out, &issue.due),
            "timeoriginalestimate" => value(out, &estimate.original),
            "timeestimate" => value(out, &estimate.remaining),
            "timespent" | "aggregatetimespent" => value(out, &estimate.spent),
            "timetracking" => value(out, &time_tracking(issue)),
            "workratio" => value(out, &-1),
            "watches" => value(out, &json!({ "watchCount": 1, "isWatching": false })),
            "votes" => value(out, &json!({ "votes": 0, "hasVoted": false })),
            "comment" => value(out, &json!({ "comments": [], "maxResults": 0, "total": 0, "startAt": 0 })),
            "worklog" => value(out, &worklog::field(self.view, issue)),
            "attachment" => value(out, &attachments::field(self.view, issue)),
            "issuelinks" => {
                let links = self.tracker.links_of(issue.id);
                let links = links.map(|link| issue_links::seen_from(self.view, self.tracker, issue, link));
                value(out, &links.collect::<Vec<_>>());
            }
            catalog::STORY_POINTS => value(out, &issue.points),
            catalog::RANK => value(out, &format!("0|i{:05}:", issue.rank)),
            catalog::SPRINT => value(out, &self.sprints(issue)),
            catalog::BERTH => value(out, &issue.berth),
            catalog::SEVERITY => value(out, &issue.severity.map(|index| objects::severity(self.view, index))),
            catalog::INSPECTED => value(out, &issue.inspected),
            _ => value(out, &issue.custom.get(id)),
        }
    }

    /// Renders an object once, and reuses it for all issues of the response.
    fn shared_object(
        &mut self,
        kind: &'static str,
        key: &str,
        out: &mut String,
        make: impl FnOnce(&View) -> Value,
    ) {
        let known = self.shared.iter().find(|(known, of, _)| *known == kind && of == key);
        match known {
            Some((_, _, text)) => out.push_str(text),
            None => {
                let text = make(self.view).to_string();
                out.push_str(&text);
                self.shared.push((kind, key.to_owned(), text));
            }
        }
    }

    fn user(&mut self, account: Option<&str>, out: &mut String) {
        match account {
            Some(account) => self.shared_object("user", account, out, |view| view.user(account)),
            None => out.push_str("null"),
        }
    }

    fn parts(&self, issue: &Issue, indices: &[usize], kind: &str, names: &[&str]) -> Vec<Value> {
        let part = |&index: &usize| objects::part(self.view, issue.project, index, kind, names);
        indices.iter().map(part).collect()
    }

    fn sprints(&self, issue: &Issue) -> Value {
        let sprints = issue.sprints.iter().filter_map(|id| self.tracker.sprints.get(id));
        let list: Vec<_> = sprints
            .map(|sprint| {
                let mut body = objects::sprint(self.view, sprint);
                body["boardId"] = sprint.origin_board.into();
                body
            })
            .collect();
        // The field is null, not an empty list, if there are no sprints.
        if list.is_empty() { Value::Null } else { list.into() }
    }
}

/// Renders each time twice, as text and in seconds; unset ones are omitted.
fn time_tracking(issue: &Issue) -> Value {
    let mut body = json!({});
    let times = [
        ("originalEstimate", issue.estimate.original),
        ("remainingEstimate", issue.estimate.remaining),
        ("timeSpent", issue.estimate.spent),
    ];
    for (name, seconds) in times {
        if let Some(seconds) = seconds {
            body[name] = format!("{}h", seconds / 3600).into();
            body[format!("{name}Seconds")] = seconds.into();
        }
    }
    body
}
