//! Searches with the caller's JQL.

use atlassian::{JiraError, Jql, Refusal};
use runtime::{Field, RequestError};
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::custom_field::readable;
use super::description::DescriptionFormat;
use super::errors::REFUSED_QUERY;
use super::links::{Linked, Links};
use super::site::ConnectedSite;
use super::tickets::Ticket;
use crate::error::{Error, ErrorCode, Result};

/// How many further fields may be requested.
const MAX_FIELDS: usize = 50;

/// Maximum length of a field's id, in characters.
const MAX_FIELD_ID: usize = 255;

/// Maximum length of a query, in characters.
const MAX_QUERY: usize = 10_240;

const UNBOUNDED: &str = "jql must be bounded: add a condition, such as project = PROJ AND …";

/// A query in JQL, as the caller wrote it.
pub struct JqlQuery(Jql);

impl JqlQuery {
    /// Reads a query from a request body. It may have several lines, unlike other short texts. Only Jira can say whether
    /// it is right: [`ConnectedSite::check`].
    ///
    /// # Errors
    /// 400 if it is missing or blank, is not a string, or contains control characters; 413 if it is too long.
    pub fn of(field: Field) -> Result<Self> {
        let text = match field {
            Field::Absent | Field::Null => return Err(RequestError::missing("jql").into()),
            Field::Text(text) if text.is_empty() => return Err(RequestError::missing("jql").into()),
            Field::Text(text) => text,
            Field::Other(_) => return Err(Error::bad_request("The field 'jql' must be a string")),
        };
        if text.chars().any(|character| character.is_control() && !"\n\r\t".contains(character)) {
            return Err(Error::bad_request("jql contains control characters"));
        }
        if text.chars().count() > MAX_QUERY {
            return Err(Error::too_large(format!("A field is longer than {MAX_QUERY} characters")));
        }
        let text = text.trim();
        if text.is_empty() {
            return Err(Error::bad_request(UNBOUNDED));
        }
        Ok(Self(Jql::from_text(text.to_owned())))
    }

    /// The query in JQL.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// The query for a search.
    pub fn to_jql(&self) -> Jql {
        self.0.clone()
    }
}

/// A ticket that a search in JQL found.
#[derive(Debug, Clone, Serialize)]
pub struct FoundTicket {
    #[serde(flatten)]
    ticket: Ticket,
    /// The further fields that were requested; absent if none were.
    #[serde(skip_serializing_if = "Option::is_none")]
    fields: Option<Map<String, Value>>,
}

impl FoundTicket {
    /// Keeps the requested fields, in a readable form ([`readable`]); those that Jira did not send are null.
    #[must_use]
    pub fn with_fields(self, ids: &[String]) -> Self {
        let mut sent = self.fields.unwrap_or_default();
        let mut field = |id: &String| (id.clone(), sent.remove(id).as_ref().map_or(Value::Null, readable));
        let fields = (!ids.is_empty()).then(|| ids.iter().map(&mut field).collect());
        Self { fields, ..self }
    }
}

impl From<(atlassian::Ticket, DescriptionFormat)> for FoundTicket {
    fn from((mut raw, format): (atlassian::Ticket, DescriptionFormat)) -> Self {
        let others = raw.fields.as_mut().map(|fields| std::mem::take(&mut fields.others));
        Self { ticket: (raw, format).into(), fields: others }
    }
}

impl Linked for FoundTicket {
    fn link(&mut self, links: &Links) {
        self.ticket.link(links);
    }
}

/// Parses the ids of further fields from a request body; 400 if one cannot be an id or is part of every ticket.
pub fn field_ids(field: Field) -> Result<Vec<String>> {
    let refuse = || {
        Err(Error::bad_request(
            "The field 'fields' must be a list of ids of Jira's fields, which consist of letters, digits, '_', '.' and '-'",
        ))
    };
    let list = match field {
        Field::Absent | Field::Null => return Ok(Vec::new()),
        Field::Text(text) if text.is_empty() => return Ok(Vec::new()),
        Field::Other(Value::Array(list)) => list,
        Field::Text(_) | Field::Other(_) => return refuse(),
    };
    if list.len() > MAX_FIELDS {
        return Err(Error::bad_request(format!("fields has more than {MAX_FIELDS} entries")));
    }
    let mut ids = Vec::new();
    for id in list {
        let Value::String(id) = id else { return refuse() };
        let is_id = id.len() <= MAX_FIELD_ID
            && id.starts_with(|first: char| first.is_ascii_alphabetic())
            && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte));
        if !is_id {
            return refuse();
        }
        if atlassian::TICKET_FIELDS.contains(&&*id) {
            return Err(Error::bad_request(
                "fields is for further fields: leave out those that every ticket has",
            ));
        }
        if !ids.contains(&id) {
            ids.push(id);
        }
    }
    Ok(ids)
}

