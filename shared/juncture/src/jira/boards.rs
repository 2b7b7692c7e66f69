//! Boards and sprints, as the API lists them.

use atlassian::{Board, BoardSprints, ProjectId, Sprint, SprintId, SprintState};

use super::errors::missing;
use super::site::ConnectedSite;
use crate::error::{Error, ErrorCode, Result};
use crate::paging::PageRequest;

impl ConnectedSite<'_> {
    /// The boards of a project in Jira's order, all of them or one part, and where the next part begins.
    ///
    /// # Errors
    /// 404 when the project has none, does not exist or is hidden; what Jira refuses or fails at.
    pub async fn boards(
        &self,
        project: &ProjectId,
        part: Option<&PageRequest<usize>>,
    ) -> Result<(Vec<Board>, Option<usize>)> {
        let (from, limit) = part.map_or((0, usize::MAX), |part| (part.from.unwrap_or(0), part.limit));
        let (boards, next) = self.jira.boards(project, from, limit).await.map_err(no_project)?;
        // Boards may have been deleted since the part before.
        let boards = if from == 0 { some_boards(boards)? } else { boards };
        Ok((boards, next))
    }

    /// The boards of a project with their sprints, all of them or one part, and where the next part begins.
    ///
    /// # Errors
    /// As [`Self::boards`].
    pub async fn boards_with_sprints(
        &self,
        project: &ProjectId,
        state: SprintState,
        part: Option<&PageRequest<usize>>,
    ) -> Result<(Vec<BoardSprints>, Option<usize>)> {
        if part.is_some() {
            let (boards, next) = self.boards(project, part).await?;
            return Ok((self.jira.sprints_of(boards, state).await?, next));
        }
        let boards = self.jira.boards_with_sprints(project, state).await.map_err(no_project)?;
        Ok((some_boards(boards)?, None))
    }

    /// A sprint.
    ///
    /// # Errors
    /// 404 `Sprint not found`; what Jira refuses or fails at.
    pub async fn sprint(&self, sprint: &SprintId) -> Result<Sprint> {
        let found = self.jira.sprint(sprint).await;
        found.map_err(|error| missing(error.into(), ErrorCode::SprintNotFound, "Sprint not found"))
    }
}

fn no_project(error: atlassian::JiraError) -> Error {
    missing(error.into(), ErrorCode::ProjectNotFound, "Project not found")
}

fn some_boards<T>(boards: Vec<T>) -> Result<Vec<T>> {
    if boards.is_empty() {
        return Err(Error::new(ErrorCode::NoBoards, "No agile boards found for this project"));
    }
    Ok(boards)
}
