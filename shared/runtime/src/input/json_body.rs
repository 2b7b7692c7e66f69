//! JSON request bodies.

use std::borrow::Cow;

use base::crypto::sha256_hex;
use base::surrogates::replace_lone;
use http::header::CONTENT_TYPE;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::deserialize::Source;
use super::distinct::{self, Problem};
use super::{body_bytes, shown};
use crate::Request;
use crate::error::RequestError;

/// A request body that is a JSON object.
pub struct JsonBody(Map<String, Value>);

impl JsonBody {
    /// Parses the body without looking at its fields; use [`super::JsonBodies::read`] to also check them for a route.
    ///
    /// Lone surrogates are replaced with U+FFFD. The content type must be JSON: a request without one gets another
    /// content type on the way, see `gateway_event::declare_content_type`. Duplicate names in an object are rejected at
    /// any depth, because parsers disagree about which one counts.
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

    /// Parses the fields of `T`; other fields are ignored.
    pub fn read<T: DeserializeOwned>(&self) -> Result<T, RequestError> {
        T::deserialize(Source::Json(&self.0))
    }

    /// The names of all fields.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// The SHA-256 of the content, which does not depend on white space or the order of top-level fields.
    pub fn digest(&self) -> String {
        let mut fields: Vec<_> = self.0.iter().map(|(name, value)| format!("{name:?}: {value}")).collect();
        fields.sort_unstable();
        sha256_hex(fields.join("\n").as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use lambda_http::Body;

    use super::*;

    fn with_body(body: impl Into<Body>) -> Request {
        http::Request::new(body.into())
    }

    fn refusal<T>(result: Result<T, RequestError>) -> String {
        result.err().map(|error| error.to_string()).unwrap_or_default()
    }

    #[test]
    fn a_body_must_be_a_json_object() {
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
    }

    #[test]
    fn duplicate_names_in_an_object_are_rejected() {
        for (text, name) in [
            (r#"{"a": "1", "a": "2"}"#, "a"),
            (r#"{"a": 1, "b": null, "a": 1}"#, "a"),
            (r#"{"a": "1", "\u0061": "2"}"#, "a"),
            (r#"{"a": {"b": 1, "c": 2, "b": 1}}"#, "b"),
            (r#"{"a": [1, {"b": [{"c": 1, "c": 2}]}]}"#, "c"),
            (r#"{"": 1, "": 2}"#, ""),
            // As lone surrogates, both become the same name.
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
    fn a_digest_depends_on_the_content_only() {
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
}
