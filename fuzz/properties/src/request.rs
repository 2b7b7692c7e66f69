//! The parts of a request.

use base::surrogates::replace_lone;
use http::HeaderValue;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use lambda_http::Body;
use runtime::{
    Field, JsonBody, Request, accepts_gzip, bearer_token, cookie, form as read_form, idempotency_key,
    query as read_query,
};
use serde::Deserialize;
use serde_json::Value;
use url::Url;

use crate::support::{accepted, accepted_of_a_site};
use juncture::connections::ExternalId;
use juncture::jira::{FilterQuery, Form, FormUse, IssueInput, ProjectId, SprintId, TicketFilters, issue_ref};
use juncture::provider::ProviderId;

/// Short texts that may be absent.
#[derive(Debug, PartialEq, Deserialize)]
pub(crate) struct Texts {
    external_id: Option<String>,
    provider: Option<String>,
    limit: Option<String>,
    a: Option<String>,
}

impl Texts {
    fn all(&self) -> [Option<&str>; 4] {
        [&self.external_id, &self.provider, &self.limit, &self.a].map(Option::as_deref)
    }
}

/// Texts that must be there.
#[derive(Deserialize)]
struct Required {
    external_id: String,
    provider: String,
}

/// The same fields as they came.
#[derive(Deserialize)]
struct Raw {
    external_id: Field,
    provider: Field,
    limit: Field,
    a: Field,
}

/// Maximum length of a value in a request, in bytes of UTF-8.
const LONGEST: usize = 4 * 10_240;

fn check_value(value: &str) {
    assert!(!value.is_empty() && value.len() <= LONGEST);
    assert!(!value.chars().any(|character| character.is_control() || character == '\u{fffd}'));
}

fn with_query(query: &str) -> Option<Request> {
    http::Request::builder().uri(format!("https://api.example.com/x?{query}")).body(Body::Empty).ok()
}

fn encoded(query: &str) -> String {
    form_urlencoded::Serializer::new(String::new())
        .extend_pairs(form_urlencoded::parse(query.as_bytes()))
        .finish()
}

/// A query: parsed values are those in the text, and a differently encoded query parses to the same values.
pub fn query(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Some(request) = with_query(text) else { return };
    let Some(texts) = accepted(read_query::<Texts>(&request)) else { return };
    let again = with_query(&encoded(request.uri().query().unwrap_or_default())).expect("an address");
    assert_eq!(read_query::<Texts>(&again).expect("what was fine is fine"), texts);
    texts.all().into_iter().flatten().for_each(check_value);
    let both = accepted(read_query::<Required>(&request)).map(|both| (both.external_id, both.provider));
    assert_eq!(both, texts.external_id.zip(texts.provider));
}

/// The filters of a ticket list, in a query: their values are strings in the JQL, and nothing else in it.
pub fn filters(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Some(request) = with_query(text) else { return };
    let Some(query) = accepted(read_query::<FilterQuery>(&request)) else { return };
    let Some(filters) = accepted(TicketFilters::of(&query)) else { return };
    let project = ProjectId::parse("10000").expect("a project");
    let jql = filters.list_of(&project);
    let (mut outside, mut characters) = (String::new(), jql.chars());
    while let Some(character) = characters.next() {
        if character != '"' {
            outside.push(character);
            continue;
        }
        loop {
            match characters.next().expect("a string ends") {
                '"' => break,
                '\\' => _ = characters.next().filter(|c| "\"\\u".contains(*c)).expect("a known escape"),
                inside => assert!(!inside.is_control(), "{jql:?}"),
            }
        }
        outside.push('_');
    }
    let words = outside.split([' ', ',', '(', ')']).filter(|word| !word.is_empty());
    const WORDS: [&str; 13] = [
        "project",
        "status",
        "in",
        "statusCategory",
        "assignee",
        "is",
        "EMPTY",
        "updated",
        "labels",
        "text",
        "AND",
        "None",
        "Some",
    ];
    let is_ours = |word: &str| WORDS.contains(&word) || ["=", ">=", "~", "_"].contains(&word);
    let is_number = |word: &str| word.trim_start_matches('-').bytes().all(|byte| byte.is_ascii_digit());
    for word in words {
        assert!(is_ours(word) || is_number(word), "{word:?} in {jql:?}");
    }
}

