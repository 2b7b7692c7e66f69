//! Boards and sprints.
//!
//! Lists are paged on `isLast` and on what was received: Jira caps pages without a word, and `total` is not
//! always there.
//!
//! <https://developer.atlassian.com/cloud/jira/software/rest/>

use std::collections::HashSet;

use futures_util::{Stream, TryStreamExt, stream};
use http::StatusCode;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::client::{Call, IN_FLIGHT, JiraSite};
use super::failure::missing;
use super::ids::{ProjectId, SprintId};
use super::timestamp;
use crate::error::{Error, Result};
use crate::paging::{Paging, Part};

/// What Jira gives at most.
const PAGE_SIZE: &str = "50";

const BOARD_SCOPES: &str = "read:board-scope:jira-software and read:project:jira";
const SPRINT_SCOPES: &str = "read:sprint:jira-software";

/// An agile board.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Board {
    /// The id.
    pub id: i64,
    /// The name; null for a private board.
    pub name: Option<String>,
    /// `scrum`, `kanban`, or `simple` for a team-managed project's; null for a private board.
    #[serde(rename = "type")]
    pub kind: Option<String>,
}

/// A sprint. What it has not got (a future one has no dates) is null.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Sprint {
    /// The id.
    pub id: i64,
    /// The name.
    pub name: Option<String>,
    /// `future`, `active` or `closed`.
    pub state: Option<String>,
    /// RFC 3339, in UTC.
    #[serde(default, deserialize_with = "timestamp::deserialize")]
    pub start_date: Option<String>,
    /// RFC 3339, in UTC.
    #[serde(default, deserialize_with = "timestamp::deserialize")]
    pub end_date: Option<String>,
    /// When it was closed; RFC 3339, in UTC.
    #[serde(default, deserialize_with = "timestamp::deserialize")]
    pub complete_date: Option<String>,
    /// What it is for.
    pub goal: Option<String>,
}

impl Sprint {
    /// Whether it has begun and is not closed.
    pub fn is_active(&self) -> bool {
        self.state.as_deref() == Some("active")
    }
}

/// A board with sprints. A sprint that several boards list stands with each of them.
#[derive(Debug, Clone)]
pub struct BoardSprints {
    /// The board.
    pub board: Board,
    /// Its sprints in Jira's order: closed, active, future.
    pub sprints: Vec<Sprint>,
}

/// Which sprints are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SprintState {
    /// All of them.
    Any,
    /// Those that have begun and are not closed.
    Active,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Page<T> {
    values: Vec<T>,
    is_last: Option<bool>,
}

/// What has an id of its own.
trait Identified {
    fn id(&self) -> i64;
}

impl Identified for Board {
    fn id(&self) -> i64 {
        self.id
    }
}

impl Identified for Sprint {
    fn id(&self) -> i64 {
        self.id
    }
}

