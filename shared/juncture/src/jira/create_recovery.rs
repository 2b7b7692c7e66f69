//! Finding out whether an issue exists after its creation was not confirmed.
//!
//! An issue created with an `Idempotency-Key` carries the key's digest as an entity property
//! (<https://developer.atlassian.com/cloud/jira/platform/jira-entity-properties/>). JQL finds properties only if an
//! installed app has declared them, and its index lags behind. So this reads the newest indexed issues with their
//! properties, and then the issue keys that follow them, which does not depend on the index.
//!
//! This misses an issue that was moved to another project within the minute, or that is preceded by more than a hundred
//! issues not yet in the index. Such an issue is created again.

use std::time::Duration;

use atlassian::timestamp::utc;
use atlassian::{ISSUES_AT_ONCE, Issue, ProjectId};
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::site::ConnectedSite;
use crate::error::{Error, Result};
use crate::idempotency::{Attempt, UnconfirmedSend};

pub(super) const PROPERTY: &str = "juncture";

/// Assumed maximum difference between Jira's clock and ours.
pub(super) const CLOCKS_APART: Duration = Duration::from_secs(120);

/// Initial and maximum pause between two searches.
const FIRST_PAUSE: Duration = Duration::from_millis(300);
const MAX_PAUSE: Duration = Duration::from_secs(2);

/// The entity property that marks an issue, a comment or a worklog.
pub(super) fn property(mark: &str) -> Value {
    json!({ "key": PROPERTY, "value": { "idempotency": mark } })
}

fn bears(issue: &Issue, mark: &str) -> bool {
    issue.properties.get(PROPERTY).is_some_and(|property| property["idempotency"] == mark)
}

fn number(issue: &Issue) -> Option<(&str, u64)> {
    let (project, number) = issue.key.as_deref()?.rsplit_once('-')?;
    Some((project, number.parse().ok()?))
}

/// The project key and number of the most recently created issue, according to the issue keys.
pub fn newest_issue(issues: &[Issue]) -> Option<(&str, u64)> {
    issues.iter().filter_map(number).max_by_key(|(_, number)| *number)
}

/// The next issue keys after a number, as many as one request reads; fewer at the end of the number range.
pub fn following_keys(key: &str, number: u64) -> Vec<String> {
    (1..=ISSUES_AT_ONCE)
        .filter_map(|step| number.checked_add(step))
        .map(|next| format!("{key}-{next}"))
        .collect()
}

/// Looks for what an unconfirmed request has created until it is found, or until it is certain that there is nothing.
///
/// # Errors
/// 409 with `Retry-After` if time is up before that is certain.
pub(super) async fn until_settled<T, F: Future<Output = Result<Option<T>>>>(
    attempt: &Attempt<'_>,
    unconfirmed: &UnconfirmedSend,
    look: impl Fn() -> F,
) -> Result<Option<T>> {
    let mut pause = FIRST_PAUSE;
    loop {
        let looked_at = OffsetDateTime::now_utc();
        if let Some(found) = look().await? {
            return Ok(Some(found));
        }
        let left = unconfirmed.settled_at - looked_at;
        if left <= time::Duration::ZERO {
            return Ok(None);
        }
        attempt.check_time(pause)?;
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(MAX_PAUSE);
    }
}

impl ConnectedSite<'_> {
    /// Finds the issue with the mark of this attempt. Returns `None` once it is certain that there is none.
    ///
    /// # Errors
    /// 409 with `Retry-After` while that is not certain.
    pub(super) async fn find_marked(
        &self,
        attempt: &Attempt<'_>,
        unconfirmed: &UnconfirmedSend,
    ) -> Result<Option<Issue>> {
        let project = &ProjectId::parse(&unconfirmed.place)?;
        let mark = attempt.key().digest();
        let since = (unconfirmed.sent_at - CLOCKS_APART).format(&Rfc3339).map_err(Error::internal)?;
        let since = utc(&since);
        until_settled(attempt, unconfirmed, || self.look_for(project, mark, &since)).await
    }

    async fn look_for(&self, project: &ProjectId, mark: &str, since: &str) -> Result<Option<Issue>> {
        let mut newest: Option<(String, u64)> = None;
        let mut token = None;
        loop {
            let page = self.jira.newest_issues(project, PROPERTY, token.take()).await?;
            if let Some((key, number)) = newest_issue(&page.issues)
                && newest.as_ref().is_none_or(|(_, known)| number > *known)
            {
                newest = Some((key.to_owned(), number));
            }
            // Issues are sorted newest first, so everything after the last one here is older.
            let oldest = page.issues.iter().rev().find_map(|issue| issue.time("created"));
            let is_past = oldest.is_some_and(|oldest| oldest.as_str() < since);
            if let Some(found) = page.issues.into_iter().find(|issue| bears(issue, mark)) {
                return Ok(Some(found));
            }
            token = page.next;
            if is_past || token.is_none() {
                break;
            }
        }
        let (key, number) = match newest {
            Some(newest) => newest,
            None => (self.jira.project_key(project).await?, 0),
        };
        let next = self.jira.issues_with_property(&following_keys(&key, number), PROPERTY).await?;
        Ok(next.into_iter().find(|issue| bears(issue, mark)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_number_of_all_is_followed_by_none() {
        assert_eq!(following_keys("A", 7).first().map(String::as_str), Some("A-8"));
        assert_eq!(following_keys("A", 7).len() as u64, ISSUES_AT_ONCE);
        assert_eq!(following_keys("A", u64::MAX - 1), [format!("A-{}", u64::MAX)]);
        assert!(following_keys("A", u64::MAX).is_empty());
    }
}
