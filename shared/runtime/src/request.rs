//! Readers for what a request carries. Each refuses what is malformed with a sentence that says what to change.

use std::borrow::Cow;
use std::collections::BTreeMap;

use base::crypto::sha256_hex;
use base::surrogates::replace_lone;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use lambda_http::{Body, RequestExt};
use serde_json::{Map, Value};

use super::Request;
use super::distinct::{self, Problem};
use crate::error::RequestError;

/// The longest value of a query parameter or a short field.
const MAX_VALUE_CHARACTERS: usize = 10_240;

/// More parameters than any route has; the pages of others may add a few of their own.
const MAX_PAIRS: usize = 50;

/// How much of a name that a caller made up is repeated to them.
const MAX_NAME_SHOWN: usize = 50;

/// The beginning of a name that a caller made up.
pub(super) fn shown(name: &str) -> String {
    name.chars().take(MAX_NAME_SHOWN).collect()
}

/// The bearer token of the `Authorization` header, if there is one. The scheme's case does not matter
/// (RFC 9110, section 11.1).
pub fn bearer_token(request: &Request) -> Option<&str> {
    let header = request.headers().get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = header.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim()).filter(|token| !token.is_empty())
}

/// The `Idempotency-Key` header, if there is one: one name for a request and all its repetitions
/// (<https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/>).
///
/// # Errors
/// 400 when it is empty, longer than 255 characters or holds anything but visible ASCII.
pub fn idempotency_key(request: &Request) -> Result<Option<&str>, RequestError> {
    let Some(header) = request.headers().get("idempotency-key") else { return Ok(None) };
    let is_fine =
        |key: &&str| key.len() <= 255 && !key.is_empty() && key.bytes().all(|b| b.is_ascii_graphic());
    let key = header.to_str().ok().filter(is_fine).ok_or_else(|| {
        RequestError::malformed("Idempotency-Key must be 1 to 255 visible ASCII characters, such as a UUID")
    })?;
    Ok(Some(key))
}

/// A path parameter of the route, decoded.
pub fn path_parameter(request: &Request, name: &str) -> String {
    request.path_parameters_ref().and_then(|parameters| parameters.first(name)).unwrap_or_default().to_owned()
}

/// The query parameters.
pub struct Query(BTreeMap<String, String>);

impl Query {
    /// Reads the query.
    ///
    /// # Errors
    /// When there are more than 50 parameters, or one is given twice, contains control characters or is too long.
    pub fn of(request: &Request) -> Result<Self, RequestError> {
        let raw = request.uri().query().unwrap_or_default();
        read_pairs(raw.as_bytes(), "query parameter").map(Self)
    }

    /// A parameter that may be absent; an empty one counts as absent.
    pub fn optional(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// Parameters that must all be there.
    ///
    /// # Errors
    /// `Missing external_id`, or for several `Missing external_id or provider`, as the contract words it.
    pub fn required<const N: usize>(&self, names: [&str; N]) -> Result<[&str; N], RequestError> {
        require(names, |name| self.optional(name))
    }
}

/// A posted form (`application/x-www-form-urlencoded`).
pub struct Form(BTreeMap<String, String>);

impl Form {
    /// Reads the form.
    ///
    /// # Errors
    /// As [`Query::of`].
    pub fn of(request: &Request) -> Result<Self, RequestError> {
        read_pairs(body_bytes(request), "field").map(Self)
    }

