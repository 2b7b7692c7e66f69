//! Queries in JQL that come from elsewhere: what Jira's parser says about them, and how many issues they find.
//!
//! <https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-jql/>

use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::client::{Call, JiraSite, Result};
use crate::error::JiraError;
use crate::lenient;
use crate::scopes::READ;

/// What Jira's parser says about a query.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct ParsedJql {
    /// What is wrong with it, in the account's language; empty if nothing is. That a value does not exist may be found
    /// out only by a search.
    #[serde(deserialize_with = "lenient::texts")]
    pub errors: Vec<String>,
    #[serde(deserialize_with = "lenient::object")]
    structure: Option<Structure>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Structure {
    #[serde(rename = "where", deserialize_with = "lenient::object")]
    condition: Option<Map<String, Value>>,
}

impl ParsedJql {
    /// Whether the query has no condition, so that it finds all issues of the site. False if Jira did not describe the
    /// query.
    pub fn is_unbounded(&self) -> bool {
        self.structure.as_ref().is_some_and(|structure| structure.condition.is_none())
    }
}

#[derive(Deserialize)]
struct Parsed {
    #[serde(deserialize_with = "lenient::objects")]
    queries: Vec<Option<ParsedJql>>,
}

#[derive(Deserialize)]
struct Counted {
    #[serde(default, deserialize_with = "lenient::integer")]
    count: Option<i64>,
}

impl JiraSite<'_> {
    /// Has a query parsed by Jira, strictly, without running it. A wrong query is not an error of the call.
    pub async fn parse_jql(&self, jql: &str) -> Result<ParsedJql> {
        let path = ["rest", "api", "3", "jql", "parse"];
        let body = json!({ "queries": [jql] });
        let call = Call::query(&path, &body, READ).with_query(&[("validation", "strict")]);
        let parsed: Parsed = self.call(call).await?;
        let first = parsed.queries.into_iter().next().flatten();
        first.ok_or_else(|| JiraError::Unreadable("the parsed query is missing".to_owned()))
    }

    /// Counts the issues that a bounded query finds: approximately, and without the latest changes.
    ///
    /// <https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-issue-search/#api-rest-api-3-search-approximate-count-post>
    pub async fn approximate_count(&self, jql: &str) -> Result<i64> {
        let path = ["rest", "api", "3", "search", "approximate-count"];
        let counted: Counted = self.call(Call::query(&path, &json!({ "jql": jql }), READ)).await?;
        counted.count.ok_or_else(|| JiraError::Unreadable("the count is missing".to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_without_a_condition_is_unbounded() {
        let parsed = |query: Value| serde_json::from_value::<ParsedJql>(query).unwrap();
        assert!(parsed(json!({ "query": "ORDER BY key", "structure": { "orderBy": {} } })).is_unbounded());
        assert!(parsed(json!({ "structure": {} })).is_unbounded());
        assert!(!parsed(json!({ "structure": { "where": { "operator": "=" } } })).is_unbounded());
        for odd in [json!({}), json!({ "structure": null, "errors": null }), json!({ "structure": 7 })] {
            assert!(!parsed(odd.clone()).is_unbounded() && parsed(odd).errors.is_empty());
        }
        assert_eq!(parsed(json!({ "errors": ["a", 7, "b"] })).errors, ["a", "b"]);
    }
}
