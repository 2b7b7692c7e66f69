//! Issue search: complete results of any size, in the order of the search, without duplicates.
//!
//! `/search/jql` is paged by token, so pages can only be read in sequence. A page has up to 5000 ids, but only about
//! a hundred issues with fields. A complete result is therefore read in two overlapping steps: pages of ids, and in
//! parallel their issues by the hundred (`/issue/bulkfetch`). A result that fits on one page takes one call.
//!
//! <https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-issue-search/>

use std::collections::HashSet;

use futures_util::{Stream, TryStreamExt, stream};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::call::Call;
use crate::client::{JiraSite, Result};
use crate::error::JiraError;
use crate::ids::ProjectId;
use crate::jql::{Condition, Jql};
use crate::lenient;
use crate::reach::Subject;
use crate::scopes::READ;
use crate::ticket::{FIELDS, Ticket};

/// The maximum number of issues on a page with fields, and in one bulk fetch.
pub(crate) const TICKETS: usize = 100;

/// The maximum number of ids on a page.
const IDS: usize = 5000;

/// How many bulk fetches may be queued. The client limits how many are in flight.
const READ_AHEAD: usize = 1000;

/// How many empty pages in a row are read before a search is given up. The token decides whether a search continues,
/// not the content of a page, which may be shorter than requested.
pub(crate) const EMPTY_PAGES: usize = 20;

/// A search. Unless it is of JQL, the newest issues come first; of issues created at the same time, the one with the
/// highest number.
pub struct Search {
    jql: Jql,
    /// The project to which the condition limits it, if there is one.
    project: Option<ProjectId>,
    /// The requested fields.
    pub(crate) fields: Vec<String>,
}

impl Search {
    /// The issues that meet a condition.
    pub fn of(condition: &Condition) -> Self {
        Self::of_jql(Jql::new(condition, "created DESC, key DESC"))
    }

    /// Names the project to which the condition limits the search. A connection that may not touch it is told so, instead
    /// of finding nothing.
    #[must_use]
    pub fn in_project(self, project: &ProjectId) -> Self {
        Self { project: Some(project.clone()), ..self }
    }

    /// The issues that a query finds, in its order. Jira refuses a query that it cannot parse or that is not bounded.
    pub fn of_jql(jql: Jql) -> Self {
        Self { jql, project: None, fields: FIELDS.map(str::to_owned).into() }
    }

    /// Requests further fields, by their ids.
    #[must_use]
    pub fn with_fields(mut self, ids: &[String]) -> Self {
        self.fields.extend_from_slice(ids);
        self
    }
}

/// A position in a search result. Jira keeps it for seven days.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SearchPosition {
    #[serde(rename = "t")]
    pub(crate) token: String,
    /// Must be the same for every page.
    #[serde(rename = "r")]
    pub(crate) reconciled: Vec<u64>,
}

/// The identifiers of an issue on a page of ids.
#[derive(Default, Deserialize)]
#[serde(default)]
pub struct Id {
    #[serde(deserialize_with = "lenient::id")]
    id: Option<String>,
    #[serde(deserialize_with = "lenient::text")]
    key: Option<String>,
}

impl Id {
    /// Returns the id, or the key if there is none; `None` if there is neither, so the issue cannot be fetched.
    pub fn name(self) -> Option<String> {
        self.id.or(self.key)
    }
}

/// A page of issues or ids.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", bound(deserialize = "T: Deserialize<'de>"))]
pub struct Page<T> {
    /// The issues; an entry that is not an object is `None`.
    #[serde(deserialize_with = "lenient::objects")]
    pub issues: Vec<Option<T>>,
    #[serde(default, deserialize_with = "lenient::flag")]
    is_last: Option<bool>,
    #[serde(default, deserialize_with = "lenient::id")]
    next_page_token: Option<String>,
}

impl<T> Page<T> {
    /// Takes the token of the next page, if there is one. An empty page is not the end.
    pub fn take_next(&mut self) -> Option<String> {
        let token = self.next_page_token.take();
        token.filter(|token| self.is_last != Some(true) && !token.is_empty())
    }
}

/// Pages of a search, and the token of the next page, if there is one.
pub struct Found<T> {
    /// The issues.
    pub issues: Vec<T>,
    /// The token of the next page.
    pub next: Option<String>,
}

/// Why a part of a search failed.
#[derive(Debug)]
pub enum PageError {
    /// The search page failed.
    Page(JiraError),
    /// Fetching the issues on the page failed.
    Tickets(JiraError),
}

