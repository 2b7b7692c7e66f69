//! One issue, read whole.

use atlassian::lenient::{id_of, text_of};
use atlassian::{Issue, IssueRef};
use serde::Serialize;
use serde_json::{Map, Value};

use super::custom_field::readable;
use super::description::DescriptionFormat;
use super::links::{Linked, Links};
use super::site::ConnectedSite;
use crate::error::Result;

/// Everything that the details show. Comments, work logs and attachments may be long and are not among it.
const FIELDS: &str = "*all,-comment,-worklog,-attachment,-issuelinks,-subtasks";

/// An issue, as `get-issue-details` gives it. What Jira leaves out, or sends as something odd, is null; lists are empty.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct IssueDetails {
    /// Digits.
    pub id: Option<String>,
    /// `PROJ-1`.
    pub key: Option<String>,
    /// Where people see it.
    pub url: Option<String>,
    /// The title, one line.
    pub summary: Option<String>,
    /// Markdown, or the document itself, as it was asked for; null where there is none.
    pub description: Value,
    /// Where it stands.
    pub status: Option<IssueStatus>,
    /// How urgent it is.
    pub priority: Option<NameAndIcon>,
    /// Task, bug, story and so on.
    pub issue_type: Option<NameAndIcon>,
    /// Who works on it.
    pub assignee: Option<User>,
    /// Who reported it.
    pub reporter: Option<User>,
    /// Its project.
    pub project: Option<IssueProject>,
    /// `2024-01-01T10:00:00.000Z`.
    pub created: Option<String>,
    /// As [`Self::created`].
    pub updated: Option<String>,
    /// How it ended, once it is resolved.
    pub resolution: Option<Resolution>,
    /// Its labels.
    pub labels: Vec<String>,
    /// The names of its components.
    pub components: Vec<String>,
    /// The ids of [`Self::components`], digits, in the same order.
    pub component_ids: Vec<Option<String>>,
    /// The names of the versions that fix it.
    pub fix_versions: Vec<String>,
    /// The ids of [`Self::fix_versions`], digits, in the same order.
    pub fix_version_ids: Vec<Option<String>>,
    /// The names of the versions that have it.
    pub affected_versions: Vec<String>,
    /// The ids of [`Self::affected_versions`], digits, in the same order.
    pub affected_version_ids: Vec<Option<String>>,
    /// Its estimates, if any is there.
    pub time_tracking: Option<TimeTracking>,
    /// Every custom field that is not empty, by its id (`customfield_10001`), in a form that can be read ([`readable`]).
    pub custom_fields: Map<String, Value>,
}

/// A status.
#[derive(Debug, Clone, Serialize)]
pub struct IssueStatus {
    /// Digits.
    pub id: Option<String>,
    /// What the site calls it.
    pub name: Option<String>,
    /// `new`, `indeterminate`, `done` or `undefined`, whatever the site calls it.
    pub category: Option<String>,
}

/// A priority or an issue type.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NameAndIcon {
    /// Digits.
    pub id: Option<String>,
    /// What the site calls it.
    pub name: Option<String>,
    /// A picture of it.
    pub icon_url: Option<String>,
}

/// An Atlassian account. One that shows no name is there all the same; nobody is null.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct User {
    /// Atlassian's id of the account.
    pub account_id: Option<String>,
    /// The name that the account shows, if it shows one.
    pub display_name: Option<String>,
    /// Only if the account's owner lets others see it.
    pub email_address: Option<String>,
    /// A picture of 48 by 48 pixels.
    pub avatar_url: Option<String>,
}

/// The project of an issue.
#[derive(Debug, Clone, Serialize)]
pub struct IssueProject {
    /// Digits.
    pub id: Option<String>,
    /// `PROJ`.
    pub key: Option<String>,
    /// Where people see it.
    pub url: Option<String>,
    /// The name.
    pub name: Option<String>,
}

/// A resolution.
#[derive(Debug, Clone, Serialize)]
pub struct Resolution {
    /// Digits.
    pub id: Option<String>,
    /// What the site calls it.
    pub name: Option<String>,
    /// What it means.
    pub description: Option<String>,
}

/// Estimates and time spent, as Jira writes them: `1w 2d 4h`.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TimeTracking {
    /// Estimated at first.
    pub original_estimate: Option<String>,
    /// Estimated to be left.
    pub remaining_estimate: Option<String>,
    /// Spent so far.
    pub time_spent: Option<String>,
}

impl NameAndIcon {
    /// What a field of an issue has, if it is an object.
    pub(super) fn of(issue: &Issue, field: &str) -> Option<Self> {
        issue.object(field, |it| Self {
            id: id_of(&it["id"]),
            name: text_of(&it["name"]),
            icon_url: text_of(&it["iconUrl"]),
        })
    }
}

impl User {
    /// Who a field of an issue names, if it is an object.
    pub(super) fn of(issue: &Issue, field: &str) -> Option<Self> {
        issue.object(field, |it| Self {
            account_id: text_of(&it["accountId"]),
            display_name: text_of(&it["displayName"]),
            email_address: text_of(&it["emailAddress"]),
            avatar_url: text_of(&it["avatarUrls"]["48x48"]),
        })
    }
}

impl TimeTracking {
    fn of(issue: &Issue) -> Option<Self> {
        let it = issue.field("timetracking");
        let times = Self {
            original_estimate: text_of(&it["originalEstimate"]),
            remaining_estimate: text_of(&it["remainingEstimate"]),
            time_spent: text_of(&it["timeSpent"]),
        };
        let is_there = [&times.original_estimate, &times.remaining_estimate, &times.time_spent]
            .iter()
            .any(|it| it.is_some());
        is_there.then_some(times)
    }
}

