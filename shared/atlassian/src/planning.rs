//! Planning: writing sprints, and moving issues to a sprint, to the backlog, or before or after another issue.
//!
//! <https://developer.atlassian.com/cloud/jira/software/rest/>

use http::Method;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::agile::Sprint;
use crate::call::Call;
use crate::client::{JiraSite, Result};
use crate::error::JiraError;
use crate::ids::{BoardId, IssueRef, SprintId};
use crate::lenient;
use crate::reach::Subject;

/// How many issues Jira moves in one call.
pub const ISSUES_PER_MOVE: usize = 50;

const WRITE_SPRINT: &str = "write:sprint:jira-software";
const WRITE_BACKLOG: &str = "write:board-scope:jira-software";
const WRITE_RANK: &str = "write:issue:jira-software";

/// The fields of a sprint to write; `None` keeps what is there. Jira takes a name of at most thirty characters.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SprintFields {
    /// The name.
    pub name: Option<String>,
    /// The sprint goal; empty for none.
    pub goal: Option<String>,
    /// RFC 3339.
    pub start_date: Option<String>,
    /// RFC 3339.
    pub end_date: Option<String>,
    /// The next state.
    pub state: Option<NextState>,
}

/// A state that a sprint can be given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NextState {
    /// Starts a future sprint, which needs both dates.
    Active,
    /// Completes an active sprint.
    Closed,
}

impl SprintFields {
    /// The fields in Jira's format.
    fn into_body(self) -> Map<String, Value> {
        let state = self.state.map(|state| match state {
            NextState::Active => "active".to_owned(),
            NextState::Closed => "closed".to_owned(),
        });
        let fields = [
            ("name", self.name),
            ("goal", self.goal),
            ("startDate", self.start_date),
            ("endDate", self.end_date),
            ("state", state),
        ];
        fields.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?.into()))).collect()
    }
}

/// Where issues are moved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Destination {
    /// To an active or future sprint.
    Sprint(SprintId),
    /// To the backlog, out of their active and future sprints. Jira takes a position there only with the board.
    Backlog(Option<BoardId>),
    /// Nowhere: only their position changes.
    Stay,
}

/// A position in the order of all issues.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Position {
    /// Before this issue.
    Before(IssueRef),
    /// After this issue.
    After(IssueRef),
}

impl Destination {
    fn subject(&self) -> Option<Subject<'_>> {
        match self {
            Self::Sprint(sprint) => Some(Subject::Sprint(sprint.as_str())),
            Self::Backlog(board) => board.as_ref().map(|board| Subject::Board(board.as_str())),
            Self::Stay => None,
        }
    }
}

impl Position {
    fn issue(&self) -> &IssueRef {
        match self {
            Self::Before(issue) | Self::After(issue) => issue,
        }
    }
}

/// An issue that could not be ranked, although others of the same call were.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Unranked {
    /// The issue's id.
    #[serde(deserialize_with = "lenient::id")]
    pub issue_id: Option<String>,
    /// The issue's key.
    #[serde(deserialize_with = "lenient::text")]
    pub issue_key: Option<String>,
    /// An HTTP status.
    #[serde(deserialize_with = "lenient::integer")]
    pub status: Option<i64>,
    /// Why, in Jira's words.
    #[serde(deserialize_with = "lenient::texts")]
    pub errors: Vec<String>,
}

impl Unranked {
    fn is_failed(&self) -> bool {
        !self.errors.is_empty() || self.status.is_some_and(|status| !(200..300).contains(&status))
    }
}

/// The body of a 207: the outcome of each issue, also of those that were ranked.
#[derive(Deserialize)]
struct Outcomes {
    #[serde(deserialize_with = "lenient::objects")]
    entries: Vec<Option<Unranked>>,
}

