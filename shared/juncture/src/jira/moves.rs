//! Moving issues to a sprint, to the backlog, or before or after another issue.

use std::collections::HashSet;

use atlassian::{BoardId, Destination, ISSUES_PER_MOVE, IssueRef, Position, SprintId, Unranked};
use runtime::Field;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::ids::{issue_ref, number};
use super::site::ConnectedSite;
use crate::error::{Error, ErrorCode, Result};

/// How many issues a request may move. Each [`ISSUES_PER_MOVE`] are one call.
const MAX_ISSUES: usize = 200;

const FAILED: &str = "Failed to move Jira issues";

/// The error of the issues whose calls were not made after one had failed.
const NOT_SENT: &str = "Not sent, because moving the issues before it failed";

/// The messages for the errors of a call, by its destination.
const TO_SPRINT: [(ErrorCode, &str); 2] = [
    (ErrorCode::JiraNotFound, "Sprint or issue not found"),
    (
        ErrorCode::JiraRefused,
        "Jira refused to move the issues. Only active and future sprints take issues, and all issues have to exist.",
    ),
];
const TO_BACKLOG: [(ErrorCode, &str); 2] = [
    (ErrorCode::JiraNotFound, "Board or issue not found"),
    (
        ErrorCode::JiraRefused,
        "Jira refused to move the issues. The board needs a backlog, and all issues have to exist.",
    ),
];
const TO_POSITION: [(ErrorCode, &str); 2] = [
    (ErrorCode::JiraNotFound, "Issue not found"),
    (ErrorCode::JiraRefused, "Jira refused to rank the issues. All of them have to exist."),
];

/// A move in a request body.
#[derive(Debug, Deserialize)]
pub struct MoveFields {
    /// A list of ids or keys.
    issues: Field,
    /// A number.
    sprint_id: Field,
    /// Whether the issues go to the backlog.
    backlog: bool,
    /// A number.
    board_id: Field,
    /// An id or key.
    before: Option<String>,
    /// An id or key.
    after: Option<String>,
}

/// A move of issues.
#[derive(Debug)]
pub struct Move {
    issues: Vec<IssueRef>,
    to: Destination,
    position: Option<Position>,
}

impl Move {
    /// Checks the fields of a request; 400 with a message that says what to send.
    pub fn of(fields: MoveFields) -> Result<Self> {
        let MoveFields { issues, sprint_id, backlog, board_id, before, after } = fields;
        let (sprint_id, board_id) = (number(sprint_id, "sprint_id")?, number(board_id, "board_id")?);
        let issues = issue_refs(issues)?;
        let position = match (before, after) {
            (None, None) => None,
            (Some(before), None) => Some(Position::Before(issue_ref(&before, "before")?)),
            (None, Some(after)) => Some(Position::After(issue_ref(&after, "after")?)),
            (Some(_), Some(_)) => return Err(Error::bad_request("Send before or after, not both")),
        };
        if let Some(Position::Before(anchor) | Position::After(anchor)) = &position
            && issues.contains(anchor)
        {
            return Err(Error::bad_request("before and after must name an issue that is not in issues"));
        }
        if board_id.is_some() && !backlog {
            return Err(Error::bad_request("Send board_id only with backlog: true"));
        }
        let to = match (sprint_id, backlog) {
            (Some(_), true) => return Err(Error::bad_request("Send sprint_id or backlog: true, not both")),
            (Some(sprint), false) => Destination::Sprint(SprintId::parse(&sprint)?),
            (None, true) if board_id.is_none() && position.is_some() => {
                return Err(Error::bad_request(
                    "Send board_id too: before and after are positions in the backlog of a board",
                ));
            }
            (None, true) => Destination::Backlog(board_id.as_deref().map(BoardId::parse).transpose()?),
            (None, false) if position.is_none() => {
                return Err(Error::bad_request(
                    "Say where to move the issues: send sprint_id, backlog: true, before or after",
                ));
            }
            (None, false) => Destination::Stay,
        };
        Ok(Self { issues, to, position })
    }

    fn explain(&self, error: Error) -> Error {
        let sentences = match self.to {
            Destination::Sprint(_) => TO_SPRINT,
            Destination::Backlog(_) => TO_BACKLOG,
            Destination::Stay => TO_POSITION,
        };
        error.in_words_of(&sentences, FAILED)
    }
}

