//! Projects.
//!
//! <https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-projects/#api-rest-api-3-project-search-get>

use std::collections::HashSet;

use futures_util::{StreamExt, TryStreamExt, stream};
use serde::{Deserialize, Serialize};

use super::client::{Call, IN_FLIGHT, JiraSite};
use super::links::{Linked, Links};
use crate::error::Result;
use crate::lenient;
use crate::paging::Part;

/// Jira clamps higher page sizes to this.
const PAGE_SIZE: usize = 100;

/// A project, as `get-projects` lists it. What Jira leaves out, or sends as
/// something odd, is null.
#[derive(Debug, Clone, Serialize)]
pub struct Project {
    /// Digits.
    pub id: Option<String>,
    /// `PROJ`.
    pub key: Option<String>,
    /// Where people see it.
    pub url: Option<String>,
    /// The name.
    pub name: Option<String>,
    /// `software`, `service_desk` or `business`.
    pub project_type: Option<String>,
    /// `classic` or `next-gen` (team-managed).
    pub style: Option<String>,
    /// Whether only its members see it.
    pub is_private: Option<bool>,
    /// A picture of 48 by 48 pixels.
    pub avatar_url: Option<String>,
    /// The category, if the project has one.
    pub category: Option<ProjectCategory>,
    /// Who leads it.
    pub lead: Option<Lead>,
}

/// The category of a project.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ProjectCategory {
    /// Digits.
    #[serde(deserialize_with = "lenient::id")]
    pub id: Option<String>,
    /// The name.
    #[serde(deserialize_with = "lenient::text")]
    pub name: Option<String>,
    /// What it is for.
    #[serde(deserialize_with = "lenient::text")]
    pub description: Option<String>,
}

/// Who leads a project. One whose account shows no name is there all the same; nobody is null.
#[derive(Debug, Clone, Serialize)]
pub struct Lead {
    /// The Atlassian account.
    #[serde(rename = "accountId")]
    pub account_id: Option<String>,
    /// The name that the account shows.
    #[serde(rename = "displayName")]
    pub display_name: Option<String>,
    /// A picture of 48 by 48 pixels.
    #[serde(rename = "avatarUrl")]
    pub avatar_url: Option<String>,
    /// Whether the account is in use.
    pub active: Option<bool>,
}

/// A page as Jira sends it. What is no object has its place in it and is nothing else.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Page {
    #[serde(deserialize_with = "lenient::objects")]
    pub(super) values: Vec<Option<RawProject>>,
    #[serde(default, deserialize_with = "lenient::integer")]
    total: Option<i64>,
    #[serde(default, deserialize_with = "lenient::flag")]
    is_last: Option<bool>,
}

