//! Boards and sprints.
//!
//! Paging relies on `isLast` and on the number of entries received: Jira silently caps the page size, and `total` is
//! not always present.
//!
//! <https://developer.atlassian.com/cloud/jira/software/rest/>

use std::collections::HashSet;

use futures_util::{Stream, TryStreamExt, stream};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::call::Call;
use crate::client::{JiraSite, Result};
use crate::error::JiraError;
use crate::ids::{ProjectId, SprintId};
use crate::reach::Subject;
use crate::response::Refusal;
use crate::{lenient, timestamp};

/// The largest page that Jira returns.
const PAGE_SIZE: usize = 50;

/// How many boards may have their sprints queued. The client limits how many calls are in flight.
const READ_AHEAD: usize = 1000;

const BOARD_SCOPES: &str = "read:board-scope:jira-software and read:project:jira";
const SPRINT_SCOPES: &str = "read:sprint:jira-software";

/// An agile board.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Board {
    /// The id.
    #[serde(deserialize_with = "lenient::integer")]
    pub id: Option<i64>,
    /// The name; null for a private board.
    #[serde(deserialize_with = "lenient::text")]
    pub name: Option<String>,
    /// `scrum`, `kanban`, or `simple` for a team-managed project's; null for a private board.
    #[serde(rename = "type", deserialize_with = "lenient::text")]
    pub kind: Option<String>,
    /// Whether only some people can see the board.
    #[serde(rename = "isPrivate", skip_serializing, deserialize_with = "lenient::flag")]
    is_private: Option<bool>,
}

impl Board {
    /// Whether the account sees no more than the board's existence.
    fn is_hidden(&self) -> bool {
        self.is_private == Some(true) && self.kind.is_none()
    }
}

/// A sprint. A field that is missing (a future sprint has no dates) or malformed is null.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Sprint {
    /// The id.
    #[serde(deserialize_with = "lenient::integer")]
    pub id: Option<i64>,
    /// The name.
    #[serde(deserialize_with = "lenient::text")]
    pub name: Option<String>,
    /// `future`, `active` or `closed`.
    #[serde(deserialize_with = "lenient::text")]
    pub state: Option<String>,
    /// RFC 3339, in UTC.
    #[serde(deserialize_with = "timestamp::deserialize")]
    pub start_date: Option<String>,
    /// RFC 3339, in UTC.
    #[serde(deserialize_with = "timestamp::deserialize")]
    pub end_date: Option<String>,
    /// When it was closed; RFC 3339, in UTC.
    #[serde(deserialize_with = "timestamp::deserialize")]
    pub complete_date: Option<String>,
    /// The sprint goal.
    #[serde(deserialize_with = "lenient::text")]
    pub goal: Option<String>,
}

impl Sprint {
    /// Whether the sprint has started and is not closed.
    pub fn is_active(&self) -> bool {
        self.state.as_deref() == Some("active")
    }
}

/// A board with its sprints. A sprint that is on several boards is listed with each of them.
#[derive(Debug, Clone)]
pub struct BoardSprints {
    /// The board.
    pub board: Board,
    /// The board's sprints in Jira's order: closed, active, future.
    pub sprints: Vec<Sprint>,
}

/// Which sprints to list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SprintState {
    /// All sprints.
    Any,
    /// Sprints that have started and are not closed.
    Active,
}

/// A page as sent by Jira. An entry that is not an object is kept as `None`, so that offsets stay correct.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", bound(deserialize = "T: Deserialize<'de>"))]
pub struct AgilePage<T> {
    /// The entries.
    #[serde(deserialize_with = "lenient::objects")]
    pub values: Vec<Option<T>>,
    #[serde(default, deserialize_with = "lenient::flag")]
    is_last: Option<bool>,
}

/// The new entries of a page, and the offset of the next page.
struct Page<T> {
    values: Vec<T>,
    next: Option<usize>,
}

/// An entity with an id.
trait Identified {
    fn id(&self) -> Option<i64>;
}

impl Identified for Board {
    fn id(&self) -> Option<i64> {
        self.id
    }
}

