//! Searches for tickets: of any size, in the order of the search, each ticket once.
//!
//! `/search/jql` is paged by token, one page after the other. It gives up to 5000 ids at a time, but only about a
//! hundred tickets with their fields. So a whole result is read in two steps that overlap: pages of ids, and
//! beside them their tickets by the hundred (`/issue/bulkfetch`). A result of one page is read in one call.
//!
//! <https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-issue-search/>

use std::collections::{HashMap, HashSet};

use futures_util::{Stream, TryStreamExt, stream};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::client::{Call, JiraSite, Result};
use crate::error::JiraError;
use crate::ids::{ProjectId, SprintId};
use crate::lenient;
use crate::ticket::{FIELDS, Ticket};

/// The most that a page of tickets, or one bulk read, gives.
const TICKETS: usize = 100;

/// The most that a page of ids gives.
const IDS: usize = 5000;

/// How many bulk reads may wait for their turn; how many are in flight is the client's concern.
const READ_AHEAD: usize = 1000;

/// How many pages of a search may be empty one after the other while it goes on. What says so is the token, not what is
/// on a page, which may be shorter than was asked for.
const EMPTY_PAGES: usize = 20;

const SCOPES: &str = "read:jira-work";

/// What to search for. The newest tickets come first; of those made at once, the one with the highest number.
pub struct Search {
    jql: String,
}

impl Search {
    /// The tickets of a project.
    pub fn of_project(project: &ProjectId) -> Self {
        let id = project.as_str();
        // A key may be a reserved word, so it is quoted. A number is not: quoted it could also be a name.
        let operand = if project.is_number() { id.to_owned() } else { format!("\"{id}\"") };
        Self::new(&format!("project = {operand}"))
    }

    /// The tickets of a sprint.
    pub fn of_sprint(sprint: &SprintId) -> Self {
        Self::new(&format!("sprint = {}", sprint.as_str()))
    }

    fn new(condition: &str) -> Self {
        Self { jql: format!("{condition} ORDER BY created DESC, key DESC") }
    }
}

/// A place in the result of a search. Jira keeps it for seven days.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SearchPosition {
    #[serde(rename = "t")]
    token: String,
    /// Must be the same on every page.
    #[serde(rename = "r")]
    reconciled: Vec<u64>,
}

/// How a ticket can be asked for.
#[derive(Default, Deserialize)]
#[serde(default)]
pub struct Id {
    #[serde(deserialize_with = "lenient::id")]
    id: Option<String>,
    #[serde(deserialize_with = "lenient::text")]
    key: Option<String>,
}

impl Id {
    /// The id, or else the key; `None` when there is neither, and so no way to learn more.
    pub fn name(self) -> Option<String> {
        self.id.or(self.key)
    }
}

/// A page of tickets or of ids.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", bound(deserialize = "T: Deserialize<'de>"))]
pub struct Page<T> {
    #[serde(deserialize_with = "lenient::objects")]
    /// The issues; what is no object has its place and is nothing else.
    pub issues: Vec<Option<T>>,
    #[serde(default, deserialize_with = "lenient::flag")]
    is_last: Option<bool>,
    #[serde(default, deserialize_with = "lenient::id")]
    next_page_token: Option<String>,
}

impl<T> Page<T> {
    /// The token of the page that follows, if one does: an empty page is not the end.
    pub fn take_next(&mut self) -> Option<String> {
        let token = self.next_page_token.take();
        token.filter(|token| self.is_last != Some(true) && !token.is_empty())
    }
}

/// Some pages of a search: what is on them, and the token of the page that follows, if one does.
pub struct Found<T> {
    /// The issues.
    pub issues: Vec<T>,
    /// The token.
    pub next: Option<String>,
}

/// What `bulkfetch` gives.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Bulk {
    /// The tickets.
    #[serde(deserialize_with = "lenient::objects")]
    pub issues: Vec<Option<Ticket>>,
    #[serde(default, deserialize_with = "lenient::any_objects")]
    issue_errors: Vec<Option<IssueError>>,
}

/// Why a part of a search gave nothing.
#[derive(Debug)]
pub enum PageError {
    /// The page of the search.
    Page(JiraError),
    /// The tickets on it.
    Tickets(JiraError),
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct IssueError {
    #[serde(deserialize_with = "lenient::id")]
    id: Option<String>,
}

impl JiraSite<'_> {
    /// All tickets of a search. `reconciled` are ids of issues that Jira's index may not know yet. Each ticket is turned
    /// into what the caller wants as soon as it comes: that takes the time in which other calls are under way, and
    /// Jira's form of them is several times as large.
    ///
    /// # Errors
    /// What Jira refuses or fails at; [`JiraError::EndlessSearch`] when page after page is empty.
    pub async fn all_tickets<T>(
        &self,
        search: &Search,
        reconciled: &[u64],
        convert: &(impl Fn(Ticket) -> T + Sync),
    ) -> Result<Vec<T>> {
        let mut first: Found<Ticket> = self.search_page(search, reconciled, None, TICKETS, &FIELDS).await?;
        let is_whole = first.next.is_none();
        let mut known = HashSet::new();
        first.issues.retain(|ticket| ticket.id.as_ref().is_none_or(|id| known.insert(id.clone())));
        let mut tickets: Vec<T> = first.issues.into_iter().map(convert).collect();
        if is_whole {
            return Ok(tickets);
        }
        // The search begins anew: whether its token is good for pages of another kind is not documented. A ticket
        // that moves within the order meanwhile may come twice.
        let rest = self
            .id_pages(search, reconciled, known)
            .map_ok(|ids| {
                let batches: Vec<_> = ids.chunks(TICKETS).map(|batch| Ok(batch.to_vec())).collect();
                stream::iter(batches)
            })
            .try_flatten()
            .map_ok(|batch| self.bulk(batch, convert))
            .try_buffered(READ_AHEAD)
            .try_concat()
            .await?;
        tickets.extend(rest);
        Ok(tickets)
    }

