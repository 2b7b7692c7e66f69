//! Planning: a board's configuration and backlog, writing sprints, and moving issues to a sprint, to the backlog, or
//! before or after another issue.
//!
//! <https://developer.atlassian.com/cloud/jira/software/rest/>

use std::collections::HashSet;

use http::Method;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::agile::Sprint;
use crate::client::{Call, JiraSite, Result};
use crate::error::JiraError;
use crate::ids::{BoardId, IssueRef, SprintId};
use crate::lenient;
use crate::reach::Subject;
use crate::search::{EMPTY_PAGES, Page, SearchPosition, TICKETS};
use crate::ticket::{FIELDS, Ticket};

/// How many issues Jira moves in one call.
pub const ISSUES_PER_MOVE: usize = 50;

const CONFIGURATION_SCOPES: &str = "read:board-scope.admin:jira-software and read:project:jira";
const BACKLOG_SCOPES: &str = "read:board-scope:jira-software and read:issue-details:jira and read:jql:jira";
const WRITE_SPRINT: &str = "write:sprint:jira-software";
const WRITE_BACKLOG: &str = "write:board-scope:jira-software";
const WRITE_RANK: &str = "write:issue:jira-software";

/// The configuration of a board. A value of an unexpected type is treated as missing and affects nothing else.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct BoardConfiguration {
    /// The board's id.
    #[serde(deserialize_with = "lenient::integer")]
    pub id: Option<i64>,
    /// Its name.
    #[serde(deserialize_with = "lenient::text")]
    pub name: Option<String>,
    /// `scrum`, `kanban`, or `simple` for a team-managed project's.
    #[serde(rename = "type", deserialize_with = "lenient::text")]
    pub kind: Option<String>,
    /// The project or person that the board belongs to.
    #[serde(deserialize_with = "lenient::object")]
    pub location: Option<BoardLocation>,
    /// Its columns.
    #[serde(deserialize_with = "lenient::object")]
    pub column_config: Option<ColumnConfiguration>,
    /// How its issues are estimated.
    #[serde(deserialize_with = "lenient::object")]
    pub estimation: Option<Estimation>,
    /// How its issues are ordered.
    #[serde(deserialize_with = "lenient::object")]
    pub ranking: Option<Ranking>,
}

/// What a board belongs to.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct BoardLocation {
    /// `project` or `user`.
    #[serde(rename = "type", deserialize_with = "lenient::text")]
    pub kind: Option<String>,
    /// The project's id.
    #[serde(deserialize_with = "lenient::id")]
    pub id: Option<String>,
    /// The project's key.
    #[serde(deserialize_with = "lenient::text")]
    pub key: Option<String>,
    /// The project's key or id, which is all that the documentation has.
    #[serde(deserialize_with = "lenient::id")]
    pub project_key_or_id: Option<String>,
}

/// The columns of a board.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct ColumnConfiguration {
    /// From left to right; an entry that is not an object is `None`.
    #[serde(deserialize_with = "lenient::any_objects")]
    pub columns: Vec<Option<Column>>,
}

/// A column of a board.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Column {
    /// Its name.
    #[serde(deserialize_with = "lenient::text")]
    pub name: Option<String>,
    /// The statuses of its issues.
    #[serde(deserialize_with = "lenient::any_objects")]
    pub statuses: Vec<Option<ColumnStatus>>,
    /// The least number of issues it should have.
    #[serde(deserialize_with = "lenient::integer")]
    pub min: Option<i64>,
    /// The most issues it should have.
    #[serde(deserialize_with = "lenient::integer")]
    pub max: Option<i64>,
}

/// A status in a column.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct ColumnStatus {
    /// The status's id.
    #[serde(deserialize_with = "lenient::id")]
    pub id: Option<String>,
}

/// How the issues of a board are estimated.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Estimation {
    /// `none`, `issueCount` or `field`.
    #[serde(rename = "type", deserialize_with = "lenient::text")]
    pub kind: Option<String>,
    /// The field with the estimate.
    #[serde(deserialize_with = "lenient::object")]
    pub field: Option<EstimationField>,
}

/// The field with an issue's estimate.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct EstimationField {
    /// Its id, `customfield_10016`.
    #[serde(deserialize_with = "lenient::text")]
    pub field_id: Option<String>,
    /// Its name.
    #[serde(deserialize_with = "lenient::text")]
    pub display_name: Option<String>,
}

