//! Reading a single issue in full.

use atlassian::lenient::{id_of, text_of};
use atlassian::timestamp::utc;
use atlassian::{Issue, IssueRef};
use serde::Serialize;
use serde_json::{Map, Value};

use super::custom_field::readable;
use super::description::DescriptionFormat;
use super::issue_links::LinkedIssue;
use super::links::{Linked, Links};
use super::site::ConnectedSite;
use crate::error::Result;

/// All fields of the details. Comments and work logs may be long and are excluded.
const FIELDS: &str = "*all,-comment,-worklog,-subtasks";

/// An issue as `get-issue-details` returns it. Fields that Jira omits or sends in an unexpected form are null, or empty
/// lists.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct IssueDetails {
    /// Digits.
    pub id: Option<String>,
    /// `PROJ-1`.
    pub key: Option<String>,
    /// The issue's page in Jira.
    pub url: Option<String>,
    /// The title, one line.
    pub summary: Option<String>,
    /// Markdown or an ADF document, as requested; null if there is none.
    pub description: Value,
    /// Its status.
    pub status: Option<IssueStatus>,
    /// Its priority.
    pub priority: Option<NameAndIcon>,
    /// Task, bug, story and so on.
    pub issue_type: Option<NameAndIcon>,
    /// The assignee.
    pub assignee: Option<User>,
    /// The reporter.
    pub reporter: Option<User>,
    /// Its project.
    pub project: Option<IssueProject>,
    /// `2024-01-01T10:00:00.000Z`.
    pub created: Option<String>,
    /// In the format of [`Self::created`].
    pub updated: Option<String>,
    /// How it was resolved, if it was.
    pub resolution: Option<Resolution>,
    /// Its labels.
    pub labels: Vec<String>,
    /// Component names.
    pub components: Vec<String>,
    /// The ids of [`Self::components`], digits, in the same order.
    pub component_ids: Vec<Option<String>>,
    /// Names of the fix versions.
    pub fix_versions: Vec<String>,
    /// The ids of [`Self::fix_versions`], digits, in the same order.
    pub fix_version_ids: Vec<Option<String>>,
    /// Names of the affected versions.
    pub affected_versions: Vec<String>,
    /// The ids of [`Self::affected_versions`], digits, in the same order.
    pub affected_version_ids: Vec<Option<String>>,
    /// The files attached to it.
    pub attachments: Vec<IssueAttachment>,
    /// Its time estimates, if there are any.
    pub time_tracking: Option<TimeTracking>,
    /// Its links to other issues.
    pub links: Vec<LinkedIssue>,
    /// All custom fields that are not empty, by id (`customfield_10001`), in a readable form ([`readable`]).
    pub custom_fields: Map<String, Value>,
}

/// A status.
#[derive(Debug, Clone, Serialize)]
pub struct IssueStatus {
    /// Digits.
    pub id: Option<String>,
    /// Its name on the site.
    pub name: Option<String>,
    /// Status category: `new`, `indeterminate`, `done` or `undefined`, independent of the name.
    pub category: Option<String>,
}

/// A priority or an issue type.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NameAndIcon {
    /// Digits.
    pub id: Option<String>,
    /// Its name on the site.
    pub name: Option<String>,
    /// Icon URL.
    pub icon_url: Option<String>,
}

/// An Atlassian account, which may have no visible name. An unassigned field is null instead.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct User {
    /// Atlassian account id.
    pub account_id: Option<String>,
    /// Display name, if the account shows one.
    pub display_name: Option<String>,
    /// Only set if the account's profile makes it visible.
    pub email_address: Option<String>,
    /// Avatar of 48 by 48 pixels.
    pub avatar_url: Option<String>,
}

/// The project of an issue.
#[derive(Debug, Clone, Serialize)]
pub struct IssueProject {
    /// Digits.
    pub id: Option<String>,
    /// `PROJ`.
    pub key: Option<String>,
    /// The project's page in Jira.
    pub url: Option<String>,
    /// Its name.
    pub name: Option<String>,
}

/// A file attached to an issue.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct IssueAttachment {
    /// Digits.
    pub id: Option<String>,
    /// The name of the file.
    pub file_name: Option<String>,
    /// Its media type: `image/png`.
    pub mime_type: Option<String>,
    /// Its size in bytes.
    pub size: Option<i64>,
    /// In the format of [`IssueDetails::created`].
    pub created: Option<String>,
    /// Who attached it.
    pub author: Option<User>,
}

/// A resolution.
#[derive(Debug, Clone, Serialize)]
pub struct Resolution {
    /// Digits.
    pub id: Option<String>,
    /// Its name on the site.
    pub name: Option<String>,
    /// Its description on the site.
    pub description: Option<String>,
}

/// Time estimates and time spent, in Jira's notation: `1w 2d 4h`.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TimeTracking {
    /// Original estimate.
    pub original_estimate: Option<String>,
    /// Remaining estimate.
    pub remaining_estimate: Option<String>,
    /// Time spent.
    pub time_spent: Option<String>,
}

