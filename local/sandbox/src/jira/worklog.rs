//! `/rest/api/3/issue/{issueIdOrKey}/worklog`.
//! See <https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-issue-worklogs/>.

use std::sync::Arc;

use axum::extract::{Extension, Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::{delete, get};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};
use time::{Date, OffsetDateTime, Time, UtcOffset};

use super::adf;
use super::contract::Input;
use super::create::Property;
use super::field_values::MAX_TEXT;
use super::objects::timestamp;
use super::refusal::Refusal;
use super::view::{Scopes, View};
use crate::shared::{AppState, Shared};
use crate::world::tracker::Tracker;
use crate::world::tracker::issue::{Estimate, Issue, Worklog};

const READ: Scopes = Scopes {
    classic: &["read:jira-work"],
    granular: &[
        "read:group:jira",
        "read:issue-worklog:jira",
        "read:issue-worklog.property:jira",
        "read:project-role:jira",
        "read:user:jira",
        "read:avatar:jira",
    ],
};

const ADD: Scopes = Scopes {
    classic: &["write:jira-work"],
    granular: &[
        "write:issue-worklog:jira",
        "write:issue-worklog.property:jira",
        "read:avatar:jira",
        "read:group:jira",
        "read:issue-worklog:jira",
        "read:project-role:jira",
        "read:user:jira",
        "read:issue-worklog.property:jira",
    ],
};

const DELETE: Scopes = Scopes {
    classic: &["write:jira-work"],
    granular: &[
        "delete:issue-worklog:jira",
        "delete:issue-worklog.property:jira",
        "write:issue.time-tracking:jira",
    ],
};

/// The largest page, which is also the default.
const PAGE: usize = 5000;

/// How many worklogs of an issue its field `worklog` has.
const IN_FIELD: usize = 20;

/// <https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-issue-worklogs/>
const MOST_OF_AN_ISSUE: usize = 10_000;

pub(super) fn router() -> Router<Arc<Shared>> {
    Router::new()
        .route("/rest/api/3/issue/{issue}/worklog", get(list).post(add))
        .route("/rest/api/3/issue/{issue}/worklog/{id}", delete(remove))
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Wanted {
    start_at: usize,
    max_results: Option<usize>,
    started_after: Option<i64>,
    started_before: Option<i64>,
    expand: Option<String>,
}

async fn list(
    State(shared): AppState,
    Path((cloud_id, name)): Path<(String, String)>,
    headers: HeaderMap,
    Extension(input): Extension<Input>,
) -> Result<Json<Value>, Refusal> {
    let view = View::open(&shared, &headers, &cloud_id, &READ)?;
    let wanted: Wanted = input.query()?;
    let with_properties = match wanted.expand.as_deref() {
        None => false,
        Some("properties") => true,
        Some(_) => return Err(Refusal::misuse("only the properties of a worklog can be expanded")),
    };
    let tracker = view.read();
    let issue = view.issue(&tracker, &name)?;
    let is_wanted = |worklog: &&Worklog| {
        let started = worklog.started.unix_timestamp() * 1000 + i64::from(worklog.started.millisecond());
        wanted.started_after.is_none_or(|after| started > after)
            && wanted.started_before.is_none_or(|before| started < before)
    };
    let all: Vec<&Worklog> = issue.worklogs.iter().filter(is_wanted).collect();
    let size = wanted.max_results.unwrap_or(PAGE).min(PAGE);
    let page = all.iter().skip(wanted.start_at).take(size);
    let page: Vec<Value> = page.map(|worklog| render(&view, issue, worklog, with_properties)).collect();
    Ok(Json(json!({ "startAt": wanted.start_at, "maxResults": size, "total": all.len(), "worklogs": page })))
}

/// The field `worklog` of an issue.
pub(super) fn field(view: &View, issue: &Issue) -> Value {
    let first = issue.worklogs.iter().take(IN_FIELD);
    let first: Vec<Value> = first.map(|worklog| render(view, issue, worklog, false)).collect();
    json!({ "startAt": 0, "maxResults": IN_FIELD, "total": issue.worklogs.len(), "worklogs": first })
}

fn render(view: &View, issue: &Issue, worklog: &Worklog, with_properties: bool) -> Value {
    let author = view.user(&worklog.author);
    let mut body = json!({
        "self": view.link(&format!("issue/{}/worklog/{}", issue.id, worklog.id)),
        "author": author,
        "updateAuthor": author,
        "created": timestamp(worklog.created),
        "updated": timestamp(worklog.created),
        "started": timestamp(worklog.started),
        "timeSpent": format!("{}m", worklog.seconds / 60),
        "timeSpentSeconds": worklog.seconds,
        "id": worklog.id.to_string(),
        "issueId": issue.id.to_string(),
    });
    if let Some(comment) = &worklog.comment {
        body["comment"] = comment.clone();
    }
    if with_properties {
        let properties = worklog.properties.iter();
        body["properties"] = properties.map(|(key, value)| json!({ "key": key, "value": value })).collect();
    }
    body
}

/// How the remaining estimate changes.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Adjustment {
    adjust_estimate: Option<String>,
    new_estimate: Option<String>,
    reduce_by: Option<String>,
    increase_by: Option<String>,
    #[serde(rename = "notifyUsers")]
    _notify_users: Option<bool>,
}