/// The names of what a field lists, and beside each one its id.
fn names(issue: &Issue, field: &str) -> (Vec<String>, Vec<Option<String>>) {
    issue.list(field).filter_map(|it| Some((text_of(&it["name"])?, id_of(&it["id"])))).unzip()
}

impl From<(Issue, DescriptionFormat)> for IssueDetails {
    fn from((raw, format): (Issue, DescriptionFormat)) -> Self {
        let is_custom =
            |(name, value): &(&String, &Value)| name.starts_with("customfield_") && !value.is_null();
        let (components, component_ids) = names(&raw, "components");
        let (fix_versions, fix_version_ids) = names(&raw, "fixVersions");
        let (affected_versions, affected_version_ids) = names(&raw, "versions");
        Self {
            summary: raw.text("summary"),
            description: format.read(raw.field("description")),
            status: raw.object("status", |it| IssueStatus {
                id: id_of(&it["id"]),
                name: text_of(&it["name"]),
                category: text_of(&it["statusCategory"]["key"]),
            }),
            priority: NameAndIcon::of(&raw, "priority"),
            issue_type: NameAndIcon::of(&raw, "issuetype"),
            assignee: User::of(&raw, "assignee"),
            reporter: User::of(&raw, "reporter"),
            project: raw.object("project", |it| IssueProject {
                id: id_of(&it["id"]),
                key: text_of(&it["key"]),
                url: None,
                name: text_of(&it["name"]),
            }),
            created: raw.time("created"),
            updated: raw.time("updated"),
            resolution: raw.object("resolution", |it| Resolution {
                id: id_of(&it["id"]),
                name: text_of(&it["name"]),
                description: text_of(&it["description"]),
            }),
            labels: raw.list("labels").filter_map(text_of).collect(),
            components,
            component_ids,
            fix_versions,
            fix_version_ids,
            affected_versions,
            affected_version_ids,
            time_tracking: TimeTracking::of(&raw),
            custom_fields: raw
                .fields
                .iter()
                .filter(is_custom)
                .map(|(name, value)| (name.clone(), readable(value)))
                .collect(),
            id: raw.id,
            key: raw.key,
            url: None,
        }
    }
}

impl Linked for IssueDetails {
    fn link(&mut self, links: &Links) {
        self.url = links.browse(self.key.as_deref());
        if let Some(project) = &mut self.project {
            project.url = links.browse(project.key.as_deref());
        }
    }
}

impl ConnectedSite<'_> {
    /// One issue with everything that is known of it, in one call.
    ///
    /// # Errors
    /// 404 `jira_not_found` when there is no such issue, or when it is hidden from the connected account.
    pub async fn issue(&self, issue: &IssueRef, format: DescriptionFormat) -> Result<IssueDetails> {
        self.linked(async { Ok((self.jira.issue(issue.as_str(), FIELDS).await?, format).into()) }).await
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_bare_issue_is_all_null_and_empty() {
        let raw: Issue = serde_json::from_value(json!({ "id": "1", "key": "A-1" })).unwrap();
        let details = serde_json::to_value(IssueDetails::from((raw, DescriptionFormat::Markdown))).unwrap();
        for (name, value) in details.as_object().unwrap() {
            match name.as_str() {
                "id" | "key" => {}
                "labels" | "components" | "componentIds" | "fixVersions" | "fixVersionIds"
                | "affectedVersions" | "affectedVersionIds" => assert_eq!(*value, json!([])),
                "customFields" => assert_eq!(*value, json!({})),
                _ => assert!(value.is_null(), "{name}"),
            }
        }
    }

    #[test]
    fn fields_of_unexpected_kinds_cost_nothing_but_themselves() {
        let fields = json!({
            "summary": 7, "description": [1], "status": "open", "priority": [], "labels": "a", "created": 5,
            "components": [null, { "name": "Hull" }, { "id": "2" }, { "id": 3, "name": "Keel" }], "timetracking": {}, "customfield_1": null,
            "assignee": { "displayName": "Sam" },
        });
        let raw: Issue =
            serde_json::from_value(json!({ "id": "1", "key": "A-1", "fields": fields })).unwrap();
        let details = IssueDetails::from((raw, DescriptionFormat::Markdown));
        assert_eq!((details.summary, details.components), (None, vec!["Hull".to_owned(), "Keel".to_owned()]));
        assert_eq!(details.component_ids, [None, Some("3".to_owned())]);
        assert!(details.status.is_none() && details.priority.is_none() && details.time_tracking.is_none());
        assert!(details.custom_fields.is_empty() && details.labels.is_empty());
        assert_eq!(details.assignee.unwrap().display_name.as_deref(), Some("Sam"));
    }

    #[test]
    fn an_account_that_shows_no_name_is_not_nobody() {
        let fields = json!({ "assignee": { "accountId": "5:a" }, "reporter": null });
        let raw: Issue =
            serde_json::from_value(json!({ "id": "1", "key": "A-1", "fields": fields })).unwrap();
        let details = serde_json::to_value(IssueDetails::from((raw, DescriptionFormat::Markdown))).unwrap();
        let hidden =
            json!({ "accountId": "5:a", "displayName": null, "emailAddress": null, "avatarUrl": null });
        assert_eq!((&details["assignee"], &details["reporter"]), (&hidden, &json!(null)));
    }
}
