//! One issue, read whole.
//!
//! <https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-issues/#api-rest-api-3-issue-issueidorkey-get>

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

use super::client::{Call, JiraSite};
use super::custom_field::readable;
use super::description::DescriptionFormat;
use super::ids::IssueRef;
use super::links::{Linked, Links};
use super::timestamp::utc;
use crate::error::Result;
use crate::lenient;

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

/// An issue as Jira sends it. It is read tolerantly: a value of an unexpected kind is as good as none, and never costs
/// the others.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct RawIssue {
    #[serde(deserialize_with = "lenient::id")]
    pub(super) id: Option<String>,
    #[serde(deserialize_with = "lenient::text")]
    pub(super) key: Option<String>,
    #[serde(deserialize_with = "object")]
    pub(super) fields: Map<String, Value>,
    /// Entity properties, if they were asked for.
    #[serde(deserialize_with = "object")]
    pub(super) properties: Map<String, Value>,
}

fn object<'de, D: Deserializer<'de>>(from: D) -> std::result::Result<Map<String, Value>, D::Error> {
    Ok(lenient::object(from)?.unwrap_or_default())
}

/// A whole answer that is one issue. What names none is no issue, whatever else it is.
#[derive(Deserialize)]
#[serde(try_from = "RawIssue")]
pub(super) struct OneIssue(pub(super) RawIssue);

impl TryFrom<RawIssue> for OneIssue {
    type Error = &'static str;

    fn try_from(raw: RawIssue) -> std::result::Result<Self, Self::Error> {
        if raw.id.is_some() || raw.key.is_some() { Ok(Self(raw)) } else { Err("an issue without id and key") }
    }
}

impl RawIssue {
    pub(super) fn field(&self, name: &str) -> &Value {
        self.fields.get(name).unwrap_or(&Value::Null)
    }

    pub(super) fn text(&self, name: &str) -> Option<String> {
        text(self.field(name))
    }

    /// The description.
    pub(super) fn description(&self, format: DescriptionFormat) -> Value {
        format.read(self.field("description"))
    }

    pub(super) fn time(&self, name: &str) -> Option<String> {
        self.field(name).as_str().map(utc)
    }

    pub(super) fn icon(&self, name: &str) -> Option<NameAndIcon> {
        self.object(name, |it| NameAndIcon {
            id: id(&it["id"]),
            name: text(&it["name"]),
            icon_url: text(&it["iconUrl"]),
        })
    }

    pub(super) fn user(&self, name: &str) -> Option<User> {
        self.object(name, |it| User {
            account_id: text(&it["accountId"]),
            display_name: text(&it["displayName"]),
            email_address: text(&it["emailAddress"]),
            avatar_url: text(&it["avatarUrls"]["48x48"]),
        })
    }

    fn object<T>(&self, name: &str, read: impl FnOnce(&Value) -> T) -> Option<T> {
        Some(self.field(name)).filter(|value| value.is_object()).map(read)
    }

    /// The names of what is listed, and beside each one its id.
    fn names(&self, name: &str) -> (Vec<String>, Vec<Option<String>>) {
        self.list(name).filter_map(|it| Some((text(&it["name"])?, id(&it["id"])))).unzip()
    }

    fn list(&self, name: &str) -> impl Iterator<Item = &Value> {
        self.field(name).as_array().into_iter().flatten()
    }

    fn time_tracking(&self) -> Option<TimeTracking> {
        let it = self.field("timetracking");
        let times = TimeTracking {
            original_estimate: text(&it["originalEstimate"]),
            remaining_estimate: text(&it["remainingEstimate"]),
            time_spent: text(&it["timeSpent"]),
        };
        let is_there = [&times.original_estimate, &times.remaining_estimate, &times.time_spent]
            .iter()
            .any(|it| it.is_some());
        is_there.then_some(times)
    }
}

pub(super) fn text(value: &Value) -> Option<String> {
    value.as_str().map(str::to_owned)
}

