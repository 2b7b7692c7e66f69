//! Projects.
//!
//! <https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-projects/#api-rest-api-3-project-search-get>

use std::collections::HashSet;

use futures_util::{StreamExt, TryStreamExt, stream};
use serde::{Deserialize, Serialize};

use crate::call::Call;
use crate::client::{IN_FLIGHT, JiraSite, Result};
use crate::ids::ProjectId;
use crate::lenient;
use crate::reach::{NOTHING, Subject};
use crate::scopes::READ;

/// Jira caps the page size at this.
const PAGE_SIZE: usize = 100;

/// A page as sent by Jira. An entry that is not an object is kept as `None`, so that offsets stay correct.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ProjectPage {
    /// The projects.
    #[serde(deserialize_with = "lenient::objects")]
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

/// A project. A field that is missing or malformed is `None`.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Project {
    /// The numeric id.
    #[serde(deserialize_with = "lenient::id")]
    pub id: Option<String>,
    /// The key, `PROJ`.
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
    /// Whether only members can see the project.
    #[serde(deserialize_with = "lenient::flag")]
    pub is_private: Option<bool>,
    /// The project's avatars.
    #[serde(deserialize_with = "lenient::object")]
    pub avatar_urls: Option<AvatarUrls>,
    /// The category, if the project has one.
    #[serde(deserialize_with = "lenient::object")]
    pub project_category: Option<Category>,
    /// The project lead; present even if the account shows no name.
    #[serde(deserialize_with = "lenient::object")]
    pub lead: Option<Lead>,
}

/// A project lead.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Lead {
    /// The Atlassian account id.
    #[serde(deserialize_with = "lenient::text")]
    pub account_id: Option<String>,
    /// The name that the account shows.
    #[serde(deserialize_with = "lenient::text")]
    pub display_name: Option<String>,
    /// The account's avatars.
    #[serde(deserialize_with = "lenient::object")]
    pub avatar_urls: Option<AvatarUrls>,
    /// Whether the account is active.
    #[serde(deserialize_with = "lenient::flag")]
    pub active: Option<bool>,
}

/// Avatar URLs by size.
#[derive(Default, Deserialize)]
#[serde(default)]
pub struct AvatarUrls {
    /// The 48 by 48 pixel avatar.
    #[serde(rename = "48x48", deserialize_with = "lenient::text")]
    pub large: Option<String>,
}

/// A project category.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Category {
    /// The numeric id.
    #[serde(deserialize_with = "lenient::id")]
    pub id: Option<String>,
    /// The name.
    #[serde(deserialize_with = "lenient::text")]
    pub name: Option<String>,
    /// The description.
    #[serde(deserialize_with = "lenient::text")]
    pub description: Option<String>,
}

impl JiraSite<'_> {
    /// Lists the projects that the token's account can see, ordered by key, from offset `from`, at most `limit` (`0`
    /// and `usize::MAX` for all), without duplicates. Also returns the offset at which the list continues.
    ///
    /// The first page gives the total; the other pages are read in parallel, in steps of the first page's length. If
    /// projects are still missing (Jira may shorten any page), they are read page by page.
    pub async fn projects(&self, from: usize, limit: usize) -> Result<(Vec<Project>, Option<usize>)> {
        // Without an id, Jira would list all.
        if self.allowed_projects().is_some_and(<[String]>::is_empty) {
            return Ok((Vec::new(), None));
        }
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
        // Projects created or deleted in the meantime shift the pages, so one can appear twice.
        let mut seen = HashSet::new();
        let found = found.into_iter().flatten();
        let found = found.filter(|project| project.id.as_ref().is_none_or(|id| seen.insert(id.clone())));
        Ok((found.collect(), next))
    }

    /// Returns a project's key.
    pub async fn project_key(&self, project: &ProjectId) -> Result<String> {
        #[derive(Deserialize)]
        struct Found {
            key: String,
        }
        let path = ["rest", "api", "3", "project", project.as_str()];
        let found: Found =
            self.call(Call::get([Subject::Project(project.as_str())], &path, &[], READ)).await?;
        Ok(found.key)
    }

    /// Reads a page of projects from offset `start`, ending at `end` or earlier.
    async fn project_page(&self, start: usize, end: usize) -> Result<ProjectPage> {
        let (start_at, size) = (start.to_string(), (end - start).min(PAGE_SIZE).to_string());
        let path = ["rest", "api", "3", "project", "search"];
        let mut query = vec![
            ("startAt", start_at.as_str()),
            ("maxResults", &size),
            ("expand", "lead"),
            ("orderBy", "key"),
        ];
        query.extend(self.allowed_projects().into_iter().flatten().map(|id| ("id", id.as_str())));
        self.call(Call::get(NOTHING, &path, &query, READ)).await
    }
}
