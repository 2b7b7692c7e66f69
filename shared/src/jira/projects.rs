//! Projects.
//!
//! <https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-projects/#api-rest-api-3-project-search-get>

use std::collections::HashSet;

use futures_util::{StreamExt, TryStreamExt, stream};
use serde::{Deserialize, Serialize};

use super::client::{Call, IN_FLIGHT, JiraSite};
use crate::error::Result;
use crate::paging::Part;

/// Jira clamps higher page sizes to this.
const PAGE_SIZE: usize = 100;

/// A project, as `get-projects` lists it. Fields that Jira leaves out are null.
#[derive(Debug, Clone, Serialize)]
pub struct Project {
    /// Digits.
    pub id: String,
    /// `PROJ`.
    pub key: String,
    /// The name.
    pub name: String,
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
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ProjectCategory {
    /// Digits.
    pub id: Option<String>,
    /// The name.
    pub name: Option<String>,
    /// What it is for.
    pub description: Option<String>,
}

/// Who leads a project.
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

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Page {
    pub(super) values: Vec<RawProject>,
    total: Option<usize>,
    is_last: Option<bool>,
}

impl Page {
    fn is_last(&self) -> bool {
        self.is_last.unwrap_or(false) || self.values.is_empty()
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RawProject {
    id: String,
    key: String,
    name: String,
    project_type_key: Option<String>,
    style: Option<String>,
    is_private: Option<bool>,
    avatar_urls: Option<AvatarUrls>,
    project_category: Option<ProjectCategory>,
    lead: Option<RawUser>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawUser {
    account_id: Option<String>,
    display_name: Option<String>,
    avatar_urls: Option<AvatarUrls>,
    active: Option<bool>,
}

#[derive(Deserialize)]
struct AvatarUrls {
    #[serde(rename = "48x48")]
    large: Option<String>,
}

impl From<RawProject> for Project {
    fn from(raw: RawProject) -> Self {
        Self {
            id: raw.id,
            key: raw.key,
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
        let (from, limit) = part.map_or((0, usize::MAX), |part| (part.from.unwrap_or(0), part.limit));
        let end = from.saturating_add(limit);
        let first = self.project_page(from, end).await?;
        let step = first.values.len();
        let mut is_complete = first.is_last();
        let known_end = end.min(first.total.unwrap_or(0));
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
        found.retain(|project| seen.insert(project.id.clone()));
        Ok((found.into_iter().map(Project::from).collect(), next))
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