impl NameAndIcon {
    /// Parses a field of an issue, if it is an object.
    pub(super) fn of(issue: &Issue, field: &str) -> Option<Self> {
        issue.object(field, |it| Self {
            id: id_of(&it["id"]),
            name: text_of(&it["name"]),
            icon_url: text_of(&it["iconUrl"]),
        })
    }
}

impl User {
    /// Parses a user field of an issue, if it is an object.
    pub(super) fn of(issue: &Issue, field: &str) -> Option<Self> {
        issue.object(field, Self::read)
    }

    fn read(it: &Value) -> Self {
        Self {
            account_id: text_of(&it["accountId"]),
            display_name: text_of(&it["displayName"]),
            email_address: text_of(&it["emailAddress"]),
            avatar_url: text_of(&it["avatarUrls"]["48x48"]),
        }
    }
}

impl IssueAttachment {
    fn read(it: &Value) -> Self {
        Self {
            id: id_of(&it["id"]),
            file_name: text_of(&it["filename"]),
            mime_type: text_of(&it["mimeType"]),
            size: it["size"].as_i64(),
            created: it["created"].as_str().map(utc),
            author: Some(&it["author"]).filter(|author| author.is_object()).map(User::read),
        }
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

/// The names in a list field, and their ids.
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
            attachments: raw
                .list("attachment")
                .filter(|it| it.is_object())
                .map(IssueAttachment::read)
                .collect(),
            time_tracking: TimeTracking::of(&raw),
            links: LinkedIssue::of(&raw),
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
        self.links.link(links);
    }
}

impl ConnectedSite<'_> {
    /// Returns an issue with all its details, in one request.
    ///
    /// # Errors
    /// 404 `jira_not_found` if it does not exist or is not visible to the connected account.
    pub async fn issue(&self, issue: &IssueRef, format: DescriptionFormat) -> Result<IssueDetails> {
        self.linked(async { Ok((self.jira.issue(issue.as_str(), FIELDS).await?, format).into()) }).await
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_issue_without_fields_has_null_and_empty_details() {
        let raw: Issue = serde_json::from_value(json!({ "id": "1", "key": "A-1" })).unwrap();
        let details = serde_json::to_value(IssueDetails::from((raw, DescriptionFormat::Markdown))).unwrap();
        for (name, value) in details.as_object().unwrap() {
            match name.as_str() {
                "id" | "key" => {}
                "labels" | "components" | "componentIds" | "fixVersions" | "fixVersionIds"
                | "affectedVersions" | "affectedVersionIds" | "links" | "attachments" => {
                    assert_eq!(*value, json!([]));
                }
                "customFields" => assert_eq!(*value, json!({})),
                _ => assert!(value.is_null(), "{name}"),
            }
        }
    }

    #[test]
    fn fields_of_unexpected_types_affect_only_themselves() {
        let fields = json!({
            "summary": 7, "description": [1], "status": "open", "priority": [], "labels": "a", "created": 5,
            "components": [null, { "name": "Hull" }, { "id": "2" }, { "id": 3, "name": "Keel" }], "timetracking": {}, "customfield_1": null,
            "attachment": [null, "a", { "id": 7, "size": "1", "created": 5, "author": [] }],
            "assignee": { "displayName": "Sam" },
        });
        let raw: Issue =
            serde_json::from_value(json!({ "id": "1", "key": "A-1", "fields": fields })).unwrap();
        let details = IssueDetails::from((raw, DescriptionFormat::Markdown));
        assert_eq!((details.summary, details.components), (None, vec!["Hull".to_owned(), "Keel".to_owned()]));
        assert_eq!(details.component_ids, [None, Some("3".to_owned())]);
        assert_eq!((details.attachments.len(), details.attachments[0].id.as_deref()), (1, Some("7")));
        assert!(details.attachments[0].author.is_none() && details.attachments[0].size.is_none());
        assert!(details.status.is_none() && details.priority.is_none() && details.time_tracking.is_none());
        assert!(details.custom_fields.is_empty() && details.labels.is_empty());
        assert_eq!(details.assignee.unwrap().display_name.as_deref(), Some("Sam"));
    }

    #[test]
    fn an_account_without_a_visible_name_is_not_null() {
        let fields = json!({ "assignee": { "accountId": "5:a" }, "reporter": null });
        let raw: Issue =
            serde_json::from_value(json!({ "id": "1", "key": "A-1", "fields": fields })).unwrap();
        let details = serde_json::to_value(IssueDetails::from((raw, DescriptionFormat::Markdown))).unwrap();
        let hidden =
            json!({ "accountId": "5:a", "displayName": null, "emailAddress": null, "avatarUrl": null });
        assert_eq!((&details["assignee"], &details["reporter"]), (&hidden, &json!(null)));
    }
}