/// An id: a text, or a number as one.
pub(super) fn id(value: &Value) -> Option<String> {
    text(value).or_else(|| value.as_i64().map(|number| number.to_string()))
}

impl From<(RawIssue, DescriptionFormat)> for IssueDetails {
    fn from((raw, format): (RawIssue, DescriptionFormat)) -> Self {
        let is_custom =
            |(name, value): &(&String, &Value)| name.starts_with("customfield_") && !value.is_null();
        let (components, component_ids) = raw.names("components");
        let (fix_versions, fix_version_ids) = raw.names("fixVersions");
        let (affected_versions, affected_version_ids) = raw.names("versions");
        Self {
            summary: raw.text("summary"),
            description: raw.description(format),
            status: raw.object("status", |it| IssueStatus {
                id: id(&it["id"]),
                name: text(&it["name"]),
                category: text(&it["statusCategory"]["key"]),
            }),
            priority: raw.icon("priority"),
            issue_type: raw.icon("issuetype"),
            assignee: raw.user("assignee"),
            reporter: raw.user("reporter"),
            project: raw.object("project", |it| IssueProject {
                id: id(&it["id"]),
                key: text(&it["key"]),
                url: None,
                name: text(&it["name"]),
            }),
            created: raw.time("created"),
            updated: raw.time("updated"),
            resolution: raw.object("resolution", |it| Resolution {
                id: id(&it["id"]),
                name: text(&it["name"]),
                description: text(&it["description"]),
            }),
            labels: raw.list("labels").filter_map(text).collect(),
            components,
            component_ids,
            fix_versions,
            fix_version_ids,
            affected_versions,
            affected_version_ids,
            time_tracking: raw.time_tracking(),
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

impl JiraSite<'_> {
    /// One issue with everything that is known of it, in one call.
    ///
    /// # Errors
    /// 404 `jira_not_found` when there is no such issue, or when it is hidden from the connected account.
    pub async fn issue(&self, issue: &IssueRef, format: DescriptionFormat) -> Result<IssueDetails> {
        self.linked(async { Ok((self.read_issue(issue.as_str(), FIELDS).await?, format).into()) }).await
    }

    pub(super) async fn read_issue(&self, id_or_key: &str, fields: &str) -> Result<RawIssue> {
        let path = ["rest", "api", "3", "issue", id_or_key];
        let OneIssue(raw) = self.call(Call::get(&path, &[("fields", fields)], "read:jira-work")).await?;
        Ok(raw)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_bare_issue_is_all_null_and_empty() {
        let raw: RawIssue = serde_json::from_value(json!({ "id": "1", "key": "A-1" })).unwrap();
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
        let raw: RawIssue =
            serde_json::from_value(json!({ "id": "1", "key": "A-1", "fields": fields })).unwrap();
        let details = IssueDetails::from((raw, DescriptionFormat::Markdown));
        assert_eq!((details.summary, details.components), (None, vec!["Hull".to_owned(), "Keel".to_owned()]));
        assert_eq!(details.component_ids, [None, Some("3".to_owned())]);
        assert!(details.status.is_none() && details.priority.is_none() && details.time_tracking.is_none());
        assert!(details.custom_fields.is_empty() && details.labels.is_empty());
        assert_eq!(details.assignee.unwrap().display_name.as_deref(), Some("Sam"));
    }

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

    #[test]
    fn an_account_that_shows_no_name_is_not_nobody() {
        let fields = json!({ "assignee": { "accountId": "5:a" }, "reporter": null });
        let raw: RawIssue =
            serde_json::from_value(json!({ "id": "1", "key": "A-1", "fields": fields })).unwrap();
        let details = serde_json::to_value(IssueDetails::from((raw, DescriptionFormat::Markdown))).unwrap();
        let hidden =
            json!({ "accountId": "5:a", "displayName": null, "emailAddress": null, "avatarUrl": null });
        assert_eq!((&details["assignee"], &details["reporter"]), (&hidden, &json!(null)));
    }
}