/// A posted form.
pub fn form(data: &[u8]) {
    let request = http::Request::new(Body::Binary(data.to_vec()));
    let Some(texts) = accepted(read_form::<Texts>(&request)) else { return };
    texts.all().into_iter().flatten().for_each(check_value);
}

/// A JSON body, after a line with its content type.
pub fn body(data: &[u8]) {
    let Some(body) = accepted(JsonBody::of(&typed(data))) else { return };
    let raw = body.read::<Raw>().expect("any field is a field");
    let raw = [raw.external_id, raw.provider, raw.limit, raw.a];
    for field in &raw {
        accepted(field.flag("a"));
    }
    if let Some(texts) = accepted(body.read::<Texts>()) {
        for (text, field) in texts.all().into_iter().zip(raw) {
            text.into_iter().for_each(check_value);
            let is_blank = match field {
                Field::Text(text) => text.is_empty(),
                Field::Absent | Field::Null => true,
                Field::Other(value) => panic!("{value} is read as a text"),
            };
            assert_eq!(text.is_none(), is_blank);
        }
        let both = accepted(body.read::<Required>()).map(|both| (both.external_id, both.provider));
        assert_eq!(both, texts.external_id.zip(texts.provider));
    }
    let text = std::str::from_utf8(request_body(data)).expect("it was read before");
    let parsed: Value = serde_json::from_str(&replace_lone(text)).expect("it was read before");
    let pretty = serde_json::to_string_pretty(&parsed).expect("JSON");
    if pretty.len() < 256 * 1024 {
        let same = JsonBody::of(&http::Request::new(Body::from(pretty))).expect("the same in more lines");
        assert_eq!(same.digest(), body.digest());
    }
}

fn request_body(data: &[u8]) -> &[u8] {
    data.iter().position(|byte| *byte == b'\n').and_then(|end| data.get(end + 1..)).unwrap_or_default()
}

fn typed(data: &[u8]) -> Request {
    let kind = data.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let mut request = http::Request::new(Body::Binary(request_body(data).to_vec()));
    if let Ok(kind) = HeaderValue::from_bytes(kind)
        && !kind.is_empty()
    {
        request.headers_mut().insert(CONTENT_TYPE, kind);
    }
    request
}

/// A JSON body with the fields of an issue: what is sent to Jira is what Jira documents.
pub fn issue_input(data: &[u8]) {
    let Some(body) = accepted(JsonBody::of(&http::Request::new(Body::Binary(data.to_vec())))) else { return };
    let Some(input) = accepted(body.read()).and_then(|fields| accepted(IssueInput::of(fields))) else {
        return;
    };
    let is_empty = input.is_empty();
    let fields = input.into_fields();
    assert!(!is_empty || fields.is_empty());
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    for (name, value) in &fields {
        match (name.as_str(), value) {
            ("description" | "assignee" | "reporter" | "duedate" | "parent", Value::Null) => {}
            ("summary", Value::String(text)) => {
                assert!(
                    (1..=255).contains(&text.encode_utf16().count()) && !text.chars().any(char::is_control)
                );
            }
            ("description", document) => {
                assert_eq!(document["type"], "doc");
                assert!(document["content"].as_array().is_some_and(|content| !content.is_empty()));
            }
            ("issuetype" | "priority", value) => assert!(value["id"].as_str().is_some_and(is_number)),
            ("assignee" | "reporter", value) => {
                assert!(value["accountId"].as_str().is_some_and(|id| id.len() <= 128));
            }
            ("labels", Value::Array(labels)) => assert!(labels.iter().all(|label| {
                label.as_str().is_some_and(|label| !label.is_empty() && !label.contains(char::is_whitespace))
            })),
            ("components" | "fixVersions", Value::Array(parts)) => {
                assert!(
                    parts
                        .iter()
                        .all(|part| part["id"].as_str().is_some_and(is_number) || part["name"].is_string())
                );
            }
            ("duedate", Value::String(day)) => assert_eq!(day.len(), 10),
            ("parent", value) => assert!(value["id"].is_string() || value["key"].is_string()),
            (name, value) => panic!("{name}: {value}"),
        }
    }
}

