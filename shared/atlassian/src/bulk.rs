//! Issues of a search by the hundred, by their ids.

use std::collections::HashMap;

use serde::Deserialize;
use serde_json::json;

use crate::call::Call;
use crate::client::{JiraSite, Result};
use crate::error::JiraError;
use crate::lenient;
use crate::reach::NOTHING;
use crate::scopes::READ;
use crate::search::Search;
use crate::ticket::Ticket;

/// The response of `bulkfetch`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Bulk {
    /// The issues.
    #[serde(deserialize_with = "lenient::objects")]
    pub issues: Vec<Option<Ticket>>,
    #[serde(default, deserialize_with = "lenient::any_objects")]
    issue_errors: Vec<Option<IssueError>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct IssueError {
    #[serde(deserialize_with = "lenient::id")]
    id: Option<String>,
}

impl JiraSite<'_> {
    /// Fetches issues by id, in this order. An issue that was deleted or hidden in the meantime is skipped; one that
    /// Jira failed to load is requested once more.
    pub(crate) async fn bulk<T>(
        &self,
        search: &Search,
        ids: Vec<String>,
        convert: &(impl Fn(Ticket) -> T + Sync),
    ) -> Result<Vec<T>> {
        let mut found = HashMap::new();
        let mut failed = self.bulk_page(search, &ids, convert, &mut found).await?;
        if !failed.is_empty() {
            failed = self.bulk_page(search, &failed, convert, &mut found).await?;
        }
        if let Some(id) = failed.first() {
            return Err(JiraError::UnreadableIssue(id.clone()));
        }
        Ok(ids.iter().filter_map(|id| found.remove(id)).collect())
    }

    /// Fetches issues into `found`, by the id or key each was requested with. Returns those that Jira failed to load.
    async fn bulk_page<T>(
        &self,
        search: &Search,
        ids: &[String],
        convert: &(impl Fn(Ticket) -> T + Sync),
        found: &mut HashMap<String, T>,
    ) -> Result<Vec<String>> {
        let body = json!({ "issueIdsOrKeys": ids, "fields": search.fields });
        let path = ["rest", "api", "3", "issue", "bulkfetch"];
        let bulk: Bulk = self.call(Call::query(NOTHING, &path, &body, READ)).await?;
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
        // An issue without a known id or key must be one of those still missing, so it takes the place of one.
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
    fn malformed_entries_lose_no_issue() {
        let issues =
            json!([null, { "id": 1 }, "x", { "key": "A-2" }, {}, { "id": null, "key": 7, "fields": null }]);
        for odd in [json!(null), json!({}), json!([null, 7, {}])] {
            let bulk: Bulk = serde_json::from_value(json!({ "issues": issues, "issueErrors": odd })).unwrap();
            assert_eq!(bulk.issues.iter().flatten().count(), 4, "{odd}");
        }
    }
}
