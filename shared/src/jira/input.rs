//! What a caller writes into an issue, checked before it is sent.

use serde_json::{Map, Value, json};

use super::ids::is_number;
use crate::adf::{self, Document, MAX_CHARACTERS};
use crate::error::{Error, Result};
use crate::http::{Field, JsonBody};

/// How long a summary may be; Jira counts as Java does, in UTF-16 units.
const MAX_SUMMARY: usize = 255;

/// What is to become of a field that can be emptied.
#[derive(Debug, Clone, PartialEq, Default)]
enum Change<T> {
    /// It stays as it is.
    #[default]
    Keep,
    /// It is emptied.
    Clear,
    /// It gets this value.
    Set(T),
}

/// The fields of an issue that a caller may write: `summary`, `description`, `issue_type_id`, `priority_id` and
/// `assignee_account_id`.
#[derive(Debug, Clone, Default)]
pub struct IssueInput {
    summary: Option<String>,
    description: Change<Document>,
    issue_type: Option<String>,
    priority: Option<String>,
    assignee: Change<String>,
}

impl IssueInput {
    /// Reads the fields of a body.
    ///
    /// - `summary`: one line of at most 255 characters.
    /// - `description`: Markdown, or an ADF document as a JSON object; `null` or the empty text clears it.
    /// - `issue_type_id`, `priority_id`: numbers as text.
    /// - `assignee_account_id`: an account id; `null` or the text `"null"` unassigns.
    ///
    /// # Errors
    /// 400 with a sentence that names the field and what to send.
    pub fn of(body: &JsonBody) -> Result<Self> {
        Ok(Self {
            summary: summary(body.field("summary"))?,
            description: description(body.field("description"))?,
            issue_type: number(body, "issue_type_id", "10001")?,
            priority: number(body, "priority_id", "3")?,
            assignee: assignee(body.field("assignee_account_id"))?,
        })
    }

    /// Whether no field is written.
    pub fn is_empty(&self) -> bool {
        self.summary.is_none()
            && self.description == Change::Keep
            && self.issue_type.is_none()
            && self.priority.is_none()
            && self.assignee == Change::Keep
    }

    /// The summary, if one is written.
    pub fn summary(&self) -> Option<&str> {
        self.summary.as_deref()
    }

    /// The fields as Jira takes them; those that are emptied are null.
    pub(super) fn into_fields(self) -> Map<String, Value> {
        let id = |id: String| json!({ "id": id });
        let mut fields = Map::new();
        let mut set = |name: &str, value: Option<Value>| {
            if let Some(value) = value {
                fields.insert(name.to_owned(), value);
            }
        };
        set("summary", self.summary.map(Value::from));
        set("description", self.description.into_json(Value::from));
        set("issuetype", self.issue_type.map(id));
        set("priority", self.priority.map(id));
        set("assignee", self.assignee.into_json(|account| json!({ "accountId": account })));
        fields
    }
}

impl<T> Change<T> {
    fn into_json(self, value: impl FnOnce(T) -> Value) -> Option<Value> {
        match self {
            Self::Keep => None,
            Self::Clear => Some(Value::Null),
            Self::Set(set) => Some(value(set)),
        }
    }
}

fn summary(field: Field<'_>) -> Result<Option<String>> {
    let text = match field {
        Field::Absent | Field::Null => return Ok(None),
        Field::Text(text) => text.trim(),
        Field::Other(_) => return Err(Error::bad_request("The field 'summary' must be a string")),
    };
    if text.is_empty() {
        return Err(Error::bad_request("summary must not be empty: an issue always has one"));
    }
    if text.chars().any(char::is_control) {
        return Err(Error::bad_request("summary must be one line without control characters"));
    }
    if text.encode_utf16().count() > MAX_SUMMARY {
        return Err(Error::bad_request(format!("summary is longer than {MAX_SUMMARY} characters")));
    }
    Ok(Some(text.to_owned()))
}

fn description(field: Field<'_>) -> Result<Change<Document>> {
    let document = match field {
        Field::Absent => return Ok(Change::Keep),
        Field::Null => return Ok(Change::Clear),
        Field::Text(text) => {
            if text.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t')) {
                return Err(Error::bad_request("description holds control characters"));
            }
            adf::from_markdown(text)
        }
        Field::Other(value @ Value::Object(_)) => Document::from_json(value.clone())
            .map_err(|invalid| Error::bad_request(format!("description: {invalid}")))?,
        Field::Other(_) => {
            return Err(Error::bad_request(
                "description must be a string of Markdown, or an ADF document as a JSON object",
            ));
        }
    };
    if document.as_json()["content"].as_array().is_some_and(Vec::is_empty) {
        return Ok(Change::Clear);
    }
    let length = adf::text_length(&document);
    if length > MAX_CHARACTERS {
        return Err(Error::bad_request(format!(
            "description is {length} characters long with its markup; Jira takes {MAX_CHARACTERS}"
        )));
    }
    Ok(Change::Set(document))
}

