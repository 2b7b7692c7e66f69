//! The part of JQL that apps need: terms on the common fields, `AND`, `OR`, `NOT`, parentheses and `ORDER BY`. See
//! <https://support.atlassian.com/jira-software-cloud/docs/jql-fields/>.

mod clause;
mod condition;
mod lexer;
mod order;
mod parse;
mod resolve;
mod structure;

use axum::http::StatusCode;
use serde_json::{Value, json};

use condition::Condition;
pub(super) use order::Order;

use super::refusal::Refusal;
use super::view::View;
use crate::world::tracker::Tracker;

/// A compiled query.
pub(super) struct Query {
    /// `None` matches every issue.
    pub(super) condition: Option<Condition>,
    pub(super) orders: Vec<Order>,
}

/// The maximum number of fields in `ORDER BY`.
const MAX_ORDERS: usize = 7;

impl Query {
    pub(super) fn compile(jql: &str, view: &View, tracker: &Tracker) -> Result<Self, Refusal> {
        let (clause, orders) = parse::parse(jql)?;
        if orders.len() > MAX_ORDERS {
            return Err(Refusal::plain(StatusCode::BAD_REQUEST, "ORDER BY has more than 7 fields."));
        }
        let resolver = resolve::Resolver { view, tracker };
        let condition = clause.map(|clause| resolver.clause(&clause)).transpose()?;
        Ok(Self { condition, orders })
    }
}

/// Parses a query and describes it as `jql/parse` does. Wrong queries have errors; a value that does not exist is only a
/// warning, which is how Jira's documentation shows `project = INVALID`.
pub(super) fn describe(jql: &str, view: &View, tracker: &Tracker) -> Value {
    let mut body = json!({ "query": jql });
    let parsed = parse::parse(jql);
    let refusal = match &parsed {
        Err(refusal) => Some(refusal.clone()),
        Ok(_) => Query::compile(jql, view, tracker).err(),
    };
    if let Some(refusal) = &refusal {
        let kind = if refusal.misuse.is_some() { "errors" } else { "warnings" };
        body[kind] = refusal.body["errorMessages"].clone();
    }
    if let Ok((clause, orders)) = parsed
        && body.get("errors").is_none()
    {
        body["structure"] = structure::of(clause.as_ref(), &orders);
    }
    body
}