fn issue_refs(issues: Field) -> Result<Vec<IssueRef>> {
    let list =
        || Error::bad_request(format!("issues must be a list of 1 to {MAX_ISSUES} ids or keys of issues"));
    let issues = match issues {
        Field::Absent | Field::Null => return Err(Error::bad_request("Missing issues")),
        Field::Text(text) if text.is_empty() => return Err(Error::bad_request("Missing issues")),
        Field::Other(Value::Array(issues)) if (1..=MAX_ISSUES).contains(&issues.len()) => issues,
        _ => return Err(list()),
    };
    let mut seen = HashSet::new();
    let mut refs = Vec::with_capacity(issues.len());
    for (index, issue) in issues.iter().enumerate() {
        let text = match issue {
            Value::String(text) => text.clone(),
            Value::Number(number) => number.to_string(),
            _ => return Err(list()),
        };
        let issue = issue_ref(&text, &format!("issues[{index}]"))?;
        if !seen.insert(issue.as_str().to_owned()) {
            let said = format!("issues lists {} more than once", issue.as_str());
            return Err(Error::bad_request(said).logged_as("issues lists an issue more than once"));
        }
        refs.push(issue);
    }
    Ok(refs)
}

/// The result of a move of which at least the first call was accepted.
#[derive(Debug, Serialize)]
pub struct MoveOutcome {
    /// Whether all issues were moved.
    success: bool,
    /// How many were.
    moved: usize,
    /// Those that were not, or of which Jira did not confirm it.
    failed: Vec<Failed>,
}

/// An issue that was not moved, or perhaps not.
#[derive(Debug, Serialize)]
struct Failed {
    /// Its id or key, as in the request.
    issue: String,
    error: String,
    code: &'static str,
}

impl Failed {
    fn of(issue: &IssueRef, error: &str, code: ErrorCode) -> Self {
        Self { issue: issue.as_str().to_owned(), error: error.to_owned(), code: code.as_str() }
    }

    /// An issue that Jira left out of a call.
    fn unranked(raw: Unranked, of: &[IssueRef]) -> Self {
        let is_named = |issue: &&IssueRef| {
            [&raw.issue_id, &raw.issue_key].into_iter().flatten().any(|name| name == issue.as_str())
        };
        let named = of.iter().find(is_named).map(|issue| issue.as_str().to_owned());
        let is_refused = raw.status.is_some_and(|status| (400..500).contains(&status));
        let code = if is_refused { ErrorCode::JiraRefused } else { ErrorCode::ProviderFailed };
        let error = match raw.errors.join(" ") {
            said if said.is_empty() => "Jira could not rank this issue".to_owned(),
            said => said,
        };
        let issue = named.or(raw.issue_key).or(raw.issue_id).unwrap_or_default();
        Self { issue, error, code: code.as_str() }
    }
}