impl JiraSite<'_> {
    /// Reads all issues of a search. `reconciled` are ids of issues that Jira's index may not contain yet. `convert`
    /// runs on each issue as soon as it arrives, while other calls are in flight; Jira's format takes several times
    /// the memory.
    ///
    /// # Errors
    /// [`JiraError::EndlessSearch`] if page after page is empty.
    pub async fn all_tickets<T>(
        &self,
        search: &Search,
        reconciled: &[u64],
        convert: &(impl Fn(Ticket) -> T + Sync),
    ) -> Result<Vec<T>> {
        let mut first: Found<Ticket> =
            self.search_page(search, reconciled, None, TICKETS, &search.fields).await?;
        let is_whole = first.next.is_none();
        let mut known = HashSet::new();
        first.issues.retain(|ticket| ticket.id.as_ref().is_none_or(|id| known.insert(id.clone())));
        let mut tickets: Vec<T> = first.issues.into_iter().map(convert).collect();
        if is_whole {
            return Ok(tickets);
        }
        // Start the search over: it is not documented whether the token is valid for pages of another kind. An issue
        // whose position in the order changes in the meantime can appear twice.
        let rest = self
            .id_pages(search, reconciled, known)
            .map_ok(|ids| {
                let batches: Vec<_> = ids.chunks(TICKETS).map(|batch| Ok(batch.to_vec())).collect();
                stream::iter(batches)
            })
            .try_flatten()
            .map_ok(|batch| self.bulk(search, batch, convert))
            .try_buffered(READ_AHEAD)
            .try_concat()
            .await?;
        tickets.extend(rest);
        Ok(tickets)
    }

    /// Like [`Self::all_tickets`], but reads up to `limit` issues from a position, and returns the next position.
    /// Fewer issues do not mean that the result ends. `reconciled` applies without a position only; a position
    /// contains its own.
    ///
    /// # Errors
    /// [`PageError::Page`] if the search itself fails, for example because Jira no longer knows the position.
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
            let page: Found<Ticket> = self
                .search_page(search, reconciled, token, limit, &search.fields)
                .await
                .map_err(PageError::Page)?;
            (page.issues.into_iter().map(convert).collect(), page.next)
        } else {
            let page: Found<Id> = self
                .search_page(search, reconciled, token, limit, &ids_only())
                .await
                .map_err(PageError::Page)?;
            let ids: Vec<String> = page.issues.into_iter().filter_map(Id::name).collect();
            let batches: Vec<_> =
                ids.chunks(TICKETS).map(|batch| Ok(self.bulk(search, batch.to_vec(), convert))).collect();
            let tickets = stream::iter(batches).try_buffered(READ_AHEAD).try_concat().await;
            (tickets.map_err(PageError::Tickets)?, page.next)
        };
        let next = next.map(|token| SearchPosition { token, reconciled: reconciled.to_vec() });
        Ok((tickets, next))
    }

    /// Reads the ids of a search page by page, without the known ones.
    fn id_pages<'s>(
        &'s self,
        search: &'s Search,
        reconciled: &'s [u64],
        known: HashSet<String>,
    ) -> impl Stream<Item = Result<Vec<String>>> + Send + 's {
        /// The next page to read, and the ids and tokens seen so far.
        struct State {
            token: Option<String>,
            known: HashSet<String>,
            used: HashSet<String>,
        }
        let begin = State { token: None, known, used: HashSet::new() };
        stream::try_unfold(Some(begin), move |state| async move {
            let Some(mut state) = state else { return Ok(None) };
            let page: Found<Id> =
                self.search_page(search, reconciled, state.token.as_deref(), IDS, &ids_only()).await?;
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
        fields: &[String],
    ) -> Result<Found<T>> {
        let mut body = json!({ "maxResults": size, "fields": fields });
        if !reconciled.is_empty() {
            body["reconcileIssues"] = reconciled.into();
        }
        self.next_issues(&search.jql, search.project.as_ref(), body, token.map(str::to_owned)).await
    }

    /// Returns the next page of a search that is not empty, or the end of the search. A page whose next token is the
    /// one it was requested with is the last.
    ///
    /// # Errors
    /// [`JiraError::EndlessSearch`] if page after page is empty and none is the last.
    pub(crate) async fn next_issues<T: DeserializeOwned>(
        &self,
        jql: &Jql,
        project: Option<&ProjectId>,
        mut body: Value,
        mut token: Option<String>,
    ) -> Result<Found<T>> {
        let jql = jql.within(&self.limits.reach)?;
        body["jql"] = jql.as_ref().into();
        let mut about = vec![Subject::Query(&jql)];
        about.extend(project.map(|project| Subject::Project(project.as_str())));
        for _ in 0..EMPTY_PAGES {
            if let Some(token) = &token {
                body["nextPageToken"] = token.as_str().into();
            }
            let path = ["rest", "api", "3", "search", "jql"];
            let mut page: Page<T> = self.call(Call::query(about.clone(), &path, &body, READ)).await?;
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
}

fn ids_only() -> [String; 1] {
    ["id".to_owned()]
}

#[cfg(test)]
mod tests {
    use super::*;

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
        // Not an empty list: when looking for a lost issue, that would prove that there is none.
        for no_list in [json!({}), json!({ "issues": null }), json!({ "issues": {} })] {
            assert!(serde_json::from_value::<Page<Id>>(no_list).is_err());
        }
    }

    #[test]
    fn malformed_entries_on_a_page_lose_no_issue() {
        let issues =
            json!([null, { "id": 1 }, "x", { "key": "A-2" }, {}, { "id": null, "key": 7, "fields": null }]);
        let page: Page<Id> = serde_json::from_value(json!({ "issues": issues })).unwrap();
        let names: Vec<String> = page.issues.into_iter().flatten().filter_map(Id::name).collect();
        assert_eq!(names, ["1", "A-2"]);
    }
}
