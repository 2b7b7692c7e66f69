//! Worklogs: the time that people recorded on an issue.
//!
//! <https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-issue-worklogs/>

use http::Method;
use serde::Deserialize;
use serde_json::{Value, json};
use time::OffsetDateTime;

use crate::call::Call;
use crate::client::{JiraSite, Result};
use crate::error::JiraError;
use crate::ids::{IssueRef, WorklogId};
use crate::reach::Subject;
use crate::scopes::{READ, WRITE};
use crate::ticket::User;
use crate::{lenient, timestamp};

/// The largest page that Jira returns.
const PAGE_SIZE: usize = 5000;

/// Page size with entity properties and comments, of which only the properties are of interest.
const PAGE_SIZE_WITH_PROPERTIES: usize = 1000;

/// A worklog. A malformed value is null.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Worklog {
    /// The numeric id.
    #[serde(deserialize_with = "lenient::id")]
    pub id: Option<String>,
    /// Who recorded it.
    #[serde(deserialize_with = "lenient::object")]
    pub author: Option<User>,
    /// An ADF document, or whatever Jira sends instead.
    pub comment: Value,
    /// When the work was started; RFC 3339, in UTC.
    #[serde(deserialize_with = "timestamp::deserialize")]
    pub started: Option<String>,
    /// How long it took, in seconds.
    #[serde(deserialize_with = "lenient::integer")]
    pub time_spent_seconds: Option<i64>,
    /// When it was recorded; RFC 3339, in UTC.
    #[serde(deserialize_with = "timestamp::deserialize")]
    pub created: Option<String>,
    /// When it was last changed; RFC 3339, in UTC.
    #[serde(deserialize_with = "timestamp::deserialize")]
    pub updated: Option<String>,
    /// The role or group that it is restricted to, as sent by Jira; null if everybody who sees the issue sees it.
    pub visibility: Value,
    /// Its entity properties, if requested.
    #[serde(deserialize_with = "lenient::any_objects")]
    properties: Vec<Option<Property>>,
}

/// An entity property.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Property {
    #[serde(deserialize_with = "lenient::text")]
    key: Option<String>,
    value: Value,
}

impl Worklog {
    /// Returns the value of an entity property, if it was requested and is set.
    pub fn property(&self, key: &str) -> Option<&Value> {
        let mut properties = self.properties.iter().flatten();
        properties.find(|property| property.key.as_deref() == Some(key)).map(|property| &property.value)
    }
}

/// A page of worklogs. An entry that is not an object is kept as `None`, so that offsets stay correct.
#[derive(Deserialize)]
struct Page {
    #[serde(deserialize_with = "lenient::objects")]
    worklogs: Vec<Option<Worklog>>,
    #[serde(default, deserialize_with = "lenient::integer")]
    total: Option<i64>,
}

/// A response that is one worklog. A response without an id is rejected.
#[derive(Deserialize)]
#[serde(try_from = "Worklog")]
struct OneWorklog(Worklog);

impl TryFrom<Worklog> for OneWorklog {
    type Error = &'static str;

    fn try_from(worklog: Worklog) -> std::result::Result<Self, Self::Error> {
        if worklog.id.is_some() { Ok(Self(worklog)) } else { Err("a worklog without an id") }
    }
}

/// Which worklogs to list, by when the work was started.
#[derive(Debug, Clone, Copy, Default)]
pub struct WorklogPeriod {
    /// Only those started after this time.
    pub after: Option<OffsetDateTime>,
    /// Only those started before this time.
    pub before: Option<OffsetDateTime>,
}

/// What a change of a worklog does to the remaining estimate of its issue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EstimateChange {
    /// Reduces it by the time spent, or gives it back for a worklog that is deleted.
    Auto,
    /// Leaves it as it is.
    Leave,
    /// Sets it to this many minutes.
    Set(u32),
    /// Reduces it by this many minutes, or increases it for a worklog that is deleted.
    By(u32),
}

