//! The fields that a caller writes to an issue, validated before they are sent.

use adf::MAX_CHARACTERS;
use atlassian::{JiraError, JiraErrorResponse, Refusal, is_number};
use runtime::Field;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::form::{self, FieldNames, FieldValues, Form};
use super::ids::is_account_id;
use super::rich_text::RichText;
use crate::error::{Error, Result};

/// Maximum length of a summary, in UTF-16 code units, as Jira counts.
const MAX_SUMMARY: usize = 255;

/// The writable fields of an issue, as they appear in a request body.
#[derive(Debug, Deserialize)]
pub struct IssueFields {
    /// One line of at most 255 characters.
    summary: Field,
    /// Markdown, or an ADF document as a JSON object; `null`, an empty string and white space clear it. Markdown that
    /// consists only of comments or control characters leaves it unchanged.
    description: Field,
    /// A number, as a string.
    issue_type_id: Option<String>,
    /// A number, as a string.
    priority_id: Option<String>,
    /// An account id; `null` or the string `"null"` unassigns.
    assignee_account_id: Field,
    /// An account id.
    reporter_account_id: Field,
    /// A list of strings without spaces; replaces all labels.
    labels: Field,
    /// A list of names or ids; replaces all components. A text of digits is an id.
    components: Field,
    /// Like the components.
    fix_versions: Field,
    /// `2026-11-30`; `null` clears it.
    due_date: Field,
    /// The epic, or the parent of a subtask, by id or key; `null` removes it.
    parent: Field,
    /// Any other field of the form, by id or name.
    fields: Field,
}

/// The validated fields.
#[derive(Debug, Clone, Default)]
pub struct IssueInput {
    /// The values in Jira's format.
    given: FieldValues,
    /// Values by the name or id of their field, which only the form can convert.
    others: Map<String, Value>,
    /// The names of the form's fields, if it was read.
    names: FieldNames,
}

impl IssueInput {
    /// Validates the fields of a request body; 400 with a message that names the field and what to send.
    pub fn of(fields: IssueFields) -> Result<Self> {
        let mut input = Self::default();
        input.set("summary", summary(fields.summary)?.map(Value::from));
        if let Some(description) = RichText::change(fields.description, "description")? {
            input.given.texts.push(("description".to_owned(), description));
        }
        let id = |id: String| json!({ "id": id });
        input.set("issuetype", number(fields.issue_type_id, "issue_type_id", "10001")?.map(id));
        input.set("priority", number(fields.priority_id, "priority_id", "3")?.map(id));
        input.set("assignee", account(fields.assignee_account_id, "assignee_account_id")?);
        input.set("reporter", account(fields.reporter_account_id, "reporter_account_id")?);
        input.set("labels", labels(fields.labels)?);
        input.set("components", parts(fields.components, "components")?);
        input.set("fixVersions", parts(fields.fix_versions, "fix_versions")?);
        input.set("duedate", due_date(fields.due_date)?);
        input.set("parent", parent(fields.parent)?);
        input.others = form::fields_given(fields.fields)?;
        Ok(input)
    }

    fn set(&mut self, id: &str, value: Option<Value>) {
        if let Some(value) = value {
            self.given.values.insert(id.to_owned(), value);
        }
    }

    /// Whether no field is set.
    pub fn is_empty(&self) -> bool {
        self.given.values.is_empty() && self.given.texts.is_empty() && self.others.is_empty()
    }

    /// The summary, if set.
    pub fn summary(&self) -> Option<&str> {
        self.given.values.get("summary").and_then(Value::as_str)
    }

    /// The id of the issue type, if set.
    pub(super) fn issue_type(&self) -> Option<&str> {
        self.given.values.get("issuetype").and_then(|it| it["id"].as_str())
    }

    /// Whether there are values that only the form can convert.
    pub(super) fn needs_form(&self) -> bool {
        !self.others.is_empty()
    }

