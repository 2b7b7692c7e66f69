//! Worklogs: what they look like in the API, and adding one, once.

use atlassian::{
    EstimateChange, IssueRef, JiraError, NewWorklog, Worklog as RawWorklog, WorklogId, WorklogPeriod,
};
use http::StatusCode;
use runtime::{Field, RequestError};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use time::format_description::well_known::Rfc3339;
use time::{OffsetDateTime, UtcOffset};

use super::comments::Visibility;
use super::create_recovery::{CLOCKS_APART, PROPERTY, property, until_settled};
use super::creation::Creation;
use super::description::DescriptionFormat;
use super::iso_duration::{iso, minutes, some_minutes};
use super::issue_input::length_refusal;
use super::rich_text::RichText;
use super::site::ConnectedSite;
use crate::error::{Error, Result};
use crate::idempotency::{Attempt, Once, UnconfirmedSend};
use crate::paging::PageRequest;

/// A worklog as the API returns it. Values that Jira omits or sends in an unexpected form are null.
#[derive(Debug, Clone, Serialize)]
pub struct Worklog {
    /// Digits.
    pub id: Option<String>,
    /// Display name of its author, if the account shows one.
    pub author: Option<String>,
    /// Account id of its author.
    pub author_account_id: Option<String>,
    /// Markdown or an ADF document, as requested; null if there is none.
    pub comment: Value,
    /// When the work was started: `2024-01-01T10:00:00.000Z`.
    pub started: Option<String>,
    /// How long it took, as an ISO 8601 duration: `PT1H30M`.
    pub time_spent: Option<String>,
    /// The same in seconds.
    pub time_spent_seconds: Option<i64>,
    /// In the format of [`Self::started`].
    pub created: Option<String>,
    /// In the format of [`Self::started`].
    pub updated: Option<String>,
    /// The role or group that it is restricted to; null if everybody who sees the issue sees it.
    pub visibility: Option<Visibility>,
}

impl From<(RawWorklog, DescriptionFormat)> for Worklog {
    fn from((raw, format): (RawWorklog, DescriptionFormat)) -> Self {
        let (author, author_account_id) =
            raw.author.map(|user| (user.display_name, user.account_id)).unwrap_or_default();
        Self {
            id: raw.id,
            author,
            author_account_id,
            comment: format.read(&raw.comment),
            started: raw.started,
            time_spent: raw.time_spent_seconds.and_then(iso),
            time_spent_seconds: raw.time_spent_seconds,
            created: raw.created,
            updated: raw.updated,
            visibility: Visibility::of(&raw.visibility),
        }
    }
}

/// Parses an RFC 3339 time; an error names the field.
fn moment(text: &str, field: &str) -> Result<OffsetDateTime> {
    let parsed = OffsetDateTime::parse(text, &Rfc3339).ok();
    let in_utc = parsed.and_then(|at| at.checked_to_offset(UtcOffset::UTC));
    // Jira's clients cannot show other years.
    in_utc.filter(|at| (1970..=9998).contains(&at.year())).ok_or_else(|| {
        Error::bad_request(format!(
            "{field} must be an RFC 3339 time from 1970 on, such as 2024-01-01T10:00:00Z"
        ))
    })
}

/// Parses the period of a list from its parameters `started_after` and `started_before`.
///
/// # Errors
/// 400 for a value that is not an RFC 3339 time.
pub fn worklog_period(after: Option<&str>, before: Option<&str>) -> Result<WorklogPeriod> {
    Ok(WorklogPeriod {
        after: after.map(|text| moment(text, "started_after")).transpose()?,
        before: before.map(|text| moment(text, "started_before")).transpose()?,
    })
}