impl Identified for Sprint {
    fn id(&self) -> Option<i64> {
        self.id
    }
}

/// What has a list.
enum Owner<'a> {
    Project(&'a ProjectId),
    Board(String),
}

impl Owner<'_> {
    fn subject(&self) -> Subject<'_> {
        match self {
            Self::Project(project) => Subject::Project(project.as_str()),
            Self::Board(board) => Subject::Board(board),
        }
    }
}

impl JiraSite<'_> {
    /// Lists a project's boards in Jira's order, from offset `from`, at most `limit` (`0` and `usize::MAX` for all).
    /// Also returns the offset at which the list continues.
    pub async fn boards(
        &self,
        project: &ProjectId,
        from: usize,
        limit: usize,
    ) -> Result<(Vec<Board>, Option<usize>)> {
        let pages = self.board_pages(project, from, from.saturating_add(limit));
        let gather = |(mut boards, _): (Vec<Board>, _), page: Page<Board>| async move {
            boards.extend(page.values);
            Ok((boards, page.next))
        };
        pages.try_fold((Vec::new(), None), gather).await
    }

    /// Lists all boards of a project with their sprints. The sprints of the first boards are read while more boards
    /// are still being listed.
    pub async fn boards_with_sprints(
        &self,
        project: &ProjectId,
        state: SprintState,
    ) -> Result<Vec<BoardSprints>> {
        let pages = self.board_pages(project, 0, usize::MAX);
        let boards = pages.map_ok(|page| stream::iter(page.values.into_iter().map(Ok))).try_flatten();
        self.add_sprints(boards, state).await
    }

    /// Reads the sprints of boards that are already known.
    pub async fn sprints_of(&self, boards: Vec<Board>, state: SprintState) -> Result<Vec<BoardSprints>> {
        self.add_sprints(stream::iter(boards.into_iter().map(Ok)), state).await
    }

    async fn add_sprints(
        &self,
        boards: impl Stream<Item = Result<Board>> + Send,
        state: SprintState,
    ) -> Result<Vec<BoardSprints>> {
        boards.map_ok(|board| self.with_sprints(board, state)).try_buffered(READ_AHEAD).try_collect().await
    }

    /// Reads one sprint.
    pub async fn sprint(&self, sprint: &SprintId) -> Result<Sprint> {
        let path = ["rest", "agile", "1.0", "sprint", sprint.as_str()];
        let found: Sprint =
            self.call(Call::get([Subject::Sprint(sprint.as_str())], &path, &[], SPRINT_SCOPES)).await?;
        if found.id.is_none() && found.name.is_none() && found.state.is_none() {
            return Err(JiraError::Unreadable("no sprint".to_owned()));
        }
        Ok(Sprint { id: found.id.or_else(|| sprint.as_str().parse().ok()), ..found })
    }

    /// Lists a range of a project's boards. Private boards come last, with only their ids.
    fn board_pages<'s>(
        &'s self,
        project: &'s ProjectId,
        from: usize,
        end: usize,
    ) -> impl Stream<Item = Result<Page<Board>>> + Send + 's {
        let filter = vec![("projectKeyOrId", project.as_str()), ("includePrivate", "true")];
        self.agile_pages(Owner::Project(project), vec!["board".to_owned()], filter, BOARD_SCOPES, from, end)
            .inspect_ok(|page: &Page<Board>| {
                self.note_boards(page.values.iter().filter_map(|board| board.id))
            })
    }

    async fn with_sprints(&self, board: Board, state: SprintState) -> Result<BoardSprints> {
        let id = board.id.filter(|_| board.kind.as_deref() != Some("kanban") && !board.is_hidden());
        let Some(id) = id else {
            // Jira would reject the request, or there is no id to request with.
            return Ok(BoardSprints { board, sprints: Vec::new() });
        };
        let filter = match state {
            SprintState::Any => vec![],
            SprintState::Active => vec![("state", "active")],
        };
        let path = vec!["board".to_owned(), id.to_string(), "sprint".to_owned()];
        let pages =
            self.agile_pages(Owner::Board(id.to_string()), path, filter, SPRINT_SCOPES, 0, usize::MAX);
        let sprints: Result<Vec<Sprint>> = pages.map_ok(|page| page.values).try_concat().await;
        let mut sprints = match sprints {
            Ok(sprints) => sprints,
            // 400: the board does not support sprints. 403, 404: it is private, or was deleted in the meantime.
            Err(error) => match error.refusal() {
                Some(Refusal::Invalid | Refusal::Forbidden | Refusal::NotFound) => Vec::new(),
                _ => return Err(error),
            },
        };
        if state == SprintState::Active {
            sprints.retain(Sprint::is_active);
        }
        Ok(BoardSprints { board, sprints })
    }

    /// Reads a range of a list under `/rest/agile/1.0` page by page, without duplicates.
    fn agile_pages<'s, T: DeserializeOwned + Identified + Send + 's>(
        &'s self,
        owner: Owner<'s>,
        path: Vec<String>,
        filter: Vec<(&'static str, &'s str)>,
        scopes: &'static str,
        from: usize,
        end: usize,
    ) -> impl Stream<Item = Result<Page<T>>> + Send + 's {
        /// The offset of the next page, and the ids seen so far.
        struct State<'s> {
            start: usize,
            seen: HashSet<i64>,
            owner: Owner<'s>,
            path: Vec<String>,
            filter: Vec<(&'static str, &'s str)>,
        }
        let begin = State { start: from, seen: HashSet::new(), owner, path, filter };
        stream::try_unfold(Some(begin), move |state| async move {
            let Some(mut state) = state else { return Ok(None) };
            let (start, size) = (state.start.to_string(), (end - state.start).min(PAGE_SIZE).to_string());
            let path: Vec<&str> =
                ["rest", "agile", "1.0"].into_iter().chain(state.path.iter().map(String::as_str)).collect();
            let place = [("startAt", start.as_str()), ("maxResults", size.as_str())];
            let query: Vec<(&str, &str)> = place.into_iter().chain(state.filter.iter().copied()).collect();
            let mut page: AgilePage<T> =
                self.call(Call::get([state.owner.subject()], &path, &query, scopes)).await?;
            state.start += page.values.len();
            let mut is_new = false;
            page.values.retain(|value| {
                let Some(id) = value.as_ref().and_then(Identified::id) else { return true };
                let is_first = state.seen.insert(id);
                is_new |= is_first;
                is_first
            });
            // A page with nothing new also ends the list, whatever `isLast` says.
            let is_last = page.is_last.unwrap_or(false) || !is_new;
            let next = (!is_last).then_some(state.start);
            let goes_on = next.is_some_and(|next| next < end);
            let values = page.values.into_iter().flatten().collect();
            Ok(Some((Page { values, next }, goes_on.then_some(state))))
        })
    }
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

    #[test]
    fn a_malformed_value_is_null_and_loses_no_board_or_sprint() {
        for odd in [json!(null), json!(7), json!([1]), json!({ "a": 1 })] {
            let board = json!({ "id": "3", "name": odd, "type": odd, "isPrivate": odd });
            let page = json!({ "values": [null, odd, board, { "id": 4 }], "isLast": odd });
            let page: AgilePage<Board> = serde_json::from_value(page).unwrap();
            assert_eq!(page.values.len(), 4, "{odd}");
            let named = page.values.iter().flatten().filter_map(|board| board.id).collect::<Vec<_>>();
            assert_eq!((named, page.is_last), (vec![3, 4], None), "{odd}");
            let sprint = json!({
                "id": [odd], "state": "active", "name": odd, "goal": odd, "startDate": odd, "endDate": odd,
            });
            let sprint: Sprint = serde_json::from_value(sprint).unwrap();
            assert!(sprint.is_active() && sprint.id.is_none() && sprint.name.is_none(), "{odd}");
            assert!(sprint.goal.is_none() && sprint.start_date.is_none(), "{odd}");
        }
        for no_list in [json!({}), json!({ "values": null }), json!({ "values": {} })] {
            assert!(serde_json::from_value::<AgilePage<Board>>(no_list).is_err(), "not a list");
        }
    }
}