    /// Converts the values that need the form.
    ///
    /// # Errors
    /// 400 that names the field, also if it is given in two ways.
    pub(super) fn read_with(&mut self, form: &Form) -> Result<()> {
        self.names = form.names();
        let FieldValues { values, texts } = form.read(std::mem::take(&mut self.others))?;
        let ids = values.keys().chain(texts.iter().map(|(id, _)| id));
        if let Some(id) = ids.into_iter().find(|id| self.given.has(id)) {
            return Err(Error::bad_request(format!(
                "fields has a value for {id}, which is also given outside of fields: send it once"
            )));
        }
        self.given.values.extend(values);
        self.given.texts.extend(texts);
        Ok(())
    }

    /// The names of the form's fields; none if it was not needed.
    pub(super) fn names(&self) -> FieldNames {
        self.names.clone()
    }

    /// The values that are given so far.
    pub(super) fn given(&mut self) -> &mut FieldValues {
        &mut self.given
    }

    /// Returns the fields in Jira's format; cleared fields are null. May be empty.
    pub fn into_fields(self) -> Map<String, Value> {
        self.given.into_fields()
    }
}

fn summary(field: Field) -> Result<Option<String>> {
    let text = match field {
        Field::Absent | Field::Null => return Ok(None),
        Field::Text(text) => adf::one_line(&text),
        Field::Other(_) => return Err(Error::bad_request("The field 'summary' must be a string")),
    };
    let text = text.trim();
    if text.is_empty() {
        return Err(Error::bad_request("summary must not be empty: an issue always has one"));
    }
    if text.contains('\n') {
        return Err(Error::bad_request("summary must be a single line, without line breaks"));
    }
    if text.encode_utf16().count() > MAX_SUMMARY {
        return Err(Error::bad_request(format!("summary is longer than {MAX_SUMMARY} characters")));
    }
    Ok(Some(text.to_owned()))
}

/// Returns the error for a description that is too long for Jira, if Jira says so.
pub(super) fn refused_length(error: &JiraError) -> Option<Error> {
    length_refusal(error, "description", |response| response.field("description").cloned())
}

/// Jira counts a text's length including its own markup, so only Jira knows whether it is too long. The message is in
/// the account's language, but always contains the limit, `32,767`. `said` returns where it may be.
pub(super) fn length_refusal(
    error: &JiraError,
    name: &str,
    said: impl Fn(&JiraErrorResponse) -> Option<Value>,
) -> Option<Error> {
    let response = error.response().filter(|response| response.refusal() == Refusal::Invalid)?;
    if !names_limit(&said(response)?) {
        return None;
    }
    let refusal = Error::bad_request(format!(
        "{name} is too long for Jira, which takes {MAX_CHARACTERS} characters and counts markup too"
    ));
    Some(refusal.with_details(response.details().unwrap_or_default()).because(response.to_string()))
}

/// Whether a message, or one of several, contains the limit.
fn names_limit(said: &Value) -> bool {
    match said {
        Value::String(said) => {
            let digits: String = said.chars().filter(char::is_ascii_digit).collect();
            digits.contains(&MAX_CHARACTERS.to_string())
        }
        Value::Array(several) => several.iter().any(names_limit),
        Value::Object(by_field) => by_field.values().any(names_limit),
        _ => false,
    }
}

fn number(text: Option<String>, name: &str, example: &str) -> Result<Option<String>> {
    if text.as_deref().is_some_and(|text| !is_number(text)) {
        return Err(Error::bad_request(format!("{name} must be a number as text, such as \"{example}\"")));
    }
    Ok(text)
}

fn account(field: Field, name: &str) -> Result<Option<Value>> {
    match field {
        Field::Absent => Ok(None),
        Field::Null => Ok(Some(Value::Null)),
        Field::Text(text) if text == "null" => Ok(Some(Value::Null)),
        Field::Text(text) if is_account_id(&text) => Ok(Some(json!({ "accountId": text }))),
        _ => Err(Error::bad_request(format!(
            "{name} must be the id of an Atlassian account, or \"null\" for nobody"
        ))),
    }
}