impl JiraSite<'_> {
    /// The boards of a project, in Jira's order.
    ///
    /// # Errors
    /// 404 when the project has none, does not exist or is hidden; see also [`JiraSite`].
    pub async fn boards(&self, project: &ProjectId) -> Result<Vec<Board>> {
        some_boards(self.board_pages(project).try_concat().await?)
    }

    /// The boards of a project with their sprints, all of them or one part, and the cursor of the next part.
    ///
    /// # Errors
    /// As [`Self::boards`].
    pub async fn boards_with_sprints(
        &self,
        project: &ProjectId,
        state: SprintState,
        part: Option<Part<usize>>,
        paging: &Paging<'_>,
    ) -> Result<(Vec<BoardSprints>, Option<String>)> {
        if part.is_some() {
            let (boards, next) = paging.cut(self.boards(project).await?, part)?;
            let boards = stream::iter(boards.into_iter().map(Ok));
            return Ok((self.add_sprints(boards, state).await?, next));
        }
        // The sprints of the first boards are read while further boards are still being listed.
        let boards =
            self.board_pages(project).map_ok(|page| stream::iter(page.into_iter().map(Ok))).try_flatten();
        Ok((some_boards(self.add_sprints(boards, state).await?)?, None))
    }

    async fn add_sprints(
        &self,
        boards: impl Stream<Item = Result<Board>> + Send,
        state: SprintState,
    ) -> Result<Vec<BoardSprints>> {
        boards.map_ok(|board| self.with_sprints(board, state)).try_buffered(IN_FLIGHT).try_collect().await
    }

    /// A sprint.
    ///
    /// # Errors
    /// 404 `Sprint not found`; see also [`JiraSite`].
    pub async fn sprint(&self, sprint: &SprintId) -> Result<Sprint> {
        let path = ["rest", "agile", "1.0", "sprint", sprint.as_str()];
        let found = self.call(Call::get(&path, &[], SPRINT_SCOPES)).await;
        found.map_err(|error| missing(error, "sprint_not_found", "Sprint not found"))
    }

    fn board_pages<'s>(
        &'s self,
        project: &'s ProjectId,
    ) -> impl Stream<Item = Result<Vec<Board>>> + Send + 's {
        let filter = ("projectKeyOrId", project.as_str());
        let pages = self.agile_pages(vec!["board".to_owned()], Some(filter), BOARD_SCOPES);
        pages.map_err(|error| missing(error, "project_not_found", "Project not found"))
    }

    async fn with_sprints(&self, board: Board, state: SprintState) -> Result<BoardSprints> {
        // It would be refused.
        if board.kind.as_deref() == Some("kanban") {
            return Ok(BoardSprints { board, sprints: Vec::new() });
        }
        let filter = match state {
            SprintState::Any => None,
            SprintState::Active => Some(("state", "active")),
        };
        let path = vec!["board".to_owned(), board.id.to_string(), "sprint".to_owned()];
        let sprints: Result<Vec<Sprint>> = self.agile_pages(path, filter, SPRINT_SCOPES).try_concat().await;
        let mut sprints = match sprints {
            Ok(sprints) => sprints,
            // 400: the board does not support sprints. 403, 404: it is private, or was deleted meanwhile.
            Err(error) if matches!(error.code(), "jira_refused" | "jira_forbidden" | "jira_not_found") => {
                Vec::new()
            }
            Err(error) => return Err(error),
        };
        if state == SprintState::Active {
            sprints.retain(Sprint::is_active);
        }
        Ok(BoardSprints { board, sprints })
    }

    /// The pages of a list below `/rest/agile/1.0`, each entry once.
    fn agile_pages<'s, T: DeserializeOwned + Identified + Send + 's>(
        &'s self,
        path: Vec<String>,
        filter: Option<(&'s str, &'s str)>,
        scopes: &'static str,
    ) -> impl Stream<Item = Result<Vec<T>>> + Send + 's {
        /// Where the next page begins, and what has been seen.
        struct State {
            start_at: usize,
            seen: HashSet<i64>,
            path: Vec<String>,
        }
        let begin = State { start_at: 0, seen: HashSet::new(), path };
        stream::try_unfold(Some(begin), move |state| async move {
            let Some(mut state) = state else { return Ok(None) };
            let start_at = state.start_at.to_string();
            let path: Vec<&str> =
                ["rest", "agile", "1.0"].into_iter().chain(state.path.iter().map(String::as_str)).collect();
            let query: Vec<(&str, &str)> = [("startAt", start_at.as_str()), ("maxResults", PAGE_SIZE)]
                .into_iter()
                .chain(filter)
                .collect();
            let page: Page<T> = self.call(Call::get(&path, &query, scopes)).await?;
            state.start_at += page.values.len();
            let values: Vec<T> =
                page.values.into_iter().filter(|value| state.seen.insert(value.id())).collect();
            // A page that holds nothing new ends the list too, whatever it says.
            let is_last = page.is_last.unwrap_or(false) || values.is_empty();
            Ok(Some((values, (!is_last).then_some(state))))
        })
    }
}

fn some_boards<T>(boards: Vec<T>) -> Result<Vec<T>> {
    if boards.is_empty() {
        return Err(Error::new(StatusCode::NOT_FOUND, "no_boards", "No agile boards found for this project"));
    }
    Ok(boards)
}

#[cfg(test)]
mod tests {
    use serde_json::{json, to_value};

    use super::*;

    #[test]
    fn boards_and_sprints_may_lack_almost_everything() {
        let board: Board = serde_json::from_value(json!({ "id": 3, "isPrivate": true })).unwrap();
        assert_eq!(to_value(board).unwrap(), json!({ "id": 3, "name": null, "type": null }));
        let sprint: Sprint =
            serde_json::from_value(json!({ "id": 5, "state": "future", "name": "Next" })).unwrap();
        assert!(!sprint.is_active());
        let expected = json!({
            "id": 5, "name": "Next", "state": "future", "startDate": null, "endDate": null,
            "completeDate": null, "goal": null,
        });
        assert_eq!(to_value(sprint).unwrap(), expected);
    }
}