    /// As [`Self::all_tickets`], up to `limit` tickets from a place in the result on, and where it goes on. There may be
    /// fewer and still be more to come. `reconciled` counts for the first of them only: a position has its own.
    ///
    /// # Errors
    /// As [`Self::all_tickets`]; a [`PageError::Page`] is about the search itself or the position, which Jira may have
    /// forgotten.
    pub async fn some_tickets<T>(
        &self,
        search: &Search,
        from: Option<&SearchPosition>,
        reconciled: &[u64],
        limit: usize,
        convert: &(impl Fn(Ticket) -> T + Sync),
    ) -> std::result::Result<(Vec<T>, Option<SearchPosition>), PageError> {
        let token = from.map(|from| from.token.as_str());
        let reconciled = from.map_or(reconciled, |from| &from.reconciled);
        let (tickets, next) = if limit <= TICKETS {
            let page: Found<Ticket> =
                self.search_page(search, reconciled, token, limit, &FIELDS).await.map_err(PageError::Page)?;
            (page.issues.into_iter().map(convert).collect(), page.next)
        } else {
            let page: Found<Id> =
                self.search_page(search, reconciled, token, limit, &["id"]).await.map_err(PageError::Page)?;
            let ids: Vec<String> = page.issues.into_iter().filter_map(Id::name).collect();
            let batches: Vec<_> =
                ids.chunks(TICKETS).map(|batch| Ok(self.bulk(batch.to_vec(), convert))).collect();
            let tickets = stream::iter(batches).try_buffered(READ_AHEAD).try_concat().await;
            (tickets.map_err(PageError::Tickets)?, page.next)
        };
        let next = next.map(|token| SearchPosition { token, reconciled: reconciled.to_vec() });
        Ok((tickets, next))
    }