impl Adjustment {
    /// Applies it to an estimate that changes by `auto` seconds by default. `sign` is that of a manual change.
    fn apply(&self, estimate: &mut Estimate, auto: i64, sign: i64) -> Result<(), Refusal> {
        let by = if sign < 0 { &self.reduce_by } else { &self.increase_by };
        let changed = |by: i64| {
            let remaining = estimate.remaining.and_then(|seconds| i64::try_from(seconds).ok());
            remaining.map(|seconds| u64::try_from(seconds.saturating_add(by)).unwrap_or(0))
        };
        estimate.remaining = match self.adjust_estimate.as_deref() {
            None | Some("auto") => changed(auto),
            Some("leave") => estimate.remaining,
            Some("new") => Some(duration(self.new_estimate.as_deref(), "newEstimate")?),
            Some("manual") => {
                // As in Jira, the message is the same for a deletion.
                let by = i64::try_from(duration(by.as_deref(), "reduceBy")?).unwrap_or(i64::MAX);
                changed(sign * by)
            }
            Some(_) => return Err(Refusal::misuse("adjustEstimate has an unknown value")),
        };
        Ok(())
    }
}

/// A duration in minutes, the only unit whose length is not a setting of the site.
fn duration(text: Option<&str>, name: &str) -> Result<u64, Refusal> {
    let minutes = text.and_then(|text| text.strip_suffix('m')?.parse::<u64>().ok());
    let seconds = minutes.and_then(|minutes| minutes.checked_mul(60));
    seconds.ok_or_else(|| Refusal::misuse(&format!("You must supply a valid duration for {name}")))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct NewWorklog {
    time_spent_seconds: u64,
    started: Option<String>,
    comment: Option<Value>,
    #[serde(default)]
    properties: Vec<Property>,
}

async fn add(
    State(shared): AppState,
    Path((cloud_id, name)): Path<(String, String)>,
    headers: HeaderMap,
    Extension(input): Extension<Input>,
) -> Result<(StatusCode, Json<Value>), Refusal> {
    let view = View::open(&shared, &headers, &cloud_id, &ADD)?;
    let (adjustment, new): (Adjustment, NewWorklog) = (input.query()?, input.body()?);
    // <https://github.com/dogawaf/jira-toggl/issues/6>
    if new.time_spent_seconds < 60 {
        return Err(Refusal::misuse("You must indicate the time spent working."));
    }
    let started = match &new.started {
        None => view.now,
        // Jira answers some of these with a 500.
        Some(text) => {
            moment(text).ok_or_else(|| Refusal::misuse(&format!("Invalid date format: {text:?}")))?
        }
    };
    if let Some(comment) = &new.comment {
        let length =
            adf::check(comment).map_err(|problem| Refusal::misuse(&format!("comment: {problem}")))?;
        if length > MAX_TEXT {
            let text = "The entered text is too long. It exceeds the allowed limit of 32,767 characters.";
            let body = json!({ "errorMessages": [], "errors": { "comment": text } });
            return Err(Refusal { status: StatusCode::BAD_REQUEST, body, misuse: None });
        }
    }
    let mut tracker = view.write();
    let id = view.issue(&tracker, &name)?.id;
    if view.settings.read_only {
        let text = "You do not have the permission to associate a worklog to this issue.";
        return Err(Refusal::plain(StatusCode::BAD_REQUEST, text));
    }
    let worklog = Worklog {
        id: tracker.next_worklog(),
        author: view.account.key.as_str().into(),
        comment: new.comment,
        started,
        seconds: new.time_spent_seconds,
        created: view.now,
        properties: new.properties.into_iter().map(|property| (property.key, property.value)).collect(),
    };
    let issue = issue_mut(&mut tracker, id)?;
    if issue.worklogs.len() >= MOST_OF_AN_ISSUE {
        let text = "The limit of worklogs for this issue is reached.";
        return Err(Refusal::plain(StatusCode::PAYLOAD_TOO_LARGE, text));
    }
    let seconds = i64::try_from(worklog.seconds).unwrap_or(i64::MAX);
    adjustment.apply(&mut issue.estimate, -seconds, -1)?;
    issue.estimate.spent = Some(issue.estimate.spent.unwrap_or(0).saturating_add(worklog.seconds));
    issue.updated = view.now;
    issue.worklogs.push(worklog.clone());
    Ok((StatusCode::CREATED, Json(render(&view, issue, &worklog, false))))
}

async fn remove(
    State(shared): AppState,
    Path((cloud_id, name, worklog)): Path<(String, String, String)>,
    headers: HeaderMap,
    Extension(input): Extension<Input>,
) -> Result<StatusCode, Refusal> {
    let view = View::open(&shared, &headers, &cloud_id, &DELETE)?;
    let adjustment: Adjustment = input.query()?;
    let mut tracker = view.write();
    let id = view.issue(&tracker, &name)?.id;
    let issue = issue_mut(&mut tracker, id)?;
    let found = issue.worklogs.iter().position(|known| known.id.to_string() == worklog);
    let found = found.ok_or_else(|| {
        let text = format!("Cannot find worklog with id: '{worklog}'.");
        Refusal::plain(StatusCode::NOT_FOUND, &text)
    })?;
    if view.settings.read_only {
        let text = "You do not have the permission to delete this worklog.";
        return Err(Refusal::plain(StatusCode::BAD_REQUEST, text));
    }
    let seconds = issue.worklogs.get(found).map_or(0, |worklog| worklog.seconds);
    adjustment.apply(&mut issue.estimate, i64::try_from(seconds).unwrap_or(i64::MAX), 1)?;
    issue.worklogs.remove(found);
    issue.estimate.spent = Some(issue.estimate.spent.unwrap_or(0).saturating_sub(seconds));
    issue.updated = view.now;
    Ok(StatusCode::NO_CONTENT)
}

fn issue_mut(tracker: &mut Tracker, id: u64) -> Result<&mut Issue, Refusal> {
    let gone = || Refusal::plain(StatusCode::NOT_FOUND, "Issue does not exist");
    tracker.issues.get_mut(&id).ok_or_else(gone)
}

/// Parses `2026-11-26T09:00:00.000+0000`: exactly three digits of a second, and an offset without a colon
/// (<https://github.com/atlassian-api/atlassian-python-api/issues/579>).
fn moment(text: &str) -> Option<OffsetDateTime> {
    let has_shape = text.len() == 28
        && text.bytes().zip("dddd-dd-ddTdd:dd:dd.ddd?dddd".bytes()).all(|(byte, shape)| match shape {
            b'd' => byte.is_ascii_digit(),
            b'?' => byte == b'+' || byte == b'-',
            other => byte == other,
        });
    if !has_shape {
        return None;
    }
    let number = |from: usize, to: usize| text.get(from..to)?.parse::<u16>().ok();
    let small = |from: usize| u8::try_from(number(from, from + 2)?).ok();
    let date = Date::from_calendar_date(number(0, 4)?.into(), small(5)?.try_into().ok()?, small(8)?).ok()?;
    let time = Time::from_hms_milli(small(11)?, small(14)?, small(17)?, number(20, 23)?).ok()?;
    let sign = if text.get(23..24)? == "-" { -1 } else { 1 };
    let hours = i8::try_from(small(24)?).ok()?;
    let minutes = i8::try_from(small(26)?).ok()?;
    let offset = UtcOffset::from_hms(sign * hours, sign * minutes, 0).ok()?;
    OffsetDateTime::new_in_offset(date, time, offset).checked_to_offset(UtcOffset::UTC)
}