/// A JSON object with the fields of a screen and values for them: what is sent to Jira are fields of that screen.
pub fn form_values(data: &[u8]) {
    let Ok(Value::Object(mut given)) = serde_json::from_slice::<Value>(data) else { return };
    let Ok(screen) = serde_json::from_value(given.remove("screen").unwrap_or_default()) else { return };
    let form = Form::of(screen, FormUse::Create);
    let view = form.view();
    let Some(Value::Object(values)) = given.remove("fields") else { return };
    let Some(fields) = accepted_of_a_site(form.convert(values)) else { return };
    for id in fields.keys() {
        assert!(view.fields.iter().any(|field| field.id == *id), "{id}");
    }
}

/// The headers that Juncture reads, one per line: the bearer token, the idempotency key, the accepted encodings,
/// and cookies.
pub fn headers(data: &[u8]) {
    let mut request = Request::new(Body::Empty);
    let names = [AUTHORIZATION.as_str(), "idempotency-key", "accept-encoding", "cookie"];
    for (name, value) in names.into_iter().zip(data.split(|byte| *byte == b'\n')) {
        if let Ok(value) = HeaderValue::from_bytes(value) {
            request.headers_mut().insert(name, value);
        }
    }
    if let Some(token) = bearer_token(&request) {
        assert!(!token.is_empty() && token.trim() == token);
        assert!(token.bytes().all(|byte| byte == b'\t' || (0x20..0x7f).contains(&byte)));
    }
    if let Some(key) = accepted(idempotency_key(&request)).flatten() {
        assert!((1..=255).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_graphic()));
    }
    let _ = accepts_gzip(request.headers());
    for name in ["__Host-a", "a", ""] {
        let found = cookie(&request, name);
        assert!(found.is_none_or(|value| !value.contains(';')));
        let line = request.headers().get("cookie").map(HeaderValue::as_bytes).unwrap_or_default();
        let lines = String::from_utf8_lossy(line);
        assert!(found.is_none_or(|value| lines.contains(&format!("{name}={value}"))));
    }
}

/// Identifiers, one per line: an accepted one cannot escape from a URL path or from a quoted JQL value.
pub fn ids(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    for text in text.split('\n') {
        let numbers = accepted(SprintId::parse(text)).map(|id| id.as_str().to_owned());
        let projects = accepted(ProjectId::parse(text)).map(|id| id.as_str().to_owned());
        let issues = accepted(issue_ref(text, "issue_id")).map(|id| id.as_str().to_owned());
        let sites = accepted(ProviderId::Jira.site_id(text)).map(|id| id.as_str().to_owned());
        for id in [&numbers, &projects, &issues, &sites].into_iter().flatten() {
            assert!(
                id.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')),
                "{id}"
            );
            assert!(id.eq_ignore_ascii_case(text) && (1..=300).contains(&id.len()));
            let mut url = Url::parse("https://api.example.com/ex/jira/").expect("an address");
            url.path_segments_mut().expect("a path").pop_if_empty().extend([id.as_str(), "end"]);
            assert_eq!(url.path(), format!("/ex/jira/{id}/end"));
        }
        let number = accepted(ProjectId::parse_number(text));
        assert_eq!(number.map(|id| id.as_str().to_owned()), numbers);
        assert_eq!(
            accepted(ProviderId::parse(text)).map(ProviderId::as_str),
            (text == "jira").then_some("jira")
        );
        if let Some(id) = accepted(ExternalId::parse(text)) {
            assert!(id.as_str() == text && !text.is_empty() && text.chars().count() <= 512);
        }
    }
}
