//! Parses a query into clauses.

use std::iter::Peekable;
use std::vec::IntoIter;

use axum::http::StatusCode;

use super::clause::{Clause, Literal, Operand, Term};
use super::lexer::{Token, tokens};
use super::order::Order;
use crate::jira::refusal::Refusal;

type Parsed<T> = Result<T, String>;

/// Parses a query. A syntax error is a violation.
pub(super) fn parse(jql: &str) -> Result<(Option<Clause>, Vec<Order>), Refusal> {
    whole(jql).map_err(|problem| {
        let text = format!("Error in the JQL Query: {problem}.");
        Refusal::violation(StatusCode::BAD_REQUEST, &text, &format!("{problem} in {jql:?}"))
    })
}

fn whole(jql: &str) -> Parsed<(Option<Clause>, Vec<Order>)> {
    let mut parser = Parser { tokens: tokens(jql)?.into_iter().peekable() };
    let clause = if parser.at_end() || parser.sees("order") { None } else { Some(parser.any()?) };
    let orders = parser.orders()?;
    match parser.tokens.next() {
        None => Ok((clause, orders)),
        Some(token) => Err(format!("Expecting operator or the end of the query but got {token:?}")),
    }
}

/// A few of the words that must be in quotes.
fn is_keyword(word: &str) -> bool {
    let keywords =
        ["and", "or", "not", "in", "is", "order", "by", "was", "changed", "select", "from", "where"];
    keywords.contains(&&*word.to_lowercase())
}

struct Parser {
    tokens: Peekable<IntoIter<Token>>,
}

impl Parser {
    fn at_end(&mut self) -> bool {
        self.tokens.peek().is_none()
    }

    fn sees(&mut self, keyword: &str) -> bool {
        matches!(self.tokens.peek(), Some(Token::Word(word)) if word.eq_ignore_ascii_case(keyword))
    }

    fn takes(&mut self, keyword: &str) -> bool {
        let seen = self.sees(keyword);
        if seen {
            self.tokens.next();
        }
        seen
    }

    fn takes_sign(&mut self, sign: &str) -> bool {
        let seen = matches!(self.tokens.peek(), Some(Token::Sign(next)) if *next == sign);
        if seen {
            self.tokens.next();
        }
        seen
    }

    fn demand(&mut self, sign: &str) -> Parsed<()> {
        if self.takes_sign(sign) { Ok(()) } else { Err(format!("Expecting '{sign}'")) }
    }

    fn any(&mut self) -> Parsed<Clause> {
        let mut clauses = vec![self.all()?];
        while self.takes("or") {
            clauses.push(self.all()?);
        }
        Ok(Clause::Any(clauses))
    }

    fn all(&mut self) -> Parsed<Clause> {
        let mut clauses = vec![self.one()?];
        while self.takes("and") {
            clauses.push(self.one()?);
        }
        Ok(Clause::All(clauses))
    }

    fn one(&mut self) -> Parsed<Clause> {
        if self.takes("not") || self.takes_sign("!") {
            return Ok(Clause::Not(Box::new(self.one()?)));
        }
        if self.takes_sign("(") {
            let clause = self.any()?;
            self.demand(")")?;
            return Ok(clause);
        }
        self.term()
    }

    fn term(&mut self) -> Parsed<Clause> {
        let field = match self.tokens.next() {
            Some(Token::Word(field)) => field,
            Some(Token::Quoted(field)) => field,
            other => return Err(format!("Expecting a field name but got {other:?}")),
        };
        let operator = self.operator()?;
        let operand = match operator.as_str() {
            "in" | "not in" if self.takes_sign("(") => {
                let mut literals = vec![self.literal()?];
                while self.takes_sign(",") {
                    literals.push(self.literal()?);
                }
                self.demand(")")?;
                Operand::List(literals)
            }
            _ => Operand::One(self.literal()?),
        };
        Ok(Clause::Term(Term { field, operator, operand }))
    }

    fn operator(&mut self) -> Parsed<String> {
        match self.tokens.next() {
            Some(Token::Sign(sign @ ("=" | "!=" | "~" | "!~" | ">" | ">=" | "<" | "<="))) => {
                Ok(sign.to_owned())
            }
            Some(Token::Word(word)) => match word.to_lowercase().as_str() {
                "in" => Ok("in".to_owned()),
                "is" if self.takes("not") => Ok("is not".to_owned()),
                "is" => Ok("is".to_owned()),
                "not" if self.takes("in") => Ok("not in".to_owned()),
                _ => Err(format!("Expecting an operator but got '{word}'")),
            },
            other => Err(format!("Expecting an operator but got {other:?}")),
        }
    }

    fn literal(&mut self) -> Parsed<Literal> {
        match self.tokens.next() {
            Some(Token::Word(name)) if self.takes_sign("(") => {
                self.demand(")")?;
                Ok(Literal::Function(name))
            }
            Some(Token::Word(word)) if ["empty", "null"].contains(&&*word.to_lowercase()) => {
                Ok(Literal::Empty)
            }
            Some(Token::Word(word)) if is_keyword(&word) => {
                Err(format!("'{word}' is a reserved JQL word. You must surround it in quotation marks"))
            }
            Some(Token::Word(word)) => Ok(Literal::Word(word)),
            Some(Token::Quoted(text)) => Ok(Literal::Quoted(text)),
            other => Err(format!("Expecting a value but got {other:?}")),
        }
    }

    fn orders(&mut self) -> Parsed<Vec<Order>> {
        let mut orders = Vec::new();
        if !self.takes("order") {
            return Ok(orders);
        }
        if !self.takes("by") {
            return Err("Expecting 'by' after 'order'".to_owned());
        }
        loop {
            let Some(Token::Word(field)) = self.tokens.next() else {
                return Err("Expecting a field to order by".to_owned());
            };
            let descending = self.takes("desc");
            if !descending {
                self.takes("asc");
            }
            orders.push(Order::new(&field, descending)?);
            if !self.takes_sign(",") {
                break;
            }
        }
        Ok(orders)
    }
}
