//! Boards and sprints, as the API lists them.

use atlassian::{Board, BoardSprints, ProjectId, Sprint, SprintId, SprintState};
use serde::Serialize;

use super::errors::missing;
use super::site::ConnectedSite;
use crate::error::{Error, ErrorCode, Result};
use crate::paging::PageRequest;

/// A board in a list of sprints.
#[derive(Debug, Clone, Serialize)]
pub struct SprintBoard {
    board_id: Option<i64>,
    board_name: Option<String>,
    board_type: Option<String>,
    /// All sprints of the board; missing in the list of active sprints.
    #[serde(skip_serializing_if = "Option::is_none")]
    sprints: Option<Vec<Sprint>>,
    active_sprints: Vec<Sprint>,
}

impl SprintBoard {
    /// A board with its active sprints only.
    pub fn of_active(BoardSprints { board, sprints }: BoardSprints) -> Self {
        Self::of(board, None, sprints)
    }

    /// A board with all its sprints.
    pub fn of_all(BoardSprints { board, sprints }: BoardSprints) -> Self {
        let active_sprints = sprints.iter().filter(|sprint| sprint.is_active()).cloned().collect();
        Self::of(board, Some(sprints), active_sprints)
    }

    fn of(board: Board, sprints: Option<Vec<Sprint>>, active_sprints: Vec<Sprint>) -> Self {
        Self { board_id: board.id, board_name: board.name, board_type: board.kind, sprints, active_sprints }
    }
}

impl ConnectedSite<'_> {
    /// Returns a project's boards in Jira's order, all of them or one page, and where the next page starts.
    ///
    /// # Errors
    /// 404 if the project does not exist, is not visible, or has no boards.
    pub async fn boards(
        &self,
        project: &ProjectId,
        part: Option<&PageRequest<usize>>,
    ) -> Result<(Vec<Board>, Option<usize>)> {
        let (from, limit) = part.map_or((0, usize::MAX), |part| (part.from.unwrap_or(0), part.limit));
        let (boards, next) = self.jira.boards(project, from, limit).await.map_err(no_project)?;
        // Later pages may be empty, because boards may have been deleted since the previous one.
        let boards = if from == 0 { some_boards(boards)? } else { boards };
        Ok((boards, next))
    }

    /// Returns a project's boards with their sprints, all of them or one page, and where the next page starts.
    ///
    /// # Errors
    /// Those of [`Self::boards`].
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

    /// Returns a sprint.
    ///
    /// # Errors
    /// 404 `Sprint not found`.
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
