//! Projects.
//!
//! <https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-projects/#api-rest-api-3-project-search-get>

use std::collections::HashSet;

use futures_util::{StreamExt, TryStreamExt, stream};
use serde::{Deserialize, Serialize};

use crate::client::{Call, IN_FLIGHT, JiraSite, Result};
use crate::ids::ProjectId;
use crate::lenient;

/// Jira clamps higher page sizes to this.
const PAGE_SIZE: usize = 100;

const SCOPES: &str = "read:jira-work";

/// A page as Jira sends it. What is no object has its place in it and is nothing else.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ProjectPage {
    #[serde(deserialize_with = "lenient::objects")]
    /// The projects.
    pub values: Vec<Option<Project>>,
    #[serde(default, deserialize_with = "lenient::integer")]
    total: Option<i64>,
    #[serde(default, deserialize_with = "lenient::flag")]
    is_last: Option<bool>,
}

impl ProjectPage {
    fn is_last(&self) -> bool {
        self.is_last.unwrap_or(false) || self.values.is_empty()
    }
}

/// A project. What Jira leaves out, or sends as something odd, is none.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Project {
    /// Digits.
    #[serde(deserialize_with = "lenient::id")]
    pub id: Option<String>,
    /// `PROJ`.
    #[serde(deserialize_with = "lenient::text")]
    pub key: Option<String>,
    /// The name.
    #[serde(deserialize_with = "lenient::text")]
    pub name: Option<String>,
    /// `software`, `service_desk` or `business`.
    #[serde(deserialize_with = "lenient::text")]
    pub project_type_key: Option<String>,
    /// `classic` or `next-gen` (team-managed).
    #[serde(deserialize_with = "lenient::text")]
    pub style: Option<String>,
    /// Whether only its members see it.
    #[serde(deserialize_with = "lenient::flag")]
    pub is_private: Option<bool>,
    /// Pictures of it.
    #[serde(deserialize_with = "lenient::object")]
    pub avatar_urls: Option<AvatarUrls>,
    /// The category, if the project has one.
    #[serde(deserialize_with = "lenient::object")]
    pub project_category: Option<Category>,
    /// Who leads it. One whose account shows no name is there all the same.
    #[serde(deserialize_with = "lenient::object")]
    pub lead: Option<Lead>,
}

/// Who leads a project.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Lead {
    /// The Atlassian account.
    #[serde(deserialize_with = "lenient::text")]
    pub account_id: Option<String>,
    /// The name that the account shows.
    #[serde(deserialize_with = "lenient::text")]
    pub display_name: Option<String>,
    /// Pictures of the account's owner.
    #[serde(deserialize_with = "lenient::object")]
    pub avatar_urls: Option<AvatarUrls>,
    /// Whether the account is in use.
    #[serde(deserialize_with = "lenient::flag")]
    pub active: Option<bool>,
}

/// Addresses of a picture, by its size.
#[derive(Default, Deserialize)]
#[serde(default)]
pub struct AvatarUrls {
    /// The one of 48 by 48 pixels.
    #[serde(rename = "48x48", deserialize_with = "lenient::text")]
    pub large: Option<String>,
}

/// The category of a project.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Category {
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

impl JiraSite<'_> {
    /// The projects that the account of the token sees, by key, each once: `limit` of them from the place `from` on
    /// (`0` and `usize::MAX` for all), and where the list goes on.
    ///
    /// The first page tells how many there are; the others are read side by side, as far apart as the first page
    /// turned out to be long. Whatever is still missing then (Jira may shorten any page) is read page by page.
    ///
    /// # Errors
    /// What Jira refuses or fails at.
    pub async fn projects(&self, from: usize, limit: usize) -> Result<(Vec<Project>, Option<usize>)> {
        let end = from.saturating_add(limit);
        let first = self.project_page(from, end).await?;
        let step = first.values.len();
        let mut is_complete = first.is_last();
        let known_end = end.min(first.total.and_then(|total| total.try_into().ok()).unwrap_or(0));
        let mut found = first.values;
        if !is_complete {
            let starts = (from + step..known_end).step_by(step);
            let pages: Vec<ProjectPage> = stream::iter(starts)
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
        Ok((found.collect(), next))
    }

    /// The key of a project.
    ///
    /// # Errors
    /// What Jira refuses or fails at.
    pub async fn project_key(&self, project: &ProjectId) -> Result<String> {
        #[derive(Deserialize)]
        struct Found {
            key: String,
        }
        let path = ["rest", "api", "3", "project", project.as_str()];
        let found: Found = self.call(Call::get(&path, &[], SCOPES)).await?;
        Ok(found.key)
    }

    /// A page of the projects from one place to another, or to as far as a page goes.
    async fn project_page(&self, start: usize, end: usize) -> Result<ProjectPage> {
        let (start_at, size) = (start.to_string(), (end - start).min(PAGE_SIZE).to_string());
        let path = ["rest", "api", "3", "project", "search"];
        let query =
            [("startAt", start_at.as_str()), ("maxResults", &size), ("expand", "lead"), ("orderBy", "key")];
        self.call(Call::get(&path, &query, SCOPES)).await
    }
}