    /// The ids of a search that are not known yet, page by page.
    fn id_pages<'s>(
        &'s self,
        search: &'s Search,
        reconciled: &'s [u64],
        known: HashSet<String>,
    ) -> impl Stream<Item = Result<Vec<String>>> + Send + 's {
        /// Which page to read, and what has been seen: ids, and tokens.
        struct State {
            token: Option<String>,
            known: HashSet<String>,
            used: HashSet<String>,
        }
        let begin = State { token: None, known, used: HashSet::new() };
        stream::try_unfold(Some(begin), move |state| async move {
            let Some(mut state) = state else { return Ok(None) };
            let page: Found<Id> =
                self.search_page(search, reconciled, state.token.as_deref(), IDS, &["id"]).await?;
            let ids = page.issues.into_iter().filter_map(Id::name);
            let new: Vec<String> = ids.filter(|id| state.known.insert(id.clone())).collect();
            let next = page.next.filter(|token| state.used.insert(token.clone()));
            let state = next.map(|token| State { token: Some(token), ..state });
            Ok(Some((new, state)))
        })
    }

    async fn search_page<T: DeserializeOwned>(
        &self,
        search: &Search,
        reconciled: &[u64],
        token: Option<&str>,
        size: usize,
        fields: &[&str],
    ) -> Result<Found<T>> {
        let mut body = json!({ "jql": search.jql, "maxResults": size, "fields": fields });
        if !reconciled.is_empty() {
            body["reconcileIssues"] = reconciled.into();
        }
        self.next_issues(body, token.map(str::to_owned)).await
    }

    /// The next page of a search that has something on it, or its end.
    ///
    /// A page that repeats the token it was asked with is the last: there is nowhere to go on to.
    ///
    /// # Errors
    /// [`JiraError::EndlessSearch`] when page after page is empty and yet none is the last.
    pub(crate) async fn next_issues<T: DeserializeOwned>(
        &self,
        mut body: Value,
        mut token: Option<String>,
    ) -> Result<Found<T>> {
        for _ in 0..EMPTY_PAGES {
            if let Some(token) = &token {
                body["nextPageToken"] = token.as_str().into();
            }
            let path = ["rest", "api", "3", "search", "jql"];
            let mut page: Page<T> = self.call(Call::query(&path, &body, SCOPES)).await?;
            let next = page.take_next();
            let issues: Vec<T> = page.issues.into_iter().flatten().collect();
            if !issues.is_empty() {
                return Ok(Found { issues, next: next.filter(|next| Some(next) != token.as_ref()) });
            }
            if next.is_none() {
                return Ok(Found { issues, next });
            }
            token = next;
        }
        Err(JiraError::EndlessSearch(EMPTY_PAGES))
    }

    /// Tickets by their ids, in this order. One that is missing has been deleted or hidden meanwhile; one that
    /// Jira failed to read is asked for once more.
    async fn bulk<T>(&self, ids: Vec<String>, convert: &(impl Fn(Ticket) -> T + Sync)) -> Result<Vec<T>> {
        let mut found = HashMap::new();
        let mut failed = self.bulk_page(&ids, convert, &mut found).await?;
        if !failed.is_empty() {
            failed = self.bulk_page(&failed, convert, &mut found).await?;
        }
        if let Some(id) = failed.first() {
            return Err(JiraError::UnreadableIssue(id.clone()));
        }
        Ok(ids.iter().filter_map(|id| found.remove(id)).collect())
    }

    /// Reads tickets, by the name that each was asked for by; gives the names of those that Jira failed to read.
    async fn bulk_page<T>(
        &self,
        ids: &[String],
        convert: &(impl Fn(Ticket) -> T + Sync),
        found: &mut HashMap<String, T>,
    ) -> Result<Vec<String>> {
        let body = json!({ "issueIdsOrKeys": ids, "fields": FIELDS });
        let path = ["rest", "api", "3", "issue", "bulkfetch"];
        let bulk: Bulk = self.call(Call::query(&path, &body, SCOPES)).await?;
        let mut nameless = Vec::new();
        for ticket in bulk.issues.into_iter().flatten() {
            let name = [&ticket.id, &ticket.key].into_iter().flatten().find(|name| ids.contains(name));
            match name.cloned() {
                Some(name) => _ = found.insert(name, convert(ticket)),
                None => nameless.push(convert(ticket)),
            }
        }
        let failed = bulk.issue_errors.into_iter().flatten().filter_map(|error| error.id);
        let failed: Vec<String> = failed.filter(|id| ids.contains(id)).collect();
        // Whichever of them a ticket without a name is, it is one of those that did not come under theirs.
        let missing = ids.iter().filter(|id| !found.contains_key(*id) && !failed.contains(id));
        let missing: Vec<String> = missing.cloned().collect();
        found.extend(missing.into_iter().zip(nameless));
        Ok(failed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_ids_and_keys_get_into_a_query() {
        let jql = |project: &str| Search::of_project(&ProjectId::parse(project).unwrap()).jql;
        assert_eq!(jql("10000"), "project = 10000 ORDER BY created DESC, key DESC");
        assert_eq!(jql("AND"), "project = \"AND\" ORDER BY created DESC, key DESC");
        let sprint = Search::of_sprint(&SprintId::parse("501").unwrap());
        assert_eq!(sprint.jql, "sprint = 501 ORDER BY created DESC, key DESC");
    }

    #[test]
    fn paging_ends_at_the_last_page_or_one_without_a_token() {
        let next = |page: serde_json::Value| serde_json::from_value::<Page<Id>>(page).unwrap().take_next();
        let issues = json!([{ "id": "1" }]);
        assert_eq!(
            next(json!({ "issues": issues, "nextPageToken": "t", "isLast": false })).as_deref(),
            Some("t")
        );
        assert_eq!(next(json!({ "issues": issues, "nextPageToken": "t" })).as_deref(), Some("t"));
        assert_eq!(
            next(json!({ "issues": [], "isLast": false, "nextPageToken": "t" })).as_deref(),
            Some("t")
        );
        assert_eq!(next(json!({ "issues": [], "isLast": [], "nextPageToken": 7 })).as_deref(), Some("7"));
        for end in [
            json!({ "issues": issues, "isLast": true, "nextPageToken": "t" }),
            json!({ "issues": issues, "isLast": false }),
            json!({ "issues": issues, "isLast": false, "nextPageToken": null }),
            json!({ "issues": [], "isLast": true, "nextPageToken": "t" }),
            json!({ "issues": [], "isLast": false }),
        ] {
            assert_eq!(next(end.clone()), None, "{end}");
        }
        // Not an empty list: whoever looks for a lost ticket would take it for the proof that there is none.
        for no_list in [json!({}), json!({ "issues": null }), json!({ "issues": {} })] {
            assert!(serde_json::from_value::<Page<Id>>(no_list).is_err());
        }
    }

    #[test]
    fn what_is_odd_on_a_page_costs_no_ticket() {
        let issues =
            json!([null, { "id": 1 }, "x", { "key": "A-2" }, {}, { "id": null, "key": 7, "fields": null }]);
        let page: Page<Id> = serde_json::from_value(json!({ "issues": issues })).unwrap();
        let names: Vec<String> = page.issues.into_iter().flatten().filter_map(Id::name).collect();
        assert_eq!(names, ["1", "A-2"]);
        for odd in [json!(null), json!({}), json!([null, 7, {}])] {
            let bulk: Bulk = serde_json::from_value(json!({ "issues": issues, "issueErrors": odd })).unwrap();
            assert_eq!(bulk.issues.iter().flatten().count(), 4, "{odd}");
        }
    }
}
