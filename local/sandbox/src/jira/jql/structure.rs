//! A parsed query as `jql/parse` describes it. See
//! <https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-jql/#api-rest-api-3-jql-parse-post>.

use serde_json::{Value, json};

use super::clause::{Clause, Literal, Operand, Term};
use super::order::Order;

/// A query without a condition has no `where`, and one without an order no `orderBy`.
pub(super) fn of(clause: Option<&Clause>, orders: &[Order]) -> Value {
    let mut body = json!({});
    if let Some(clause) = clause {
        body["where"] = condition(clause);
    }
    if !orders.is_empty() {
        let fields = orders.iter().map(|order| {
            let direction = if order.descending { "desc" } else { "asc" };
            json!({ "field": field(&order.field), "direction": direction })
        });
        body["orderBy"] = json!({ "fields": fields.collect::<Vec<_>>() });
    }
    body
}

fn condition(clause: &Clause) -> Value {
    let compound = |operator: &str, clauses: &[Clause]| match clauses {
        [one] => condition(one),
        several => {
            json!({ "operator": operator, "clauses": several.iter().map(condition).collect::<Vec<_>>() })
        }
    };
    match clause {
        Clause::All(clauses) => compound("and", clauses),
        Clause::Any(clauses) => compound("or", clauses),
        Clause::Not(clause) => json!({ "operator": "not", "clauses": [condition(clause)] }),
        Clause::Term(Term { field: name, operator, operand }) => {
            json!({ "field": field(name), "operator": operator, "operand": operand_of(operand) })
        }
    }
}

fn field(name: &str) -> Value {
    json!({ "name": name, "encodedName": encoded(name) })
}

fn operand_of(operand: &Operand) -> Value {
    match operand {
        Operand::One(literal) => value(literal),
        Operand::List(literals) => json!({ "values": literals.iter().map(value).collect::<Vec<_>>() }),
    }
}

fn value(literal: &Literal) -> Value {
    match literal {
        Literal::Empty => json!({ "keyword": "empty", "encodedOperand": "EMPTY" }),
        Literal::Function(name) => {
            json!({ "function": name, "arguments": [], "encodedOperand": literal.text() })
        }
        Literal::Word(text) => json!({ "value": text, "encodedValue": text }),
        Literal::Quoted(text) => json!({ "value": text, "encodedValue": encoded(text) }),
    }
}

fn encoded(text: &str) -> String {
    let is_plain = !text.is_empty() && text.chars().all(|c| c.is_alphanumeric() || "._-".contains(c));
    if is_plain { text.to_owned() } else { Value::from(text).to_string() }
}