    /// A field that may be absent; an empty one counts as absent.
    pub fn optional(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }
}

/// What a field of a JSON body holds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Field<'a> {
    /// It is not there.
    Absent,
    /// `null`.
    Null,
    /// A text, which may be empty, and is checked by nobody yet.
    Text(&'a str),
    /// Anything else.
    Other(&'a Value),
}

impl Field<'_> {
    /// Whether nothing is given: absent, `null` or the empty text.
    pub fn is_blank(&self) -> bool {
        matches!(self, Self::Absent | Self::Null | Self::Text(""))
    }
}

/// A JSON object as body.
pub struct JsonBody(Map<String, Value>);

impl JsonBody {
    /// Reads the body whatever its fields are; a route reads it with [`super::JsonBodies::read`], which knows them.
    ///
    /// Half a surrogate pair in it is read as U+FFFD. It must say that it is JSON: what comes without a content type has
    /// got another one on the way, see `gateway_event::encode_query`.
    ///
    /// # Errors
    /// When the body is absent, not UTF-8, not JSON, not an object, declared as something else, or has an object, at any
    /// depth, with a name twice: which of the two counts would depend on who reads it.
    pub fn of(request: &Request) -> Result<Self, RequestError> {
        let bytes = body_bytes(request);
        if bytes.iter().all(u8::is_ascii_whitespace) {
            return Err(RequestError::malformed("The body is empty: send a JSON object"));
        }
        if let Some(declared) = request.headers().get(CONTENT_TYPE) {
            let essence = declared.to_str().unwrap_or_default().split(';').next().unwrap_or_default().trim();
            let is_json = essence.eq_ignore_ascii_case("application/json")
                || essence.to_ascii_lowercase().ends_with("+json");
            if !is_json {
                return Err(RequestError::malformed(
                    "Send the body as JSON, with 'Content-Type: application/json'",
                ));
            }
        }
        let text =
            std::str::from_utf8(bytes).map_err(|_| RequestError::malformed("The body is not valid UTF-8"))?;
        let read = distinct::read(text).or_else(|problem| match replace_lone(text) {
            Cow::Borrowed(_) => Err(problem),
            Cow::Owned(whole) => distinct::read(&whole),
        });
        match read {
            Ok(Value::Object(fields)) => Ok(Self(fields)),
            Ok(_) => Err(RequestError::malformed("The body must be a JSON object")),
            Err(Problem::Twice(name)) => {
                let name = shown(&name);
                Err(RequestError::malformed(format!("The field '{name}' is given more than once")))
            }
            Err(Problem::NoJson(error)) => Err(RequestError::malformed(format!(
                "The body is not valid JSON (line {}, column {})",
                error.line(),
                error.column()
            ))),
        }
    }

    /// The names of its fields.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// A text field that may be absent; `null` and the empty text count as absent.
    ///
    /// # Errors
    /// When it is not a string, contains control characters or is too long.
    pub fn optional(&self, name: &str) -> Result<Option<&str>, RequestError> {
        match self.0.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(value)) => {
                check_value(name, value, "field")?;
                Ok(Some(value.as_str()).filter(|value| !value.is_empty()))
            }
            Some(_) => Err(RequestError::malformed(format!("The field '{name}' must be a string"))),
        }
    }

    /// A field as it came, where absent, `null` and empty mean different things.
    pub fn field(&self, name: &str) -> Field<'_> {
        match self.0.get(name) {
            None => Field::Absent,
            Some(Value::Null) => Field::Null,
            Some(Value::String(text)) => Field::Text(text),
            Some(other) => Field::Other(other),
        }
    }

    /// A truth value; absent and `null` are false.
    ///
    /// # Errors
    /// When it is something else.
    pub fn flag(&self, name: &str) -> Result<bool, RequestError> {
        match self.0.get(name) {
            None | Some(Value::Null) => Ok(false),
            Some(Value::Bool(value)) => Ok(*value),
            Some(_) => Err(RequestError::malformed(format!("The field '{name}' must be true or false"))),
        }
    }

    /// The SHA-256 of the body, to recognise it by: spaces and the order of its fields do not count.
    pub fn digest(&self) -> String {
        let mut fields: Vec<_> = self.0.iter().map(|(name, value)| format!("{name:?}: {value}")).collect();
        fields.sort_unstable();
        sha256_hex(fields.join("\n").as_bytes())
    }

    /// Text fields that must all be there.
    ///
    /// # Errors
    /// `Missing external_id or provider`, as the contract words it, or as [`Self::optional`].
    pub fn required<const N: usize>(&self, names: [&str; N]) -> Result<[&str; N], RequestError> {
        for name in names {
            self.optional(name)?;
        }
        require(names, |name| self.optional(name).ok().flatten())
    }
}

fn require<'a, const N: usize>(
    names: [&str; N],
    read: impl Fn(&str) -> Option<&'a str>,
) -> Result<[&'a str; N], RequestError> {
    let mut values = [""; N];
    for (value, name) in values.iter_mut().zip(names) {
        *value =
            read(name).ok_or_else(|| RequestError::malformed(format!("Missing {}", names.join(" or "))))?;
    }
    Ok(values)
}

fn body_bytes(request: &Request) -> &[u8] {
    match request.body() {
        Body::Text(text) => text.as_bytes(),
        Body::Binary(bytes) => bytes,
        _ => &[],
    }
}