impl EstimateChange {
    /// The query parameters; `by` is the name of the one for [`Self::By`]. The value is in minutes, because the length
    /// of Jira's days and weeks is a setting of the site.
    fn query(self, by: &'static str) -> (&'static str, Option<(&'static str, String)>) {
        match self {
            Self::Auto => ("auto", None),
            Self::Leave => ("leave", None),
            Self::Set(minutes) => ("new", Some(("newEstimate", format!("{minutes}m")))),
            Self::By(minutes) => ("manual", Some((by, format!("{minutes}m")))),
        }
    }
}

/// A worklog to add.
#[derive(Debug)]
pub struct NewWorklog {
    /// How long the work took, in seconds.
    pub seconds: u64,
    /// When it was started; `None` for now.
    pub started: Option<OffsetDateTime>,
    /// An ADF document.
    pub comment: Option<Value>,
    /// An entity property, by key.
    pub property: Option<(&'static str, Value)>,
    /// What happens to the remaining estimate.
    pub estimate: EstimateChange,
    /// Whether Jira notifies the watchers of the issue.
    pub notify: bool,
}

impl NewWorklog {
    fn body(&self) -> Value {
        let mut body = json!({ "timeSpentSeconds": self.seconds });
        if let Some(started) = self.started {
            body["started"] = timestamp::for_jira(started).into();
        }
        if let Some(comment) = &self.comment {
            body["comment"] = comment.clone();
        }
        if let Some((key, value)) = &self.property {
            body["properties"] = json!([{ "key": key, "value": value }]);
        }
        body
    }
}

fn milliseconds(at: OffsetDateTime) -> String {
    (at.unix_timestamp_nanos() / 1_000_000).to_string()
}

impl JiraSite<'_> {
    /// Lists the worklogs of an issue, oldest first, from offset `from`, at most `limit` (`0` and `usize::MAX` for
    /// all). Also returns the offset at which the list continues.
    ///
    /// # Errors
    /// Jira returns 404 if the issue does not exist or is hidden, or if time tracking is off.
    pub async fn worklogs(
        &self,
        issue: &IssueRef,
        period: &WorklogPeriod,
        from: usize,
        limit: usize,
    ) -> Result<(Vec<Worklog>, Option<usize>)> {
        let (mut found, mut next) = (Vec::new(), from);
        let end = from.saturating_add(limit);
        loop {
            let size = (end - next).min(PAGE_SIZE);
            let page = self.worklog_page(issue, period, next, size, false).await?;
            let received = page.worklogs.len();
            next += received;
            let is_last = page.is_last(next, received, size);
            found.extend(page.worklogs.into_iter().flatten());
            if is_last || next >= end {
                return Ok((found, (!is_last).then_some(next)));
            }
        }
    }

    /// Finds the worklog of a period whose entity property `key` fulfils a condition.
    pub async fn worklog_with_property(
        &self,
        issue: &IssueRef,
        period: &WorklogPeriod,
        key: &str,
        is_wanted: impl Fn(&Value) -> bool,
    ) -> Result<Option<Worklog>> {
        let mut next = 0;
        loop {
            let size = PAGE_SIZE_WITH_PROPERTIES;
            let page = self.worklog_page(issue, period, next, size, true).await?;
            let received = page.worklogs.len();
            next += received;
            let is_last = page.is_last(next, received, size);
            let mut worklogs = page.worklogs.into_iter().flatten();
            let found = worklogs.find(|worklog| worklog.property(key).is_some_and(&is_wanted));
            if found.is_some() || is_last {
                return Ok(found);
            }
        }
    }

    async fn worklog_page(
        &self,
        issue: &IssueRef,
        period: &WorklogPeriod,
        from: usize,
        size: usize,
        with_properties: bool,
    ) -> Result<Page> {
        let path = ["rest", "api", "3", "issue", issue.as_str(), "worklog"];
        let (from, size) = (from.to_string(), size.to_string());
        let (after, before) = (period.after.map(milliseconds), period.before.map(milliseconds));
        let mut query = vec![("startAt", from.as_str()), ("maxResults", &size)];
        query.extend(after.as_deref().map(|after| ("startedAfter", after)));
        query.extend(before.as_deref().map(|before| ("startedBefore", before)));
        query.extend(with_properties.then_some(("expand", "properties")));
        self.call(Call::get([Subject::Issue(issue.as_str())], &path, &query, READ)).await
    }