/// How the issues of a board are ordered.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Ranking {
    /// The number of the custom field with the rank.
    #[serde(deserialize_with = "lenient::integer")]
    pub rank_custom_field_id: Option<i64>,
}

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
    /// Reads the configuration of a board.
    ///
    /// <https://developer.atlassian.com/cloud/jira/software/rest/api-group-board/#api-rest-agile-1-0-board-boardid-configuration-get>
    pub async fn board_configuration(&self, board: &BoardId) -> Result<BoardConfiguration> {
        let path = ["rest", "agile", "1.0", "board", board.as_str(), "configuration"];
        let found: BoardConfiguration =
            self.call(Call::get([Subject::Board(board.as_str())], &path, &[], CONFIGURATION_SCOPES)).await?;
        if found.id.is_none() && found.name.is_none() && found.column_config.is_none() {
            return Err(JiraError::Unreadable("no board configuration".to_owned()));
        }
        Ok(found)
    }

    /// Reads the backlog of a board in the board's order, from a position, until there are `limit` issues or no more.
    /// Jira returns at most a hundred at a time, one page after the other. `reconciled` are ids of issues that Jira's
    /// index may not contain yet; they apply without a position only, which contains its own.
    ///
    /// <https://developer.atlassian.com/cloud/jira/software/rest/api-group-board/>
    ///
    /// # Errors
    /// Jira rejects it if the board has no backlog, and if it no longer knows the position.
    /// [`JiraError::EndlessSearch`] if page after page is empty.
    pub async fn backlog<T>(
        &self,
        board: &BoardId,
        from: Option<&SearchPosition>,
        reconciled: &[u64],
        limit: usize,
        convert: &(impl Fn(Ticket) -> T + Sync),
    ) -> Result<(Vec<T>, Option<SearchPosition>)> {
        let reconciled = from.map_or(reconciled, |from| &from.reconciled);
        let mut token = from.map(|from| from.token.clone());
        let mut used: HashSet<String> = token.iter().cloned().collect();
        let mut known = HashSet::new();
        let mut tickets = Vec::new();
        let mut empty_pages = 0;
        while empty_pages < EMPTY_PAGES {
            let size = (limit - tickets.len()).min(TICKETS);
            let mut page = self.backlog_page(board, token.as_deref(), reconciled, size).await?;
            let next = page.take_next().filter(|next| used.insert(next.clone()));
            let mut is_empty = true;
            for ticket in page.issues.into_iter().flatten() {
                is_empty = false;
                if ticket.id.as_ref().is_none_or(|id| known.insert(id.clone())) {
                    tickets.push(convert(ticket));
                }
            }
            empty_pages = if is_empty { empty_pages + 1 } else { 0 };
            if next.is_none() || tickets.len() >= limit {
                let next = next.map(|token| SearchPosition { token, reconciled: reconciled.to_vec() });
                return Ok((tickets, next));
            }
            token = next;
        }
        Err(JiraError::EndlessSearch(EMPTY_PAGES))
    }

    async fn backlog_page(
        &self,
        board: &BoardId,
        token: Option<&str>,
        reconciled: &[u64],
        size: usize,
    ) -> Result<Page<Ticket>> {
        let path = ["rest", "software", "1.0", "board", board.as_str(), "backlog"];
        let (size, fields) = (size.to_string(), FIELDS.join(","));
        let reconciled: Vec<String> = reconciled.iter().map(u64::to_string).collect();
        let mut query = vec![("maxResults", size.as_str()), ("fields", fields.as_str())];
        query.extend(reconciled.iter().map(|id| ("reconcileIssues", id.as_str())));
        query.extend(token.map(|token| ("nextPageToken", token)));
        self.call(Call::get([Subject::Board(board.as_str())], &path, &query, BACKLOG_SCOPES)).await
    }

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
    fn a_malformed_value_loses_nothing_else_of_a_configuration() {
        let fine = json!({
            "id": 4, "name": "Voyages", "type": "scrum",
            "location": { "type": "project", "id": "10000", "key": "SHIP" },
            "columnConfig": { "columns": [{ "name": "Done", "statuses": [{ "id": "10001" }], "max": 5 }] },
            "estimation": { "type": "field", "field": { "fieldId": "customfield_10016", "displayName": "Points" } },
            "ranking": { "rankCustomFieldId": 10_019 },
        });
        for name in ["id", "name", "type", "location", "columnConfig", "estimation", "ranking"] {
            for odd in
                [json!(null), json!(true), json!([null]), json!({ "columns": 7, "field": [], "type": 7 })]
            {
                let mut raw = fine.clone();
                raw[name] = odd.clone();
                let read: BoardConfiguration = serde_json::from_value(raw).unwrap();
                let kept = [
                    ("id", read.id == Some(4)),
                    ("name", read.name.as_deref() == Some("Voyages")),
                    ("type", read.kind.as_deref() == Some("scrum")),
                    ("location", read.location.and_then(|location| location.key).as_deref() == Some("SHIP")),
                    ("columnConfig", read.column_config.is_some_and(|columns| columns.columns.len() == 1)),
                    ("estimation", read.estimation.and_then(|estimation| estimation.field).is_some()),
                    ("ranking", read.ranking.is_some_and(|rank| rank.rank_custom_field_id == Some(10_019))),
                ];
                for (other, is_kept) in kept {
                    assert!(is_kept || other == name, "{other} is lost with {name}: {odd}");
                }
            }
        }
        let columns = json!({ "columns": [null, 7, { "name": "Open", "statuses": [null, { "id": 3 }, "x"], "min": "a" }] });
        let read: ColumnConfiguration = serde_json::from_value(columns).unwrap();
        let column = read.columns.into_iter().flatten().next().unwrap();
        let ids: Vec<_> = column.statuses.into_iter().flatten().filter_map(|status| status.id).collect();
        assert_eq!((column.name.as_deref(), column.min, ids), (Some("Open"), None, vec!["3".to_owned()]));
    }

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