impl ConnectedSite<'_> {
    /// Moves issues, in their order, with one call for each [`ISSUES_PER_MOVE`]. The same move again leaves them where
    /// they are, so a request that failed in part can be repeated as a whole.
    ///
    /// Calls are made one after the other, and none is made after one that failed: its issues and those of the calls
    /// that would follow are in the result.
    ///
    /// # Errors
    /// Those of the first call: `jira_not_found`, `jira_refused` and `jira_forbidden`, after which nothing is moved.
    pub async fn move_issues(&self, mut moving: Move) -> Result<MoveOutcome> {
        let calls: Vec<Vec<IssueRef>> =
            moving.issues.chunks(ISSUES_PER_MOVE).map(<[IssueRef]>::to_vec).collect();
        let (mut moved, mut failed) = (0, Vec::new());
        let mut calls = calls.into_iter().enumerate();
        while let Some((number, issues)) = calls.next() {
            match self.jira.move_issues(&issues, &moving.to, moving.position.as_ref()).await {
                Ok(unranked) => {
                    let unranked: Vec<Failed> =
                        unranked.into_iter().map(|raw| Failed::unranked(raw, &issues)).collect();
                    moved += issues.len().saturating_sub(unranked.len());
                    let is_ranked =
                        |issue: &&IssueRef| unranked.iter().all(|failed| failed.issue != issue.as_str());
                    // The next issues follow the last one of these.
                    if let (Some(Position::After(anchor)), Some(last)) =
                        (&mut moving.position, issues.iter().rev().find(is_ranked))
                    {
                        *anchor = last.clone();
                    }
                    failed.extend(unranked);
                }
                Err(error) if number == 0 => return Err(moving.explain(error.into())),
                Err(error) => {
                    tracing::warn!(cause = %error, "issues moved in part");
                    let error = moving.explain(error.into());
                    let unsent_code = match error.code() {
                        // What was not sent was certainly not moved.
                        ErrorCode::OutcomeUnknown => ErrorCode::ProviderFailed,
                        code => code,
                    };
                    failed
                        .extend(issues.iter().map(|issue| Failed::of(issue, error.message(), error.code())));
                    let unsent = calls.by_ref().flat_map(|(_, issues)| issues);
                    failed.extend(unsent.map(|issue| Failed::of(&issue, NOT_SENT, unsent_code)));
                }
            }
        }
        Ok(MoveOutcome { success: failed.is_empty(), moved, failed })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(body: Value) -> Result<Move> {
        let body = runtime::JsonBody::of(&http::Request::new(body.to_string().into()))?;
        Move::of(body.read()?)
    }

    #[test]
    fn a_move_has_one_destination() {
        let sprint =
            read(json!({ "issues": ["proj-1", 10_002], "sprint_id": 37, "after": "PROJ-9" })).unwrap();
        let refs: Vec<_> = sprint.issues.iter().map(IssueRef::as_str).collect();
        assert_eq!(refs, ["PROJ-1", "10002"]);
        assert_eq!(sprint.to, Destination::Sprint(SprintId::parse("37").unwrap()));
        assert_eq!(sprint.position, Some(Position::After(IssueRef::parse("PROJ-9").unwrap())));
        let backlog = read(json!({ "issues": ["PROJ-1"], "backlog": true, "board_id": "4", "before": "7" }));
        assert_eq!(backlog.unwrap().to, Destination::Backlog(Some(BoardId::parse("4").unwrap())));
        let rank =
            read(json!({ "issues": ["PROJ-1"], "before": "PROJ-2", "sprint_id": null, "backlog": false }));
        assert_eq!(rank.unwrap().to, Destination::Stay);
    }

    #[test]
    fn a_request_that_cannot_be_meant_is_refused() {
        let many: Vec<u32> = (1..=201).collect();
        for (body, said) in [
            (json!({ "sprint_id": 1 }), "Missing issues"),
            (json!({ "issues": [], "sprint_id": 1 }), "issues must be a list of 1 to 200"),
            (json!({ "issues": many, "sprint_id": 1 }), "issues must be a list of 1 to 200"),
            (json!({ "issues": "PROJ-1", "sprint_id": 1 }), "issues must be a list of 1 to 200"),
            (json!({ "issues": [null], "sprint_id": 1 }), "issues must be a list of 1 to 200"),
            (json!({ "issues": ["PROJ-1", "a b"], "sprint_id": 1 }), "issues[1] is not a Jira issue"),
            (json!({ "issues": [-1], "sprint_id": 1 }), "issues[0] is not a Jira issue"),
            (
                json!({ "issues": ["AB-1", "AB-2", "ab-1"], "sprint_id": 1 }),
                "issues lists AB-1 more than once",
            ),
            (json!({ "issues": ["AB-1"] }), "Say where to move the issues"),
            (json!({ "issues": ["AB-1"], "board_id": 1 }), "Send board_id only with backlog"),
            (json!({ "issues": ["AB-1"], "sprint_id": 1, "backlog": true }), "not both"),
            (json!({ "issues": ["AB-1"], "before": "AB-2", "after": "AB-3" }), "not both"),
            (json!({ "issues": ["AB-1"], "before": "ab-1" }), "not in issues"),
            (json!({ "issues": ["AB-1"], "backlog": true, "after": "AB-2" }), "Send board_id too"),
            (json!({ "issues": ["AB-1"], "sprint_id": "x" }), "sprint_id is not a Jira sprint id"),
            (json!({ "issues": ["AB-1"], "sprint_id": 1.5 }), "sprint_id must be a whole number"),
            (json!({ "issues": ["AB-1"], "sprint_id": [1] }), "sprint_id must be a whole number"),
            (json!({ "issues": ["AB-1"], "after": "../x" }), "after is not a Jira issue"),
        ] {
            let refused = read(body.clone()).err().map(|error| error.message().to_owned());
            assert!(refused.as_deref().is_some_and(|refused| refused.contains(said)), "{body}: {refused:?}");
        }
    }

    #[test]
    fn the_issue_that_is_listed_twice_is_not_logged() {
        let refused = read(json!({ "issues": ["AB-1", "ab-1"], "sprint_id": 1 })).unwrap_err();
        assert_eq!(refused.message(), "issues lists AB-1 more than once");
        assert!(!refused.to_string().contains("AB-1"), "{refused}");
    }

    #[test]
    fn an_issue_left_out_is_named_as_in_the_request() {
        let of = [IssueRef::parse("AB-1").unwrap(), IssueRef::parse("10002").unwrap()];
        let failed = |raw: Value| {
            let failed = Failed::unranked(serde_json::from_value(raw).unwrap(), &of);
            (failed.issue, failed.error, failed.code)
        };
        let said =
            failed(json!({ "issueId": 10_002, "issueKey": "AB-2", "status": 503, "errors": ["Try later."] }));
        assert_eq!(said, ("10002".to_owned(), "Try later.".to_owned(), "provider_failed"));
        // Moved to another project meanwhile.
        let said = failed(json!({ "issueId": 9, "issueKey": "CD-1", "status": 404 }));
        assert_eq!(said, ("CD-1".to_owned(), "Jira could not rank this issue".to_owned(), "jira_refused"));
    }
}