impl JiraSite<'_> {
    /// Creates a future sprint on a board. Retried only after a 429 or a rejected token.
    ///
    /// <https://developer.atlassian.com/cloud/jira/software/rest/api-group-sprint/#api-rest-agile-1-0-sprint-post>
    ///
    /// # Errors
    /// Jira rejects it if the board does not support sprints. [`JiraError::Unconfirmed`] if the sprint may have been
    /// created anyway.
    pub async fn create_sprint(&self, board: &BoardId, fields: SprintFields) -> Result<Sprint> {
        let mut body = fields.into_body();
        body.insert("originBoardId".to_owned(), json!(board.as_str().parse::<i64>().ok()));
        let body = body.into();
        let call = Call::write(
            [Subject::Board(board.as_str())],
            Method::POST,
            &["rest", "agile", "1.0", "sprint"],
            Some(&body),
            WRITE_SPRINT,
        );
        written(&self.answer(call).await?)
    }

    /// Changes the given fields of a sprint. A change of the state is sent once, because Jira rejects it the second
    /// time; without one, the call is repeatable.
    ///
    /// <https://developer.atlassian.com/cloud/jira/software/rest/api-group-sprint/#api-rest-agile-1-0-sprint-sprintid-post>
    ///
    /// # Errors
    /// Jira rejects a change that the sprint's state does not allow. [`JiraError::Unconfirmed`] if the sprint may have
    /// been changed anyway.
    pub async fn edit_sprint(&self, sprint: &SprintId, fields: SprintFields) -> Result<Sprint> {
        let is_repeatable = fields.state.is_none();
        let body = fields.into_body().into();
        let path = ["rest", "agile", "1.0", "sprint", sprint.as_str()];
        let call =
            Call::write([Subject::Sprint(sprint.as_str())], Method::POST, &path, Some(&body), WRITE_SPRINT);
        written(&self.answer(if is_repeatable { call.repeatable() } else { call }).await?)
    }

    /// Moves at most [`ISSUES_PER_MOVE`] issues, in this order, and returns those that could not be ranked. The same
    /// call again leaves the issues where they are, so it is retried like a read.
    ///
    /// <https://developer.atlassian.com/cloud/jira/software/rest/api-group-sprint/#api-rest-agile-1-0-sprint-sprintid-issue-post>,
    /// <https://developer.atlassian.com/cloud/jira/software/rest/api-group-backlog/>,
    /// <https://developer.atlassian.com/cloud/jira/software/rest/api-group-issue/#api-rest-agile-1-0-issue-rank-put>
    ///
    /// # Errors
    /// Jira rejects the whole call if one of the issues does not exist. [`JiraError::Unconfirmed`] if the response
    /// cannot be parsed.
    pub async fn move_issues(
        &self,
        issues: &[IssueRef],
        to: &Destination,
        position: Option<&Position>,
    ) -> Result<Vec<Unranked>> {
        let issues: Vec<&str> = issues.iter().map(IssueRef::as_str).collect();
        let mut about: Vec<Subject<'_>> = issues.iter().map(|issue| Subject::Issue(issue)).collect();
        about.extend(to.subject());
        about.extend(position.map(|position| Subject::Issue(position.issue().as_str())));
        let mut body = json!({ "issues": issues });
        match position {
            Some(Position::Before(issue)) => body["rankBeforeIssue"] = issue.as_str().into(),
            Some(Position::After(issue)) => body["rankAfterIssue"] = issue.as_str().into(),
            None => {}
        }
        let (method, path, scopes) = match to {
            Destination::Sprint(sprint) => {
                (Method::POST, vec!["sprint", sprint.as_str(), "issue"], WRITE_SPRINT)
            }
            Destination::Backlog(None) => (Method::POST, vec!["backlog", "issue"], WRITE_BACKLOG),
            Destination::Backlog(Some(board)) => {
                (Method::POST, vec!["backlog", board.as_str(), "issue"], WRITE_BACKLOG)
            }
            Destination::Stay => (Method::PUT, vec!["issue", "rank"], WRITE_RANK),
        };
        let path = [&["rest", "agile", "1.0"], &path[..]].concat();
        let answer = self.answer(Call::write(about, method, &path, Some(&body), scopes).repeatable()).await?;
        // 204 without a body: all of them. 207: some of them.
        if answer.is_empty() {
            return Ok(Vec::new());
        }
        let outcomes: Outcomes = lenient::from_slice(&answer)
            .map_err(|error| JiraError::Unreadable(error.to_string()).unconfirmed())?;
        Ok(outcomes.entries.into_iter().flatten().filter(Unranked::is_failed).collect())
    }
}

/// Reads the sprint in the response to a write.
fn written(answer: &[u8]) -> Result<Sprint> {
    let unreadable = |cause: String| JiraError::Unreadable(cause).unconfirmed();
    let sprint: Sprint = lenient::from_slice(answer).map_err(|error| unreadable(error.to_string()))?;
    if sprint.id.is_none() {
        return Err(unreadable("a sprint without id".to_owned()));
    }
    Ok(sprint)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_given_fields_of_a_sprint_are_sent() {
        let goal = SprintFields { goal: Some(String::new()), ..SprintFields::default() };
        assert_eq!(Value::from(goal.into_body()), json!({ "goal": "" }));
        let start = SprintFields {
            start_date: Some("2026-12-01T09:00:00.000Z".to_owned()),
            state: Some(NextState::Active),
            ..SprintFields::default()
        };
        let sent = json!({ "startDate": "2026-12-01T09:00:00.000Z", "state": "active" });
        assert_eq!(Value::from(start.into_body()), sent);
    }

    #[test]
    fn an_entry_has_failed_by_its_status_or_its_errors() {
        let body = json!({ "entries": [
            { "issueId": 1, "issueKey": "A-1", "status": 200 },
            { "issueId": 2, "issueKey": "A-2", "status": 503, "errors": ["later"] },
            { "issueId": 3, "issueKey": "A-3", "status": 403, "errors": null },
            { "issueId": "4", "errors": ["no"] },
            null, "x", {},
        ] });
        let outcomes: Outcomes = serde_json::from_value(body).unwrap();
        let failed = outcomes.entries.into_iter().flatten().filter(Unranked::is_failed);
        let ids: Vec<_> = failed.filter_map(|entry| entry.issue_id).collect();
        assert_eq!(ids, ["2", "3", "4"]);
        assert!(serde_json::from_value::<Outcomes>(json!({ "entries": {} })).is_err());
    }
}