fn labels(field: Field) -> Result<Option<Value>> {
    let labels = match field {
        Field::Absent => return Ok(None),
        Field::Null => Some(json!([])),
        Field::Text(_) => None,
        Field::Other(value) => form::labels(&value),
    };
    labels.map(Some).ok_or_else(|| {
        Error::bad_request("labels must be a list of strings without spaces, of at most 255 characters each")
    })
}

/// Components or versions. Jira looks an id up by `id` and a name by `name`.
fn parts(field: Field, name: &str) -> Result<Option<Value>> {
    let part = |value: &Value| {
        let text = value.as_str().map(str::trim).filter(|text| !text.is_empty())?;
        Some(if is_number(text) { json!({ "id": text }) } else { json!({ "name": text }) })
    };
    let parts = match &field {
        Field::Absent => return Ok(None),
        Field::Null => Some(json!([])),
        Field::Text(_) => None,
        Field::Other(value) => value.as_array().and_then(|parts| parts.iter().map(part).collect()),
    };
    parts.map(Some).ok_or_else(|| {
        Error::bad_request(format!("{name} must be a list of names or ids, as strings: [\"1.0\", \"10000\"]"))
    })
}

fn due_date(field: Field) -> Result<Option<Value>> {
    match field {
        Field::Absent => Ok(None),
        Field::Null => Ok(Some(Value::Null)),
        Field::Text(text) if form::is_date(&text) => Ok(Some(text.into())),
        _ => Err(Error::bad_request("due_date must be a date, such as 2026-11-30, or null for none")),
    }
}

fn parent(field: Field) -> Result<Option<Value>> {
    match field {
        Field::Absent => Ok(None),
        Field::Null => Ok(Some(Value::Null)),
        Field::Text(text) => match form::issue_reference(&text) {
            Some(parent) => Ok(Some(parent)),
            None => Err(not_a_parent()),
        },
        Field::Other(_) => Err(not_a_parent()),
    }
}

fn not_a_parent() -> Error {
    Error::bad_request("parent must be the id or key of an issue, such as PROJ-1, or null for none")
}

#[cfg(test)]
mod tests {
    use atlassian::JiraErrorResponse;
    use http::{HeaderMap, StatusCode};

    use super::*;
    use crate::error::ErrorCode;

    fn read(body: Value) -> Result<IssueInput> {
        let body = runtime::JsonBody::of(&http::Request::new(body.to_string().into()))?;
        IssueInput::of(body.read()?)
    }

    fn fields(body: Value) -> Value {
        read(body).unwrap().into_fields().into()
    }

    #[test]
    fn only_given_fields_are_sent() {
        assert!(read(json!({ "summary": null, "priority_id": null, "other": 1 })).unwrap().is_empty());
        assert_eq!(fields(json!({ "summary": " a " })), json!({ "summary": "a" }));
        let ids =
            json!({ "priority_id": "3", "issue_type_id": "10001", "assignee_account_id": "712020:a-b" });
        let sent = json!({ "priority": { "id": "3" }, "issuetype": { "id": "10001" },
            "assignee": { "accountId": "712020:a-b" } });
        assert_eq!(fields(ids), sent);
    }

    #[test]
    fn null_and_its_spellings_clear_a_field() {
        let empty = json!({ "type": "doc", "version": 1, "content": [] });
        for nothing in [json!(null), json!(""), json!(" \n"), json!("\u{3000}\u{a0}\t"), empty] {
            assert_eq!(fields(json!({ "description": nothing })), json!({ "description": null }));
        }
        for nobody in [json!(null), json!("null")] {
            assert_eq!(fields(json!({ "assignee_account_id": nobody })), json!({ "assignee": null }));
        }
    }

