//! The ids of a request, by the names that the API has for them.

use atlassian::{InvalidId, IssueRef, ProjectId};

use crate::error::{Error, Result};

impl From<InvalidId> for Error {
    fn from(invalid: InvalidId) -> Self {
        Self::bad_request(match invalid {
            InvalidId::Project => {
                "jira_project_id is not a Jira project id: send its number, such as 10000, or its key, such as PROJ"
            }
            InvalidId::ProjectNumber => {
                "jira_project_id must be the project's number, such as 10000, not its key: get-projects lists both"
            }
            InvalidId::Issue => {
                "issue_id_or_key is not a Jira issue: send its number, such as 10000, or its key, such as PROJ-1"
            }
            InvalidId::Sprint => "sprint_id is not a Jira sprint id: send its number, such as 10000",
            InvalidId::Site => "site_id is not a Jira site id: send one that fetch-available-sites lists",
        })
    }
}

/// Reads an issue's id or key.
///
/// # Errors
/// 400 when the text can be neither; `parameter` is what the caller knows it by.
pub fn issue_ref(text: &str, parameter: &str) -> Result<IssueRef> {
    IssueRef::parse(text).map_err(|_| {
        Error::bad_request(format!(
            "{parameter} is not a Jira issue: send its number, such as 10000, or its key, such as PROJ-1"
        ))
    })
}

/// Reads a project's id or key.
///
/// # Errors
/// 400 when the text can be neither.
pub fn project_id(text: &str) -> Result<ProjectId> {
    Ok(ProjectId::parse(text)?)
}