/// Parses a change of the remaining estimate. `by` is the name and the value of the field for `manual`.
fn estimate_change(
    adjust: Option<&str>,
    new: Option<&str>,
    by: (&'static str, Option<&str>),
) -> Result<EstimateChange> {
    let (by_name, by) = by;
    let change = match adjust {
        None | Some("auto") => EstimateChange::Auto,
        Some("leave") => EstimateChange::Leave,
        Some("new") => {
            let new =
                new.ok_or_else(|| RequestError::missing("new_estimate, which adjust_estimate asks for"))?;
            EstimateChange::Set(minutes(new, "new_estimate")?)
        }
        Some("manual") => {
            let by = by.ok_or_else(|| {
                RequestError::missing(&format!("{by_name}, which adjust_estimate asks for"))
            })?;
            EstimateChange::By(some_minutes(by, by_name)?)
        }
        Some(_) => {
            return Err(Error::bad_request("adjust_estimate must be auto, leave, new or manual"));
        }
    };
    let unused = [
        ("new_estimate", "new", new.is_some() && !matches!(change, EstimateChange::Set(_))),
        (by_name, "manual", by.is_some() && !matches!(change, EstimateChange::By(_))),
    ];
    match unused.into_iter().find(|(.., is_unused)| *is_unused) {
        Some((name, adjust, _)) => Err(Error::bad_request(format!(
            "{name} is only for adjust_estimate {adjust}: set that, or leave it out"
        ))),
        None => Ok(change),
    }
}

/// The fields of a worklog to add.
#[derive(Deserialize)]
pub struct WorklogFields {
    time_spent: String,
    started: Option<String>,
    comment: Field,
    adjust_estimate: Option<String>,
    new_estimate: Option<String>,
    reduce_by: Option<String>,
    notify: Field,
}

/// A worklog to add, checked.
pub struct WorklogInput {
    minutes: u32,
    started: Option<OffsetDateTime>,
    comment: Option<RichText>,
    estimate: EstimateChange,
    notify: bool,
}

impl WorklogInput {
    /// Checks the fields of a request.
    ///
    /// # Errors
    /// 400 that names the first field that is wrong, and says what to send instead.
    pub fn of(fields: WorklogFields) -> Result<Self> {
        let notify = match fields.notify {
            Field::Absent | Field::Null => true,
            given => given.flag("notify")?,
        };
        let by = ("reduce_by", fields.reduce_by.as_deref());
        Ok(Self {
            minutes: some_minutes(&fields.time_spent, "time_spent")?,
            started: fields.started.as_deref().map(|text| moment(text, "started")).transpose()?,
            comment: RichText::optional(fields.comment, "comment")?,
            estimate: estimate_change(fields.adjust_estimate.as_deref(), fields.new_estimate.as_deref(), by)?,
            notify,
        })
    }

    fn into_request(self, mark: Option<&str>) -> NewWorklog {
        NewWorklog {
            seconds: u64::from(self.minutes) * 60,
            started: self.started,
            comment: self.comment.map(Value::from),
            property: mark.map(|mark| (PROPERTY, property(mark)["value"].clone())),
            estimate: self.estimate,
            notify: self.notify,
        }
    }
}

/// How the deletion of a worklog changes the remaining estimate.
#[derive(Deserialize)]
pub struct DeletionEstimate {
    adjust_estimate: Option<String>,
    new_estimate: Option<String>,
    increase_by: Option<String>,
}

impl DeletionEstimate {
    /// Checks the fields of a request.
    ///
    /// # Errors
    /// 400 that names the first field that is wrong.
    pub fn change(&self) -> Result<EstimateChange> {
        let by = ("increase_by", self.increase_by.as_deref());
        estimate_change(self.adjust_estimate.as_deref(), self.new_estimate.as_deref(), by)
    }
}

/// A worklog to add to an issue.
struct Adding<'a> {
    site: &'a ConnectedSite<'a>,
    issue: &'a IssueRef,
    worklog: WorklogInput,
}

impl Creation for Adding<'_> {
    fn place(&self) -> String {
        self.issue.as_str().to_owned()
    }

    async fn find(&self, attempt: &Attempt<'_>, unconfirmed: &UnconfirmedSend) -> Result<Option<Value>> {
        let issue = &IssueRef::parse(&unconfirmed.place)?;
        let mark = attempt.key().digest();
        // When the work was started is known, or it was when the request was sent.
        let (first, last) = match self.worklog.started {
            Some(started) => (started, started),
            None => (unconfirmed.sent_at, unconfirmed.settled_at),
        };
        let period = WorklogPeriod {
            after: first.checked_sub(time::Duration::try_from(CLOCKS_APART).unwrap_or_default()),
            before: last.checked_add(time::Duration::try_from(CLOCKS_APART).unwrap_or_default()),
        };
        let look = || async {
            let is_wanted = |value: &Value| value["idempotency"] == mark;
            Ok(self.site.jira.worklog_with_property(issue, &period, PROPERTY, is_wanted).await?)
        };
        until_settled(attempt, unconfirmed, look).await?.map(answer).transpose()
    }

    async fn send(self, mark: Option<&str>) -> Result<Value> {
        let worklog = self.worklog.into_request(mark);
        answer(self.site.jira.add_worklog(self.issue, &worklog).await.map_err(refused)?)
    }
}

/// The response, whose comment is added later: it may be too long to be stored.
fn answer(mut worklog: RawWorklog) -> Result<Value> {
    worklog.comment = Value::Null;
    let worklog = Worklog::from((worklog, DescriptionFormat::Markdown));
    Ok(json!({ "worklog": serde_json::to_value(worklog).map_err(Error::internal)? }))
}

const TOO_MANY: &str =
    "The issue has as many worklogs as Jira allows, 10,000 by default. Delete some before you add another.";

