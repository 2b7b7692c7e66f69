//! Jira's responses, parsed as the client parses them.

use std::time::Duration;

use atlassian::lenient;
use atlassian::{
    AgilePage, Board, BoardConfiguration, Bulk, CommentPage, Id, InternalComment, Issue, JiraError,
    JiraErrorResponse, OneIssue, Page, ParsedJql, Profile, ProjectPage, Screen, Sprint, Unranked,
};
use http::{HeaderMap, StatusCode};
use juncture::error::Error;
use juncture::jira::{
    Attachment, BoardDetails, Comment, ConnectedAccount, DescriptionFormat, EditedIssue, Form, FormUse,
    FoundTicket, IssueChange, IssueDetails, IssueType, Project, SprintTicket, Ticket, TransitionView,
    Worklog, following_keys, newest_issue,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

/// What our endpoints return for a response of Jira; `None` if it cannot be parsed.
pub(crate) fn answer(which: usize, body: &[u8]) -> Option<Value> {
    match which % 22 {
        0 => {
            let mut page: Page<atlassian::Ticket> = read(body)?;
            let next = page.take_next();
            Some(json!([described::<Ticket, _>(page.issues), next]))
        }
        1 => {
            let mut page: Page<Id> = read(body)?;
            let next = page.take_next();
            Some(json!([page.issues.into_iter().flatten().filter_map(Id::name).collect::<Vec<_>>(), next]))
        }
        2 => Some(json!(described::<SprintTicket, _>(read::<Bulk>(body)?.issues))),
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
        10 => {
            let page: Page<Issue> = read(body)?;
            let issues: Vec<Issue> = page.issues.into_iter().flatten().collect();
            let (key, number) = newest_issue(&issues)?;
            Some(json!(following_keys(key, number)))
        }
        11 => {
            let page: CommentPage = read(body)?;
            let next = page.next(0);
            Some(json!([described::<Comment, _>(page.comments), next]))
        }
        // The entries of other lists, which are read like those of this one.
        12 => Some(json!(described::<Worklog, _>(read::<AgilePage<atlassian::Worklog>>(body)?.values))),
        13 => Some(json!(shown::<_, IssueChange>(read::<AgilePage<atlassian::Change>>(body)?.values))),
        14 => Some(json!(shown::<_, TransitionView>(read::<AgilePage<atlassian::Transition>>(body)?.values))),
        15 => Some(json!(shown::<_, IssueType>(read::<AgilePage<atlassian::IssueType>>(body)?.values))),
        16 => Some(json!(Form::of(read::<Screen>(body)?.0, FormUse::Edit).view())),
        17 => Some(json!(BoardDetails::from(read::<BoardConfiguration>(body)?))),
        18 => Some(json!(Attachment::from(read::<atlassian::Attachment>(body)?))),
        19 => {
            let found = described::<FoundTicket, _>(read::<Page<atlassian::Ticket>>(body)?.issues);
            let ids = ["customfield_1", "duedate"].map(str::to_owned);
            Some(json!(found.into_iter().map(|ticket| ticket.with_fields(&ids)).collect::<Vec<_>>()))
        }
        20 => {
            let parsed: ParsedJql = read(body)?;
            Some(json!([parsed.is_unbounded(), parsed.errors]))
        }
        _ => {
            let unranked = read::<AgilePage<Unranked>>(body)?.values.into_iter().flatten();
            let unranked: Vec<_> =
                unranked.map(|it| json!([it.issue_id, it.issue_key, it.status, it.errors])).collect();
            let internal: InternalComment = read(body)?;
            let account = ConnectedAccount::from(read::<Profile>(body)?);
            Some(json!([unranked, internal.id, internal.public, account]))
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

fn described<T: From<(Raw, DescriptionFormat)> + Serialize, Raw>(raw: Vec<Option<Raw>>) -> Vec<T> {
    raw.into_iter().flatten().map(|raw| T::from((raw, DescriptionFormat::Markdown))).collect()
}

fn shown<Raw, T: From<Raw> + Serialize>(raw: Vec<Option<Raw>>) -> Vec<T> {
    raw.into_iter().flatten().map(T::from).collect()
}