    /// Adds a worklog. Retried only after a 429 or a rejected token, which mean that nothing was done.
    ///
    /// # Errors
    /// Jira returns 400 if the account lacks the permission to work on the issue, 404 as for [`Self::worklogs`], and
    /// 413 if the issue has as many worklogs as Jira allows. [`JiraError::Unconfirmed`] if the worklog may have been
    /// added anyway.
    pub async fn add_worklog(&self, issue: &IssueRef, worklog: &NewWorklog) -> Result<Worklog> {
        let path = ["rest", "api", "3", "issue", issue.as_str(), "worklog"];
        let (adjust, value) = worklog.estimate.query("reduceBy");
        let mut query = vec![("adjustEstimate", adjust)];
        query.extend(value.as_ref().map(|(name, value)| (*name, value.as_str())));
        if !worklog.notify {
            query.push(("notifyUsers", "false"));
        }
        let body = worklog.body();
        let call = Call::write([Subject::Issue(issue.as_str())], Method::POST, &path, Some(&body), WRITE)
            .with_query(&query);
        let answer = self.answer(call).await?;
        match lenient::from_slice(&answer) {
            Ok(OneWorklog(worklog)) => Ok(worklog),
            Err(error) => Err(JiraError::Unreadable(error.to_string()).unconfirmed()),
        }
    }

    /// Deletes a worklog. Retried only after a 429 or a rejected token.
    ///
    /// # Errors
    /// Jira returns 400 if the account lacks the permission, and 404 also if the issue has no such worklog.
    /// [`JiraError::Unconfirmed`] if it may have been deleted anyway.
    pub async fn delete_worklog(
        &self,
        issue: &IssueRef,
        worklog: &WorklogId,
        estimate: EstimateChange,
    ) -> Result<()> {
        let path = ["rest", "api", "3", "issue", issue.as_str(), "worklog", worklog.as_str()];
        let (adjust, value) = estimate.query("increaseBy");
        let mut query = vec![("adjustEstimate", adjust)];
        query.extend(value.as_ref().map(|(name, value)| (*name, value.as_str())));
        let call = Call::write([Subject::Issue(issue.as_str())], Method::DELETE, &path, None, WRITE)
            .with_query(&query);
        self.done(call).await
    }
}

impl Page {
    /// Whether the list ends with this page, `next` entries in. Jira may shorten a page, and `total` may be missing.
    fn is_last(&self, next: usize, received: usize, size: usize) -> bool {
        let total = self.total.and_then(|total| usize::try_from(total).ok());
        received == 0 || total.map_or(received < size, |total| next >= total)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_written_with_three_digits_and_an_offset_without_a_colon() {
        for (seconds, nanoseconds, text) in [
            (0, 0, "1970-01-01T00:00:00.000+0000"),
            (1_764_151_200, 987_654_321, "2025-11-26T10:00:00.987+0000"),
        ] {
            let at = OffsetDateTime::from_unix_timestamp(seconds).unwrap();
            assert_eq!(timestamp::for_jira(at + time::Duration::nanoseconds(nanoseconds)), text);
        }
        let offset = time::UtcOffset::from_hms(5, 30, 0).unwrap();
        let at = OffsetDateTime::from_unix_timestamp(1_764_151_200).unwrap().to_offset(offset);
        assert_eq!(timestamp::for_jira(at), "2025-11-26T10:00:00.000+0000");
        assert_eq!(milliseconds(at), "1764151200000");
    }

    #[test]
    fn a_list_ends_at_its_total_or_with_a_short_page() {
        let page = |total| Page { worklogs: Vec::new(), total };
        assert!(!page(Some(10)).is_last(5, 5, 5) && page(Some(10)).is_last(10, 5, 5));
        // Shortened by Jira.
        assert!(!page(Some(10)).is_last(3, 3, 5));
        assert!(!page(None).is_last(5, 5, 5) && page(None).is_last(8, 3, 5));
        assert!(page(Some(10)).is_last(5, 0, 5) && page(Some(-1)).is_last(3, 3, 5));
    }

    #[test]
    fn malformed_values_cost_only_themselves() {
        for odd in [json!(null), json!(7.5), json!("none"), json!([null]), json!({ "odd": [1] })] {
            let raw = json!({
                "id": "1", "author": odd, "comment": odd, "started": odd, "timeSpentSeconds": odd, "created": odd,
                "updated": odd, "visibility": odd, "properties": odd,
            });
            let OneWorklog(worklog) = serde_json::from_value(raw).unwrap();
            assert_eq!((worklog.id.as_deref(), worklog.time_spent_seconds), (Some("1"), None), "{odd}");
            assert!(worklog.property("juncture").is_none());
        }
        assert!(serde_json::from_value::<OneWorklog>(json!({ "timeSpentSeconds": 60 })).is_err());
        let properties = json!([null, { "key": "juncture", "value": 1 }]);
        let worklog: Worklog = serde_json::from_value(json!({ "properties": properties })).unwrap();
        assert_eq!(worklog.property("juncture"), Some(&json!(1)));
    }
}
