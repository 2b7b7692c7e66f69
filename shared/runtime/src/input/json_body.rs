//! JSON objects as bodies.

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

/// A JSON object as body.
pub struct JsonBody(Map<String, Value>);

impl JsonBody {
    /// Parses the body whatever its fields are; a route reads it with [`super::JsonBodies::read`], which knows them.
    ///
    /// Half a surrogate pair in it is read as U+FFFD. It must say that it is JSON: what comes without a content type has
    /// got another one on the way, see `gateway_event::declare_content_type`.
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

    /// Reads the fields of `T`; others are ignored.
    ///
    /// # Errors
    /// When a field is not what `T` asks for.
    pub fn read<T: DeserializeOwned>(&self) -> Result<T, RequestError> {
        T::deserialize(Source::Json(&self.0))
    }

    /// The names of its fields.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// The SHA-256 of the body, to recognise it by: spaces and the order of its fields do not count.
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
}