fn number(body: &JsonBody, name: &str, example: &str) -> Result<Option<String>> {
    let Some(text) = body.optional(name)? else { return Ok(None) };
    if !is_number(text) {
        return Err(Error::bad_request(format!("{name} must be a number as text, such as \"{example}\"")));
    }
    Ok(Some(text.to_owned()))
}

fn assignee(field: Field<'_>) -> Result<Change<String>> {
    // <https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-users/>: at most 128 characters.
    let is_account = |text: &str| {
        (1..=128).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b":-_.".contains(&byte))
    };
    match field {
        Field::Absent => Ok(Change::Keep),
        Field::Null | Field::Text("null") => Ok(Change::Clear),
        Field::Text(text) if is_account(text) => Ok(Change::Set(text.to_owned())),
        _ => Err(Error::bad_request(
            "assignee_account_id must be the id of an Atlassian account, or \"null\" for nobody",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: Value) -> Result<IssueInput> {
        let text = body.to_string();
        IssueInput::of(&JsonBody::of(&http::Request::builder().body(text.into()).unwrap()).unwrap())
    }

    fn fields(body: Value) -> Value {
        read(body).unwrap().into_fields().into()
    }

    #[test]
    fn only_what_is_given_is_sent() {
        assert!(read(json!({ "summary": null, "priority_id": null, "other": 1 })).unwrap().is_empty());
        assert_eq!(fields(json!({ "summary": " a " })), json!({ "summary": "a" }));
        let ids =
            json!({ "priority_id": "3", "issue_type_id": "10001", "assignee_account_id": "712020:a-b" });
        let sent = json!({ "priority": { "id": "3" }, "issuetype": { "id": "10001" },
            "assignee": { "accountId": "712020:a-b" } });
        assert_eq!(fields(ids), sent);
    }

    #[test]
    fn null_and_its_spellings_empty_a_field() {
        for nothing in [json!(null), json!(""), json!(" \n"), json!({"type":"doc","version":1,"content":[]})]
        {
            assert_eq!(fields(json!({ "description": nothing })), json!({ "description": null }));
        }
        for nobody in [json!(null), json!("null")] {
            assert_eq!(fields(json!({ "assignee_account_id": nobody })), json!({ "assignee": null }));
        }
    }

    #[test]
    fn descriptions_are_markdown_or_documents() {
        let document = fields(json!({ "description": "# a\n\tb" }));
        assert_eq!(document["description"]["content"][0]["type"], "heading");
        let own = json!({ "type": "doc", "version": 1, "content": [{ "type": "rule" }] });
        assert_eq!(fields(json!({ "description": own }))["description"], own);
    }

    #[test]
    fn what_jira_would_refuse_is_refused_with_a_sentence() {
        for (body, said) in [
            (json!({ "summary": "  " }), "empty"),
            (json!({ "summary": "a\nb" }), "one line"),
            (json!({ "summary": "🙂".repeat(128) }), "255"),
            (json!({ "summary": 1 }), "string"),
            (json!({ "description": 1 }), "Markdown"),
            (json!({ "description": "a\u{0}" }), "control"),
            (json!({ "description": { "type": "paragraph" } }), "\"doc\""),
            (json!({ "description": "a".repeat(32_768) }), "32767"),
            (json!({ "priority_id": "High" }), "priority_id"),
            (json!({ "priority_id": 3 }), "string"),
            (json!({ "issue_type_id": "1 or 1" }), "issue_type_id"),
            (json!({ "assignee_account_id": "" }), "account"),
            (json!({ "assignee_account_id": "a b" }), "account"),
            (json!({ "assignee_account_id": 7 }), "account"),
        ] {
            let refusal =
                read(body.clone()).err().map(|error| error.message().to_owned()).unwrap_or_default();
            assert!(refusal.contains(said), "{body}: {refusal}");
        }
        assert!(read(json!({ "description": "a".repeat(32_767), "summary": "a".repeat(255) })).is_ok());
    }
}