fn refused(error: JiraError) -> Error {
    if let Some(too_long) = length_refusal(&error, "comment", |response| response.details()) {
        return too_long;
    }
    let is_full = error.response().is_some_and(|response| response.status == StatusCode::PAYLOAD_TOO_LARGE);
    let error = Error::from(error);
    if is_full { error.with_message(TOO_MANY) } else { error }
}

impl ConnectedSite<'_> {
    /// Returns the worklogs of an issue, oldest first, all of them or one page, and where the next page starts.
    ///
    /// # Errors
    /// 404 `jira_not_found` if the issue does not exist or is not visible, or if time tracking is off.
    pub async fn worklogs(
        &self,
        issue: &IssueRef,
        period: &WorklogPeriod,
        format: DescriptionFormat,
        part: Option<&PageRequest<usize>>,
    ) -> Result<(Vec<Worklog>, Option<usize>)> {
        let (from, limit) = part.map_or((0, usize::MAX), |part| (part.from.unwrap_or(0), part.limit));
        let (worklogs, next) = self.jira.worklogs(issue, period, from, limit).await?;
        Ok((worklogs.into_iter().map(|raw| Worklog::from((raw, format))).collect(), next))
    }

    /// Adds a worklog to an issue. The request is sent once, and again only after a 429, which means that nothing was
    /// done. With an `Idempotency-Key`, the worklog is marked with an entity property, so that it can be found again.
    ///
    /// # Errors
    /// `jira_refused` with Jira's messages, `jira_not_found` for the issue; `outcome_unknown` if the worklog may have
    /// been added; those of `Self::once`.
    pub async fn add_worklog(
        &self,
        once: &Once<'_>,
        issue: &IssueRef,
        worklog: WorklogInput,
    ) -> Result<Value> {
        let comment = worklog.comment.clone().map(Value::from).unwrap_or_default();
        let mut added = self.once(once, Adding { site: self, issue, worklog }).await?;
        added["worklog"]["comment"] = DescriptionFormat::Markdown.read(&comment);
        Ok(added)
    }

    /// Deletes a worklog of an issue.
    ///
    /// # Errors
    /// 404 `jira_not_found` if the issue or the worklog does not exist or is not visible, or if time tracking is off.
    pub async fn delete_worklog(
        &self,
        issue: &IssueRef,
        worklog: &WorklogId,
        estimate: EstimateChange,
    ) -> Result<()> {
        Ok(self.jira.delete_worklog(issue, worklog, estimate).await?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_has_an_offset_and_a_plausible_year() {
        for text in ["2024-01-01T10:00:00Z", "2024-01-01T10:00:00.5+05:30", "1970-01-01T00:00:00Z"] {
            assert!(moment(text, "started").is_ok(), "{text}");
        }
        for text in [
            "2024-01-01T10:00:00",
            "2024-01-01",
            "2024-01-01T10:00:00+0000",
            "9999-12-31T23:59:59-01:00",
            "0000-01-01T00:00:00+01:00",
            "1969-12-31T23:59:59Z",
            "1704103200000",
            "now",
            "",
        ] {
            let refused = moment(text, "started").err().map(|error| error.message().to_owned());
            assert!(refused.is_some_and(|said| said.starts_with("started must be an RFC 3339")), "{text}");
        }
    }

    #[test]
    fn an_estimate_goes_with_the_way_it_is_adjusted() {
        let change = |adjust, new, by| estimate_change(adjust, new, ("reduce_by", by));
        assert_eq!(change(None, None, None).unwrap(), EstimateChange::Auto);
        assert_eq!(change(Some("leave"), None, None).unwrap(), EstimateChange::Leave);
        assert_eq!(change(Some("new"), Some("PT0S"), None).unwrap(), EstimateChange::Set(0));
        assert_eq!(change(Some("manual"), None, Some("PT1H")).unwrap(), EstimateChange::By(60));
        for (adjust, new, by, said) in [
            (Some("new"), None, None, "Missing new_estimate"),
            (Some("manual"), None, None, "Missing reduce_by"),
            (Some("manual"), None, Some("PT0S"), "reduce_by must be at least"),
            (Some("new"), Some("2d"), None, "new_estimate must be an ISO 8601"),
            (None, Some("PT1H"), None, "new_estimate is only for adjust_estimate new"),
            (Some("leave"), None, Some("PT1H"), "reduce_by is only for adjust_estimate manual"),
            (Some("new"), Some("PT1H"), Some("PT1H"), "reduce_by is only for"),
            (Some("AUTO"), None, None, "adjust_estimate must be auto"),
        ] {
            let refused = change(adjust, new, by).err().map(|error| error.message().to_owned());
            assert!(refused.as_deref().is_some_and(|it| it.starts_with(said)), "{said}: {refused:?}");
        }
    }
}