    #[test]
    fn only_empty_values_clear_a_description() {
        for text in
            ["#", "***", "> ***", "[ERROR]: OutOfMemoryError", "&nbsp;", "[a]: https://b.example", "\\"]
        {
            let sent = fields(json!({ "description": text }));
            assert!(
                sent["description"]["content"].as_array().is_some_and(|blocks| !blocks.is_empty()),
                "{text}"
            );
        }
        for text in ["<!-- a -->", "<!-- a\n\nb -->\n<!-- c -->", "\u{1b}[0m", "\u{feff}", "\u{7} \n"] {
            let input = read(json!({ "description": text })).unwrap();
            assert!(!input.is_empty(), "a field is written with {text:?}");
            assert_eq!(Value::from(input.into_fields()), json!({}), "{text:?} changes nothing");
        }
    }

    #[test]
    fn characters_that_cannot_be_stored_are_left_out() {
        let sent = fields(
            json!({ "summary": "\u{1b}[31ma\u{1b}[0m\tb\u{2028}c\u{0}", "description": "a\u{0}\u{85}b" }),
        );
        assert_eq!(sent["summary"], "a b c\u{fffd}");
        let broken = json!([{ "type": "text", "text": "a\u{fffd}" }, { "type": "hardBreak" }, { "type": "text", "text": "b" }]);
        assert_eq!(sent["description"]["content"][0]["content"], broken);
    }

    #[test]
    fn the_length_limit_ignores_markup() {
        for text in
            ["あ\u{3000}".repeat(16_000), "*a* ".repeat(10_000), "\\*".repeat(32_767), "| a ".repeat(3_000)]
        {
            assert!(read(json!({ "description": text })).is_ok(), "{:.20}", text);
        }
        let link = format!("[{}](https://a.example/{})", "*a* b ".repeat(4_000), "x".repeat(4_000));
        for (text, said) in [
            ("a".repeat(32_768), "32768 characters long without its markup; Jira takes 32767"),
            ("🙂".repeat(16_384), "32768 characters"),
            ("- a\n".repeat(11_000), "33001 paragraphs"),
            (link, "links of"),
        ] {
            let refusal = read(json!({ "description": text })).err().map(|error| error.message().to_owned());
            assert!(refusal.as_deref().is_some_and(|refusal| refusal.contains(said)), "{refusal:?}");
        }
        let node = json!({ "type": "text", "text": "a".repeat(32_768) });
        let document =
            json!({ "type": "doc", "version": 1, "content": [{ "type": "paragraph", "content": [node] }] });
        let refusal = read(json!({ "description": document })).err().map(|error| error.message().to_owned());
        assert!(refusal.is_some_and(|refusal| refusal.contains("32768 characters")));
    }

    #[test]
    fn jiras_length_error_gets_our_message() {
        let refused = |said: &str| {
            let body = json!({ "errors": { "description": said } }).to_string();
            let response =
                JiraErrorResponse::read(StatusCode::BAD_REQUEST, &HeaderMap::new(), body.as_bytes());
            refused_length(&JiraError::Refused { response: Box::new(response), scopes: "" })
        };
        for said in [
            "It exceeds the allowed limit of 32,767 characters.",
            "Das Limit ist 32.767 Zeichen.",
            "32\u{202f}767",
        ] {
            let error = refused(said).unwrap();
            assert_eq!(error.code(), ErrorCode::InvalidRequest, "{said}");
            assert!(error.message().contains("description is too long"), "{said}");
            assert_eq!(error.details().unwrap()["fields"]["description"], said, "Jira's words are there too");
        }
        assert!(refused("Field 'description' cannot be set.").is_none());
    }

    #[test]
    fn descriptions_are_markdown_or_documents() {
        let document = fields(json!({ "description": "# a\n\tb" }));
        assert_eq!(document["description"]["content"][0]["type"], "heading");
        let own = json!({ "type": "doc", "version": 1, "content": [{ "type": "rule" }] });
        assert_eq!(fields(json!({ "description": own }))["description"], own);
    }

    #[test]
    fn fields_that_jira_would_reject_are_rejected_with_a_message() {
        for (body, said) in [
            (json!({ "summary": "  " }), "empty"),
            (json!({ "summary": "a\nb" }), "single line"),
            (json!({ "summary": "🙂".repeat(128) }), "255"),
            (json!({ "summary": 1 }), "string"),
            (json!({ "description": 1 }), "Markdown"),
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
