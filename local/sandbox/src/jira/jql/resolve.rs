//! Resolves the names in clauses and turns them into conditions. A name that does not exist is refused, as in Jira,
//! but is not a violation, because users do name things that do not exist.

use std::sync::Arc;

use axum::http::StatusCode;
use time::{Duration, OffsetDateTime, PrimitiveDateTime, format_description};

use super::clause::{Clause, Literal, Term};
use super::condition::{Condition, EmptyField};
use crate::jira::refusal::Refusal;
use crate::jira::view::View;
use crate::world::tracker::Tracker;
use crate::world::tracker::agile::SprintState;
use crate::world::tracker::catalog::{DONE, IN_PROGRESS, ISSUE_TYPES, IssueType, Status, TO_DO};

pub(super) struct Resolver<'a> {
    pub(super) view: &'a View,
    pub(super) tracker: &'a Tracker,
}

impl Resolver<'_> {
    pub(super) fn clause(&self, clause: &Clause) -> Result<Condition, Refusal> {
        let each = |clauses: &[Clause]| {
            clauses.iter().map(|clause| self.clause(clause)).collect::<Result<Vec<_>, _>>()
        };
        Ok(match clause {
            Clause::All(clauses) => Condition::All(each(clauses)?),
            Clause::Any(clauses) => Condition::Any(each(clauses)?),
            Clause::Not(clause) => Condition::Not(Box::new(self.clause(clause)?)),
            Clause::Term(term) => self.term(term)?,
        })
    }

    fn term(&self, term: &Term) -> Result<Condition, Refusal> {
        let negated = ["!=", "!~", "not in", "is not"].contains(&&*term.operator);
        let condition = self.positive(term)?;
        Ok(if negated { Condition::Not(Box::new(condition)) } else { condition })
    }

    /// The term without the negation of its operator.
    fn positive(&self, term: &Term) -> Result<Condition, Refusal> {
        let field = term.field.to_lowercase();
        if ["is", "is not"].contains(&&*term.operator) != term.operand.is_empty()
            && !["=", "!="].contains(&&*term.operator)
        {
            let text =
                format!("The operator '{}' does not fit the value of the field '{field}'.", term.operator);
            return Err(Refusal::violation(StatusCode::BAD_REQUEST, &text, &text));
        }
        if term.operand.is_empty() {
            return Ok(Condition::Empty(empty_field(&field).ok_or_else(|| unknown_field(&term.field))?));
        }
        let is_supported = match field.as_str() {
            "summary" | "text" => ["~", "!~"].contains(&&*term.operator),
            "created" | "updated" => [">", ">=", "<", "<="].contains(&&*term.operator),
            _ => ["=", "!=", "in", "not in"].contains(&&*term.operator),
        };
        if !is_supported {
            let text = format!("The operator '{}' is not supported by the '{field}' field.", term.operator);
            return Err(Refusal::violation(StatusCode::BAD_REQUEST, &text, &text));
        }
        Ok(match field.as_str() {
            "project" => Condition::Project(self.each(term, |name| self.project(name))?),
            "id" | "key" | "issue" | "issuekey" => {
                Condition::Issue(self.each(term, |name| self.issue(name))?)
            }
            "sprint" => Condition::Sprint(self.sprints(term)?),
            "type" | "issuetype" => Condition::IssueType(self.each(term, issue_type)?),
            "status" => Condition::Status(self.each(term, status)?),
            "statuscategory" => Condition::Status(self.each(term, status_category)?),
            "labels" => Condition::Label(term.operand.literals().iter().map(Literal::text).collect()),
            "assignee" => Condition::Assignee(self.each(term, |name| self.account(name))?),
            "summary" | "text" => Condition::Text(field == "text", words(&field, &text_of(term))?),
            "created" | "updated" => {
                let since = term.operand.literals().first().and_then(|literal| self.time(literal));
                let since = since.ok_or_else(|| {
                    let text = format!("Date value '{}' for field '{field}' is invalid.", text_of(term));
                    Refusal::misuse(&text)
                })?;
                Condition::Time { updated: field == "updated", since, before: term.operator.starts_with('<') }
            }
            _ => return Err(unknown_field(&term.field)),
        })
    }

    fn each<T>(&self, term: &Term, find: impl Fn(&str) -> Option<T>) -> Result<Vec<T>, Refusal> {
        let found = term.operand.literals().iter().map(|literal| {
            let name = literal.text();
            // A function in quotes is text.
            let is_named = matches!(literal, Literal::Quoted(text) if text.ends_with("()"));
            (if is_named { None } else { find(&name) }).ok_or_else(|| {
                let text = format!("The value '{name}' does not exist for the field '{}'.", term.field);
                Refusal::plain(StatusCode::BAD_REQUEST, &text)
            })
        });
        found.collect()
    }

    fn project(&self, name: &str) -> Option<u64> {
        let mut projects = self.view.site.projects.iter();
        projects.find(|p| p.key.eq_ignore_ascii_case(name) || p.id.to_string() == name).map(|p| p.id)
    }

    fn issue(&self, name: &str) -> Option<u64> {
        self.tracker.find(&self.view.site.projects, name).map(|issue| issue.id)
    }

    fn sprints(&self, term: &Term) -> Result<Vec<u64>, Refusal> {
        let sprints = &self.tracker.sprints;
        let open = || sprints.values().filter(|s| s.state == SprintState::Active).map(|s| s.id).collect();
        let found = self.each(term, |name| match name {
            "openSprints()" => Some(open()),
            _ => name.parse().ok().filter(|id| sprints.contains_key(id)).map(|id| vec![id]),
        });
        Ok(found?.concat())
    }

    fn account(&self, name: &str) -> Option<Arc<str>> {
        if name == "currentUser()" {
            return Some(self.view.account.key.as_str().into());
        }
        let account = self.view.accounts.iter().find(|account| account.account_id == name)?;
        Some(account.key.as_str().into())
    }

    /// Parses `"2026-11-02"`, `"2026-11-02 10:30"`, a time relative to now (`-7d`, `-2w`, `-3h`, `-15m`), or, without
    /// quotes, milliseconds since 1970.
    fn time(&self, literal: &Literal) -> Option<OffsetDateTime> {
        if let Literal::Word(text) = literal
            && let Ok(milliseconds) = text.parse::<u64>()
        {
            let nanoseconds = i128::from(milliseconds) * 1_000_000;
            return OffsetDateTime::from_unix_timestamp_nanos(nanoseconds).ok();
        }
        let text = literal.text();
        if let Some(ago) = text.strip_prefix('-') {
            let number: i64 = ago.get(..ago.len().checked_sub(1)?)?.parse().ok()?;
            let ago = match ago.chars().last()? {
                'w' => Duration::weeks(number),
                'd' => Duration::days(number),
                'h' => Duration::hours(number),
                'm' => Duration::minutes(number),
                _ => return None,
            };
            return Some(self.view.now - ago);
        }
        let text = if text.contains(' ') { text.to_owned() } else { format!("{text} 00:00") };
        let format = format_description::parse_borrowed::<2>("[year]-[month]-[day] [hour]:[minute]").ok()?;
        PrimitiveDateTime::parse(&text.replace('/', "-"), &format).ok().map(PrimitiveDateTime::assume_utc)
    }
}