impl ConnectedSite<'_> {
    /// Has a query checked by Jira's parser.
    ///
    /// # Errors
    /// `jira_refused` with the parser's messages as details; `invalid_request` if the query is not bounded.
    pub async fn check(&self, query: &JqlQuery) -> Result<()> {
        let parsed = self.jira.parse_jql(&query.0).await.map_err(refused)?;
        if !parsed.errors.is_empty() {
            let refusal = Error::new(ErrorCode::JiraRefused, "jql is not valid: details has Jira's reasons");
            return Err(refusal.with_details(json!({ "messages": parsed.errors, "fields": {} })));
        }
        if parsed.is_unbounded() {
            return Err(Error::bad_request(UNBOUNDED));
        }
        Ok(())
    }

    /// Counts the issues that a checked query finds: approximately, and without the latest changes.
    ///
    /// # Errors
    /// `jira_refused` if a value in the query does not exist.
    pub async fn count(&self, query: &JqlQuery) -> Result<i64> {
        self.jira.approximate_count(&query.0).await.map_err(refused)
    }
}

fn refused(error: JiraError) -> Error {
    match error.refusal() {
        Some(Refusal::Invalid) => Error::from(error).with_message(REFUSED_QUERY),
        _ => error.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(fields: Value) -> Result<Vec<String>> {
        field_ids(fields.into())
    }

    #[test]
    fn fields_are_requested_by_id() {
        let list = json!(["customfield_10016", "duedate", "com.example-app__x", "duedate"]);
        assert_eq!(ids(list).unwrap(), ["customfield_10016", "duedate", "com.example-app__x"]);
        for none in [json!(null), json!(""), json!([])] {
            assert!(ids(none).unwrap().is_empty());
        }
        let many: Vec<String> = (0..51).map(|number| format!("customfield_{number}")).collect();
        for wrong in [
            json!("duedate"),
            json!(7),
            json!({}),
            json!([7]),
            json!([["duedate"]]),
            json!(["*all"]),
            json!(["-description"]),
            json!(["a,b"]),
            json!(["due date"]),
            json!([""]),
            json!(["a".repeat(256)]),
            json!(["summary"]),
            json!(many),
        ] {
            let refused = ids(wrong.clone()).unwrap_err();
            assert!(refused.message().contains("fields") && refused.status() == 400, "{wrong}");
        }
    }

    #[test]
    fn requested_fields_are_readable_and_never_missing() {
        let raw = json!({ "id": "1", "fields": {
            "summary": "a", "customfield_1": { "value": "High" }, "customfield_2": null, "unasked": 1,
        } });
        let found = |ids: &[&str]| {
            let raw: atlassian::Ticket = serde_json::from_value(raw.clone()).unwrap();
            let ids: Vec<String> = ids.iter().map(|id| (*id).to_owned()).collect();
            let ticket = FoundTicket::from((raw, DescriptionFormat::default())).with_fields(&ids);
            serde_json::to_value(ticket).unwrap()
        };
        let ticket = found(&["customfield_2", "customfield_1", "customfield_3"]);
        assert_eq!(
            ticket["fields"],
            json!({ "customfield_1": "High", "customfield_2": null, "customfield_3": null })
        );
        assert_eq!((&ticket["summary"], &ticket["url"]), (&json!("a"), &json!(null)));
        assert!(found(&[]).get("fields").is_none());
    }

    #[test]
    fn a_query_is_a_text_of_any_number_of_lines() {
        let query = |jql: Value| JqlQuery::of(jql.into()).map(|query| query.0);
        let lines = " project = A\r\n\tAND key = A-1\n";
        assert_eq!(query(json!(lines)).unwrap().as_str(), "project = A\r\n\tAND key = A-1");
        for (wrong, status, said) in [
            (json!(null), 400, "Missing jql"),
            (json!(""), 400, "Missing jql"),
            (json!(" \n"), 400, "must be bounded"),
            (json!(["key = A-1"]), 400, "'jql' must be a string"),
            (json!("key = A-1\u{0}"), 400, "jql contains control characters"),
            (json!("key = A-1\u{85}"), 400, "jql contains control characters"),
            (json!("é".repeat(10_241)), 413, "longer than 10240 characters"),
        ] {
            let refused = query(wrong.clone()).unwrap_err();
            assert!(refused.message().contains(said) && refused.status() == status, "{wrong}");
        }
        assert!(query(json!("é".repeat(10_240))).is_ok());
    }
}