fn read_pairs(raw: &[u8], what: &str) -> Result<BTreeMap<String, String>, RequestError> {
    let mut pairs = BTreeMap::new();
    for pair in raw.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty()) {
        let decoded = form_urlencoded::parse(pair).next();
        let Some((name, value)) = decoded else { continue };
        // The decoder puts U+FFFD where the bytes are no UTF-8.
        if name.contains('\u{fffd}') || value.contains('\u{fffd}') {
            return Err(RequestError::malformed(format!("A {what} is not valid UTF-8")));
        }
        check_value(&name, &value, what)?;
        if pairs.len() == MAX_PAIRS {
            return Err(RequestError::malformed(format!("There are more than {MAX_PAIRS} {what}s")));
        }
        if pairs.insert(name.clone().into_owned(), value.into_owned()).is_some() {
            let name = shown(&name);
            return Err(RequestError::malformed(format!("The {what} '{name}' is given more than once")));
        }
    }
    Ok(pairs)
}

fn check_value(name: &str, value: &str, what: &str) -> Result<(), RequestError> {
    if name.chars().chain(value.chars()).any(char::is_control) {
        return Err(RequestError::malformed(format!("A {what} contains control characters")));
    }
    if name.len() > MAX_VALUE_CHARACTERS || value.chars().count() > MAX_VALUE_CHARACTERS {
        return Err(RequestError::too_large(format!(
            "A {what} is longer than {MAX_VALUE_CHARACTERS} characters"
        )));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_query(query: &str) -> Request {
        http::Request::builder().uri(format!("https://api.example.com/x?{query}")).body(Body::Empty).unwrap()
    }

    fn with_body(body: impl Into<Body>) -> Request {
        http::Request::builder().body(body.into()).unwrap()
    }

    fn refusal<T>(result: Result<T, RequestError>) -> String {
        result.err().map(|error| error.to_string()).unwrap_or_default()
    }

    #[test]
    fn missing_parameters_are_named_as_the_contract_names_them() {
        let query = Query::of(&with_query("external_id=&provider=jira")).unwrap();
        assert_eq!(refusal(query.required(["external_id"])), "Missing external_id");
        assert_eq!(refusal(query.required(["external_id", "provider"])), "Missing external_id or provider");
        assert_eq!(query.required(["provider"]).unwrap(), ["jira"]);
    }

    #[test]
    fn a_query_is_decoded_once_and_checked() {
        let query = Query::of(&with_query("external_id=a%2Fb+c%25&x=1")).unwrap();
        assert_eq!(query.optional("external_id"), Some("a/b c%"));
        assert!(refusal(Query::of(&with_query("a=1&a=2"))).contains("more than once"));
        let long = "a".repeat(5000);
        assert!(refusal(Query::of(&with_query(&format!("{long}=1&{long}=2")))).len() < 150);
        assert!(refusal(Query::of(&with_query("a=%00"))).contains("control characters"));
        assert!(refusal(Query::of(&with_query("a=%ff"))).contains("UTF-8"));
        assert!(
            refusal(Query::of(&with_query(&format!("a={}", "x".repeat(10_241))))).contains("longer than")
        );
    }

    #[test]
    fn parameters_are_counted() {
        let many = |count| (0..count).map(|i| format!("a{i}=1")).collect::<Vec<_>>().join("&");
        assert!(Query::of(&with_query(&many(MAX_PAIRS))).is_ok());
        let refused = refusal(Query::of(&with_query(&many(MAX_PAIRS + 1))));
        assert_eq!(refused, "There are more than 50 query parameters");
    }

    #[test]
    fn a_body_must_be_a_json_object_of_sane_strings() {
        for (body, complaint) in [
            ("", "empty"),
            ("[1]", "JSON object"),
            ("{\"a\":", "not valid JSON (line 1"),
            ("\"text\"", "JSON object"),
        ] {
            let answer = refusal(JsonBody::of(&with_body(body)));
            assert!(answer.contains(complaint), "{body}: {answer}");
        }
        assert!(refusal(JsonBody::of(&with_body(vec![0xff, 0xfe]))).contains("UTF-8"));
        let body = JsonBody::of(&with_body("{\"external_id\": 7, \"ok\": \"x\", \"none\": null}")).unwrap();
        assert!(refusal(body.optional("external_id")).contains("must be a string"));
        assert_eq!(body.optional("none").unwrap(), None);
        assert_eq!(refusal(body.required(["ok", "none"])), "Missing ok or none");
    }

    #[test]
    fn a_name_is_given_once_in_an_object() {
        for (text, name) in [
            (r#"{"a": "1", "a": "2"}"#, "a"),
            (r#"{"a": 1, "b": null, "a": 1}"#, "a"),
            (r#"{"a": "1", "\u0061": "2"}"#, "a"),
            (r#"{"a": {"b": 1, "c": 2, "b": 1}}"#, "b"),
            (r#"{"a": [1, {"b": [{"c": 1, "c": 2}]}]}"#, "c"),
            (r#"{"": 1, "": 2}"#, ""),
            // As halves of characters they are the same.
            (r#"{"\ud83d": 1, "\ud83e": 2}"#, "\u{fffd}"),
            (r#"{"half": "\ud83d", "a": 1, "a": 2}"#, "a"),
        ] {
            let refused = refusal(JsonBody::of(&with_body(text)));
            assert_eq!(refused, format!("The field '{name}' is given more than once"), "{text}");
        }
        for text in [
            r#"{"a": {"a": {"a": 1}}, "b": [{"a": 1}, {"a": 2}], "A": 1}"#,
            r#"{"half": "\ud83d", "a": -1, "b": 1.5, "c": 18446744073709551615, "d": [true, null]}"#,
        ] {
            assert!(JsonBody::of(&with_body(text)).is_ok(), "{text}");
        }
        let long = "a".repeat(5000);
        let refused = refusal(JsonBody::of(&with_body(format!(r#"{{"{long}": 1, "{long}": 2}}"#))));
        assert!(refused.len() < 150, "{refused}");
        let deep = format!("{{\"a\":{}{}}}", "[".repeat(200_000), "]".repeat(200_000));
        assert!(refusal(JsonBody::of(&with_body(deep))).contains("not valid JSON"));
    }

    #[test]
    fn absent_null_empty_and_the_rest_are_told_apart() {
        let text = r#"{"null": null, "empty": "", "text": "a\nb", "number": 7, "yes": true}"#;
        let body = JsonBody::of(&with_body(text)).unwrap();
        assert_eq!(body.field("absent"), Field::Absent);
        assert_eq!(body.field("null"), Field::Null);
        assert_eq!(body.field("empty"), Field::Text(""));
        assert_eq!(body.field("text"), Field::Text("a\nb"));
        assert_eq!(body.field("number"), Field::Other(&Value::from(7)));
        assert!(body.flag("yes").unwrap() && !body.flag("null").unwrap() && !body.flag("absent").unwrap());
        assert!(refusal(body.flag("number")).contains("true or false"));
    }

    #[test]
    fn a_digest_is_of_what_the_body_says() {
        let digest = |text: &str| JsonBody::of(&with_body(text)).unwrap().digest();
        assert_eq!(digest(r#"{"a":"1","b":{"c":2}}"#), digest(r#"{ "b": { "c": 2 }, "a": "1" }"#));
        assert_ne!(digest(r#"{"a":"1"}"#), digest(r#"{"a":1}"#));
        assert_ne!(digest(r#"{"a":"1"}"#), digest(r#"{"a":"1","b":null}"#));
    }

    #[test]
    fn other_content_types_are_refused() {
        let request = http::Request::builder()
            .header(CONTENT_TYPE, "text/plain")
            .body(Body::from("{\"a\":\"b\"}"))
            .unwrap();
        assert!(refusal(JsonBody::of(&request)).contains("application/json"));
        let request = http::Request::builder()
            .header(CONTENT_TYPE, "Application/JSON; charset=utf-8")
            .body(Body::from("{\"a\":\"b\"}"))
            .unwrap();
        assert!(JsonBody::of(&request).is_ok());
    }

    #[test]
    fn the_bearer_scheme_is_case_insensitive() {
        let token = |header: &str| {
            let request = http::Request::builder().header(AUTHORIZATION, header).body(Body::Empty).unwrap();
            bearer_token(&request).map(str::to_owned)
        };
        assert_eq!(token("Bearer key").as_deref(), Some("key"));
        assert_eq!(token("bearer key").as_deref(), Some("key"));
        assert_eq!(token("Basic key"), None);
        assert_eq!(token("Bearer "), None);
    }
}
