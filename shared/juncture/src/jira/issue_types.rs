//! The issue types of a project.

use atlassian::ProjectId;
use serde::Serialize;

use super::errors::missing;
use super::site::ConnectedSite;
use crate::error::{Error, ErrorCode, Result};

/// An issue type that the connected account may create in a project. Values that Jira omits are null.
#[derive(Debug, Clone, Serialize)]
pub struct IssueType {
    /// Digits.
    pub id: Option<String>,
    /// Its name on the site.
    pub name: Option<String>,
    /// Its description on the site.
    pub description: Option<String>,
    /// Icon URL.
    pub icon_url: Option<String>,
    /// Whether issues of this type are subtasks, which need a parent.
    pub is_subtask: Option<bool>,
    /// 1 for epics, 0 for the standard types, -1 for subtasks.
    pub hierarchy_level: Option<i64>,
}

impl From<atlassian::IssueType> for IssueType {
    fn from(raw: atlassian::IssueType) -> Self {
        Self {
            id: raw.id,
            name: raw.name,
            description: raw.description,
            icon_url: raw.icon_url,
            is_subtask: raw.subtask,
            hierarchy_level: raw.hierarchy_level,
        }
    }
}

impl ConnectedSite<'_> {
    /// Lists the issue types that the connected account may create in a project; none if it may create nothing.
    ///
    /// # Errors
    /// `project_not_found` if the project does not exist or is not visible.
    pub async fn issue_types(&self, project: &ProjectId) -> Result<Vec<IssueType>> {
        let types = self.jira.issue_types(project).await.map_err(|error| {
            let sentence = "The project does not exist, or is not visible to the connected account";
            missing(Error::from(error), ErrorCode::ProjectNotFound, sentence)
        })?;
        Ok(types.into_iter().map(IssueType::from).collect())
    }
}
