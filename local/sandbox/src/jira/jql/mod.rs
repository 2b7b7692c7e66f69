//! The part of JQL that apps need: terms on the common fields, `AND`, `OR`, `NOT`, parentheses and `ORDER BY`. See
//! <https://support.atlassian.com/jira-software-cloud/docs/jql-fields/>.

mod clause;
mod condition;
mod lexer;
mod order;
mod parse;
mod resolve;

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

impl Query {
    pub(super) fn compile(jql: &str, view: &View, tracker: &Tracker) -> Result<Self, Refusal> {
        let (clause, orders) = parse::parse(jql)?;
        let resolver = resolve::Resolver { view, tracker };
        let condition = clause.map(|clause| resolver.clause(&clause)).transpose()?;
        Ok(Self { condition, orders })
    }
}
