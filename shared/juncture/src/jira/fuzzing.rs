//! Jira's answers, read as the client reads them, for `crate::fuzz`.

use std::time::Duration;

use http::{HeaderMap, StatusCode};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use super::agile::{Board, RawPage, Sprint};
use super::description::DescriptionFormat;
use super::edit::EditedIssue;
use super::failure::Failure;
use super::input::IssueInput;
use super::issue::{IssueDetails, OneIssue, RawIssue};
use super::marked;
use super::projects::{self, Project};
use super::search::{Bulk, Id, Page};
use super::ticket::{RawTicket, SprintTicket, Ticket};
use crate::error::Error;
use crate::lenient;

/// What the calls answer with an answer of Jira's; `None` where Jira's cannot be read.
pub(crate) fn answer(which: usize, body: &[u8]) -> Option<Value> {
    match which % 11 {
        0 => {
            let mut page: Page<RawTicket> = read(body)?;
            let next = page.next();
            Some(json!([described::<Ticket>(page.issues), next]))
        }
        1 => {
            let mut page: Page<Id> = read(body)?;
            let next = page.next();
            Some(json!([page.issues.into_iter().flatten().filter_map(Id::name).collect::<Vec<_>>(), next]))
        }
        2 => Some(json!(described::<SprintTicket>(read::<Bulk>(body)?.issues))),
        3 => Some(json!(shown::<_, Project>(read::<projects::Page>(body)?.values))),
        4 => Some(json!(shown::<_, Board>(read::<RawPage<Board>>(body)?.values))),
        5 => Some(json!(shown::<_, Sprint>(read::<RawPage<Sprint>>(body)?.values))),
        6 => Some(json!(read::<Sprint>(body)?)),
        7 => Some(json!(IssueDetails::from((read::<OneIssue>(body)?.0, DescriptionFormat::Adf)))),
        8 => Some(json!(EditedIssue::from((read::<OneIssue>(body)?.0, DescriptionFormat::Markdown)))),
        9 => {
            let OneIssue(named) = read(body)?;
            Some(json!([named.id, named.key]))
        }
        _ => {
            let page: Page<RawIssue> = read(body)?;
            let issues: Vec<RawIssue> = page.issues.into_iter().flatten().collect();
            let (key, number) = marked::newest_of(&issues)?;
            Some(json!(marked::following(key, number)))
        }
    }
}

/// The error of a refusal, and how long until the call is worth another try.
pub(crate) fn refusal(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> (Error, Option<Duration>) {
    let failure = Failure::read(status, headers, body);
    let wait = failure.retry_in(1);
    (failure.into_error("read:jira-work"), wait)
}

/// What is sent to Jira.
pub(crate) fn fields(input: IssueInput) -> Map<String, Value> {
    input.into_fields()
}

fn read<T: DeserializeOwned>(body: &[u8]) -> Option<T> {
    lenient::from_slice(body).ok()
}

fn described<T: From<(RawTicket, DescriptionFormat)> + Serialize>(raw: Vec<Option<RawTicket>>) -> Vec<T> {
    raw.into_iter().flatten().map(|raw| T::from((raw, DescriptionFormat::Markdown))).collect()
}

fn shown<Raw, T: From<Raw> + Serialize>(raw: Vec<Option<Raw>>) -> Vec<T> {
    raw.into_iter().flatten().map(T::from).collect()
}
