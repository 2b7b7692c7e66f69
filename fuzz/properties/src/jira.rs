//! Jira's responses, parsed as the client parses them.

use std::time::Duration;

use atlassian::lenient;
use atlassian::{
    AgilePage, Board, Bulk, Id, Issue, JiraError, JiraErrorResponse, OneIssue, Page, ProjectPage, Sprint,
};
use http::{HeaderMap, StatusCode};
use juncture::error::Error;
use juncture::jira::{
    DescriptionFormat, EditedIssue, IssueDetails, Project, SprintTicket, Ticket, following_keys, newest_issue,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

/// What our endpoints return for a response of Jira; `None` if it cannot be parsed.
pub(crate) fn answer(which: usize, body: &[u8]) -> Option<Value> {
    match which % 11 {
        0 => {
            let mut page: Page<atlassian::Ticket> = read(body)?;
            let next = page.take_next();
            Some(json!([described::<Ticket>(page.issues), next]))
        }
        1 => {
            let mut page: Page<Id> = read(body)?;
            let next = page.take_next();
            Some(json!([page.issues.into_iter().flatten().filter_map(Id::name).collect::<Vec<_>>(), next]))
        }
        2 => Some(json!(described::<SprintTicket>(read::<Bulk>(body)?.issues))),
        3 => Some(json!(shown::<_, Project>(read::<ProjectPage>(body)?.values))),
        4 => Some(json!(shown::<_, Board>(read::<AgilePage<Board>>(body)?.values))),
        5 => Some(json!(shown::<_, Sprint>(read::<AgilePage<Sprint>>(body)?.values))),
        6 => Some(json!(read::<Sprint>(body)?)),
        7 => Some(json!(IssueDetails::from((read::<OneIssue>(body)?.0, DescriptionFormat::Adf)))),
        8 => Some(json!(EditedIssue::from((read::<OneIssue>(body)?.0, DescriptionFormat::Markdown)))),
        9 => {
            let OneIssue(named) = read(body)?;
            Some(json!([named.id, named.key]))
        }
        _ => {
            let page: Page<Issue> = read(body)?;
            let issues: Vec<Issue> = page.issues.into_iter().flatten().collect();
            let (key, number) = newest_issue(&issues)?;
            Some(json!(following_keys(key, number)))
        }
    }
}

/// The error for an error response, and how long to wait before a retry.
pub(crate) fn refusal(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> (Error, Option<Duration>) {
    let response = JiraErrorResponse::read(status, headers, body);
    let wait = response.retry_in(1);
    let error = JiraError::Refused { response: Box::new(response), scopes: "read:jira-work" };
    (error.into(), wait)
}

fn read<T: DeserializeOwned>(body: &[u8]) -> Option<T> {
    lenient::from_slice(body).ok()
}

fn described<T: From<(atlassian::Ticket, DescriptionFormat)> + Serialize>(
    raw: Vec<Option<atlassian::Ticket>>,
) -> Vec<T> {
    raw.into_iter().flatten().map(|raw| T::from((raw, DescriptionFormat::Markdown))).collect()
}

fn shown<Raw, T: From<Raw> + Serialize>(raw: Vec<Option<Raw>>) -> Vec<T> {
    raw.into_iter().flatten().map(T::from).collect()
}
