//! Queries in JQL that come from elsewhere: what Jira's parser says about them, and how many issues they find.
//!
//! <https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-jql/>

use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::call::Call;
use crate::client::{JiraSite, Result};
use crate::error::JiraError;
use crate::jql::Jql;
use crate::lenient;
use crate::reach::{NOTHING, Subject};
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
    /// Whether the query is limited to some projects when it is run.
    #[serde(skip)]
    is_limited: bool,
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
        !self.is_limited && self.structure.as_ref().is_some_and(|structure| structure.condition.is_none())
    }

    /// Whether Jira has read the query as conditions of which the first, `project in (…)`, always has to be met.
    fn begins_with_projects(&self) -> bool {
        let Some(condition) = self.structure.as_ref().and_then(|structure| structure.condition.as_ref())
        else {
            return false;
        };
        let is = |value: Option<&Value>, text: &str| {
            value.and_then(Value::as_str).is_some_and(|value| value.eq_ignore_ascii_case(text))
        };
        let first = match condition.get("clauses") {
            None => Some(condition),
            Some(clauses) if is(condition.get("operator"), "and") => clauses[0].as_object(),
            Some(_) => None,
        };
        first.is_some_and(|first| {
            is(first.get("field").map(|field| &field["name"]), "project") && is(first.get("operator"), "in")
        })
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
    ///
    /// For a connection that is limited to some projects, the query as it is sent to the search is parsed too, in the
    /// same call: Jira itself has to read it as one that is limited to them.
    ///
    /// # Errors
    /// [`JiraError::ProjectNotAllowed`] if the query is valid by itself but would not stay inside.
    pub async fn parse_jql(&self, jql: &Jql) -> Result<ParsedJql> {
        let path = ["rest", "api", "3", "jql", "parse"];
        let limited = jql.within(&self.limits.reach)?;
        let mut body = json!({ "queries": [jql.as_str()] });
        if let (Some(queries), true) = (body["queries"].as_array_mut(), self.is_limited()) {
            queries.push(limited.as_ref().into());
        }
        let call = Call::query(NOTHING, &path, &body, READ).with_query(&[("validation", "strict")]);
        let parsed: Parsed = self.call(call).await?;
        let mut parsed = parsed.queries.into_iter();
        let missing = || JiraError::Unreadable("a parsed query is missing".to_owned());
        let mut first = parsed.next().flatten().ok_or_else(missing)?;
        if self.is_limited() && first.errors.is_empty() {
            let limited = parsed.next().flatten().ok_or_else(missing)?;
            if !limited.errors.is_empty() || !limited.begins_with_projects() {
                return Err(JiraError::ProjectNotAllowed);
            }
            first.is_limited = true;
        }
        Ok(first)
    }

    /// Counts the issues that a bounded query finds: approximately, and without the latest changes.
    ///
    /// <https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-issue-search/#api-rest-api-3-search-approximate-count-post>
    pub async fn approximate_count(&self, jql: &Jql) -> Result<i64> {
        let path = ["rest", "api", "3", "search", "approximate-count"];
        let jql = jql.within(&self.limits.reach)?;
        let body = json!({ "jql": jql });
        let counted: Counted = self.call(Call::query([Subject::Query(&jql)], &path, &body, READ)).await?;
        counted.count.ok_or_else(|| JiraError::Unreadable("the count is missing".to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_conditions_that_begin_with_projects_are_limited() {
        let parsed = |condition: Value| {
            let query = json!({ "structure": { "where": condition } });
            serde_json::from_value::<ParsedJql>(query).unwrap().begins_with_projects()
        };
        let term = |field: &str, operator: &str| json!({ "field": { "name": field }, "operator": operator, "operand": {} });
        let compound = |operator: &str, clauses: Value| json!({ "operator": operator, "clauses": clauses });
        assert!(parsed(term("project", "in")));
        assert!(parsed(compound("and", json!([term("project", "in"), term("key", "=")]))));
        assert!(parsed(compound("AND", json!([term("Project", "IN"), compound("or", json!([]))]))));
        for other in [
            json!(null),
            json!({}),
            term("key", "in"),
            term("project", "not in"),
            compound("or", json!([term("project", "in"), term("key", "=")])),
            compound("not", json!([term("project", "in")])),
            compound("and", json!([term("key", "="), term("project", "in")])),
            compound("and", json!([compound("or", json!([term("project", "in")]))])),
            compound("and", json!([])),
            compound("and", json!("project")),
        ] {
            assert!(!parsed(other.clone()), "{other}");
        }
    }

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
