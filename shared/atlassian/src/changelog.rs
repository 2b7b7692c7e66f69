//! The history of an issue.
//!
//! <https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-issues/#api-rest-api-3-issue-issueidorkey-changelog-get>

use serde::Deserialize;

use crate::call::Call;
use crate::client::{JiraSite, Result};
use crate::ids::IssueRef;
use crate::reach::Subject;
use crate::scopes::READ;
use crate::ticket::User;
use crate::{lenient, timestamp};

/// Jira's default page size.
const PAGE_SIZE: usize = 100;

/// A change of one or more fields. A field that is missing or malformed is `None`.
#[derive(Default, Deserialize)]
#[serde(default)]
pub struct Change {
    /// The numeric id.
    #[serde(deserialize_with = "lenient::id")]
    pub id: Option<String>,
    /// Who made it.
    #[serde(deserialize_with = "lenient::object")]
    pub author: Option<User>,
    /// When; RFC 3339, in UTC.
    #[serde(deserialize_with = "timestamp::deserialize")]
    pub created: Option<String>,
    /// The changed fields; an entry that is not an object is `None`.
    #[serde(deserialize_with = "lenient::any_objects")]
    pub items: Vec<Option<FieldChange>>,
}

/// A field's value before and after a change: an id, if there is one, and a text.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct FieldChange {
    /// The field's name.
    #[serde(deserialize_with = "lenient::text")]
    pub field: Option<String>,
    /// The field's id. What is not a field, such as a link, has none.
    #[serde(deserialize_with = "lenient::text")]
    pub field_id: Option<String>,
    /// Id before the change.
    #[serde(deserialize_with = "lenient::id")]
    pub from: Option<String>,
    /// Text before the change.
    #[serde(rename = "fromString", deserialize_with = "lenient::text")]
    pub from_text: Option<String>,
    /// Id after the change.
    #[serde(deserialize_with = "lenient::id")]
    pub to: Option<String>,
    /// Text after the change.
    #[serde(rename = "toString", deserialize_with = "lenient::text")]
    pub to_text: Option<String>,
}

/// A page as sent by Jira. An entry that is not an object is kept as `None`, so that offsets stay correct.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ChangePage {
    #[serde(deserialize_with = "lenient::objects")]
    values: Vec<Option<Change>>,
    #[serde(default, deserialize_with = "lenient::integer")]
    total: Option<i64>,
    #[serde(default, deserialize_with = "lenient::flag")]
    is_last: Option<bool>,
}

impl ChangePage {
    /// Whether nothing follows this page, which ends at `end`.
    fn is_last(&self, end: usize) -> bool {
        let total = self.total.and_then(|total| usize::try_from(total).ok());
        self.values.is_empty() || self.is_last.unwrap_or_else(|| total.is_some_and(|total| end >= total))
    }
}

impl JiraSite<'_> {
    /// Lists the changes of an issue, oldest first, from offset `from`, at most `limit` (`0` and `usize::MAX` for all).
    /// Also returns the offset at which the list continues. Changes are only ever added at the end, so offsets stay
    /// correct.
    pub async fn changelog(
        &self,
        issue: &IssueRef,
        from: usize,
        limit: usize,
    ) -> Result<(Vec<Change>, Option<usize>)> {
        let path = ["rest", "api", "3", "issue", issue.as_str(), "changelog"];
        let end = from.saturating_add(limit);
        let (mut at, mut found) = (from, Vec::new());
        loop {
            let (start, size) = (at.to_string(), (end - at).min(PAGE_SIZE).to_string());
            let query = [("startAt", start.as_str()), ("maxResults", size.as_str())];
            let page: ChangePage =
                self.call(Call::get([Subject::Issue(issue.as_str())], &path, &query, READ)).await?;
            at += page.values.len();
            let is_last = page.is_last(at);
            found.extend(page.values.into_iter().flatten());
            if is_last || at >= end {
                return Ok((found, (!is_last).then_some(at)));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_malformed_value_loses_no_change() {
        for odd in [json!(null), json!(7.5), json!([1]), json!({ "a": 1 })] {
            let item = json!({ "field": odd, "fieldId": odd, "from": odd, "fromString": odd, "to": 10, "toString": odd });
            let change = json!({ "id": 5, "author": odd, "created": odd, "items": [odd, item] });
            let page = json!({ "values": [odd, change, { "items": odd }], "isLast": odd, "total": odd });
            let page: ChangePage = serde_json::from_value(page).unwrap();
            assert!(!page.is_last(3) && page.values.len() == 3, "{odd}");
            let change = page.values[1].as_ref().unwrap();
            assert_eq!((change.id.as_deref(), change.items.len()), (Some("5"), 2), "{odd}");
            let item = change.items[1].as_ref().unwrap();
            assert_eq!((item.to.as_deref(), &item.from, &item.field), (Some("10"), &None, &None), "{odd}");
        }
    }

    #[test]
    fn the_last_page_is_known_in_several_ways() {
        let is_last =
            |page: serde_json::Value| serde_json::from_value::<ChangePage>(page).unwrap().is_last(3);
        assert!(is_last(json!({ "values": [] })) && is_last(json!({ "values": [], "isLast": false })));
        assert!(is_last(json!({ "values": [{}], "isLast": true, "total": 9 })));
        assert!(is_last(json!({ "values": [{}], "total": 3 })));
        assert!(!is_last(json!({ "values": [{}], "total": 4 })) && !is_last(json!({ "values": [{}] })));
    }
}