fn unknown_field(field: &str) -> Refusal {
    let text = format!("Field '{field}' does not exist or you do not have permission to view it.");
    Refusal::violation(StatusCode::BAD_REQUEST, &text, &text)
}

fn text_of(term: &Term) -> String {
    term.operand.literals().iter().map(Literal::text).collect()
}

/// Splits the text of a text search into its words, in lower case. Operators are not supported, apart from a `*` at the
/// end of a word; an error as in Jira
/// (<https://confluence.atlassian.com/jirasoftwareserver082/search-syntax-for-text-fields-974359692.html>).
fn words(field: &str, text: &str) -> Result<Vec<String>, Refusal> {
    let refuse = |problem: &str| {
        let text = format!("Unable to parse the text '{text}' for field '{field}': {problem}.");
        Err(Refusal::violation(StatusCode::BAD_REQUEST, &text, &text))
    };
    if text.trim().is_empty() {
        return refuse("it is empty");
    }
    for word in text.split_whitespace() {
        if word.starts_with(['*', '?']) {
            return refuse("it starts with a wildcard");
        }
        let is_operator = ["AND", "OR", "NOT"].contains(&word) || word.starts_with(['+', '-', '!']);
        if is_operator || word.trim_end_matches('*').contains(OPERATORS) {
            return refuse("the sandbox supports no operators");
        }
    }
    Ok(text.split_whitespace().map(str::to_lowercase).collect())
}

const OPERATORS: [char; 16] =
    ['&', '|', '!', '(', ')', '{', '}', '[', ']', '^', '"', '~', '*', '?', ':', '\\'];

fn empty_field(field: &str) -> Option<EmptyField> {
    Some(match field {
        "sprint" => EmptyField::Sprint,
        "labels" => EmptyField::Labels,
        "assignee" => EmptyField::Assignee,
        _ => return None,
    })
}

fn issue_type(name: &str) -> Option<&'static str> {
    let wanted = |t: &&IssueType| t.id == name || t.name.eq_ignore_ascii_case(name);
    ISSUE_TYPES.iter().find(wanted).map(|issue_type| issue_type.id)
}

fn statuses() -> [&'static Status; 3] {
    [&TO_DO, &IN_PROGRESS, &DONE]
}

fn status(name: &str) -> Option<&'static str> {
    let status = statuses().into_iter().find(|s| s.id == name || s.name.eq_ignore_ascii_case(name));
    status.map(|status| status.id)
}

fn status_category(name: &str) -> Option<&'static str> {
    let is = |text: &str| text.eq_ignore_ascii_case(name);
    statuses().into_iter().find(|s| is(s.category.key) || is(s.category.name)).map(|status| status.id)
}