impl Page {
    fn is_last(&self) -> bool {
        self.is_last.unwrap_or(false) || self.values.is_empty()
    }
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct RawProject {
    #[serde(deserialize_with = "lenient::id")]
    id: Option<String>,
    #[serde(deserialize_with = "lenient::text")]
    key: Option<String>,
    #[serde(deserialize_with = "lenient::text")]
    name: Option<String>,
    #[serde(deserialize_with = "lenient::text")]
    project_type_key: Option<String>,
    #[serde(deserialize_with = "lenient::text")]
    style: Option<String>,
    #[serde(deserialize_with = "lenient::flag")]
    is_private: Option<bool>,
    #[serde(deserialize_with = "lenient::object")]
    avatar_urls: Option<AvatarUrls>,
    #[serde(deserialize_with = "lenient::object")]
    project_category: Option<ProjectCategory>,
    #[serde(deserialize_with = "lenient::object")]
    lead: Option<RawUser>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct RawUser {
    #[serde(deserialize_with = "lenient::text")]
    account_id: Option<String>,
    #[serde(deserialize_with = "lenient::text")]
    display_name: Option<String>,
    #[serde(deserialize_with = "lenient::object")]
    avatar_urls: Option<AvatarUrls>,
    #[serde(deserialize_with = "lenient::flag")]
    active: Option<bool>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct AvatarUrls {
    #[serde(rename = "48x48", deserialize_with = "lenient::text")]
    large: Option<String>,
}

impl From<RawProject> for Project {
    fn from(raw: RawProject) -> Self {
        Self {
            id: raw.id,
            key: raw.key,
            url: None,
            name: raw.name,
            project_type: raw.project_type_key,
            style: raw.style,
            is_private: raw.is_private,
            avatar_url: raw.avatar_urls.and_then(|urls| urls.large),
            category: raw.project_category,
            lead: raw.lead.map(|lead| Lead {
                account_id: lead.account_id,
                display_name: lead.display_name,
                avatar_url: lead.avatar_urls.and_then(|urls| urls.large),
                active: lead.active,
            }),
        }
    }
}

impl Linked for Project {
    fn link(&mut self, links: &Links) {
        self.url = links.browse(self.key.as_deref());
    }
}

impl JiraSite<'_> {
    /// The projects that the connected account sees, by key, each once: all of them, or one part and where the
    /// next one begins.
    ///
    /// The first page tells how many there are; the others are read side by side, as far apart as the first page
    /// turned out to be long. Whatever is still missing then (Jira may shorten any page) is read page by page.
    ///
    /// # Errors
    /// What Jira refuses or fails at; see [`JiraSite`].
    pub async fn projects(&self, part: Option<&Part<usize>>) -> Result<(Vec<Project>, Option<usize>)> {
        self.linked(self.find_projects(part)).await
    }

    async fn find_projects(&self, part: Option<&Part<usize>>) -> Result<(Vec<Project>, Option<usize>)> {
        let (from, limit) = part.map_or((0, usize::MAX), |part| (part.from.unwrap_or(0), part.limit));
        let end = from.saturating_add(limit);
        let first = self.project_page(from, end).await?;
        let step = first.values.len();
        let mut is_complete = first.is_last();
        let known_end = end.min(first.total.and_then(|total| total.try_into().ok()).unwrap_or(0));
        let mut found = first.values;
        if !is_complete {
            let starts = (from + step..known_end).step_by(step);
            let pages: Vec<Page> = stream::iter(starts)
                .map(|start| self.project_page(start, known_end.min(start + step)))
                .buffered(IN_FLIGHT)
                .try_collect()
                .await?;
            for page in pages {
                is_complete = page.is_last();
                let is_short = page.values.len() < step && !is_complete;
                found.extend(page.values);
                if is_short {
                    break;
                }
            }
        }
        while !is_complete && found.len() < limit {
            let page = self.project_page(from + found.len(), end).await?;
            is_complete = page.is_last();
            found.extend(page.values);
        }
        let next = (!is_complete).then_some(from + found.len());
        // A project that is made or deleted meanwhile shifts the pages: one may come twice.
        let mut seen = HashSet::new();
        let found = found.into_iter().flatten();
        let found = found.filter(|project| project.id.as_ref().is_none_or(|id| seen.insert(id.clone())));
        Ok((found.map(Project::from).collect(), next))
    }

    /// A page of the projects from one place to another, or to as far as a page goes.
    async fn project_page(&self, start: usize, end: usize) -> Result<Page> {
        let (start_at, size) = (start.to_string(), (end - start).min(PAGE_SIZE).to_string());
        let path = ["rest", "api", "3", "project", "search"];
        let query =
            [("startAt", start_at.as_str()), ("maxResults", &size), ("expand", "lead"), ("orderBy", "key")];
        self.call(Call::get(&path, &query, "read:jira-work")).await
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json, to_value};

    use super::*;

    fn fine() -> Value {
        json!({
            "id": "1", "key": "SHIP", "name": "Ship", "projectTypeKey": "software", "style": "classic",
            "isPrivate": false, "avatarUrls": { "48x48": "https://x" },
            "projectCategory": { "id": "2", "name": "Fleet", "description": "Ours" },
            "lead": { "accountId": "5:a", "displayName": "Ada", "avatarUrls": {}, "active": true },
        })
    }

    fn read(page: Value) -> Vec<Value> {
        let page: Page = serde_json::from_value(page).unwrap();
        page.values.into_iter().flatten().map(|project| to_value(Project::from(project)).unwrap()).collect()
    }

    #[test]
    fn an_odd_value_is_null_and_costs_nothing_else() {
        let whole = read(json!({ "values": [fine()] })).remove(0);
        let names = [
            "id",
            "key",
            "name",
            "projectTypeKey",
            "style",
            "isPrivate",
            "avatarUrls",
            "projectCategory",
            "lead",
        ];
        let ours =
            ["id", "key", "name", "project_type", "style", "is_private", "avatar_url", "category", "lead"];
        for (name, shown) in names.into_iter().zip(ours) {
            for odd in [json!(null), json!(1.5), json!([null])] {
                let mut project = fine();
                project[name] = odd.clone();
                let found = read(json!({ "values": [project, null, fine()], "total": odd, "isLast": odd }));
                assert_eq!((found.len(), &found[1]), (2, &whole), "{name}: {odd}");
                let mut expected = whole.clone();
                expected[shown] = json!(null);
                assert_eq!(found[0], expected, "{name}: {odd}");
            }
        }
        assert!(
            serde_json::from_value::<Page>(json!({ "values": null })).is_err(),
            "an empty list is made of none"
        );
    }

    #[test]
    fn a_lead_whose_account_shows_no_name_is_not_nobody() {
        let mut project = fine();
        project["lead"] = json!({ "accountId": "5:a", "displayName": null });
        let found = read(json!({ "values": [project] }));
        let lead = json!({ "accountId": "5:a", "displayName": null, "avatarUrl": null, "active": null });
        assert_eq!(found[0]["lead"], lead);
    }
}
