//! As much of the query language as apps need: terms of the common fields, `AND`, `OR`, `NOT`, parentheses
//! and `ORDER BY`. See
//! <https://support.atlassian.com/jira-software-cloud/docs/jql-fields/>.

mod lexer;
mod order;
mod parse;
mod resolve;
mod test;

pub(super) use order::Order;
use test::Test;

use super::tracker::Tracker;
use super::{Refusal, View};

/// A query that can be run.
pub(super) struct Query {
    /// `None`: every issue.
    pub(super) test: Option<Test>,
    pub(super) orders: Vec<Order>,
}

/// A query as it is written: operands are not looked up yet.
enum Clause {
    All(Vec<Clause>),
    Any(Vec<Clause>),
    Not(Box<Clause>),
    Term(Term),
}

struct Term {
    field: String,
    operator: String,
    operands: Vec<String>,
}

impl Query {
    pub(super) fn compile(jql: &str, view: &View, tracker: &Tracker) -> Result<Self, Refusal> {
        let (clause, orders) = parse::parse(jql)?;
        let resolver = resolve::Resolver { view, tracker };
        let test = clause.map(|clause| resolver.clause(&clause)).transpose()?;
        Ok(Self { test, orders })
    }
}
