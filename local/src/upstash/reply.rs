//! Converts Redis replies to JSON.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Value, json};

/// How strings are encoded.
#[derive(Clone, Copy)]
pub(super) enum Encoding {
    /// As text; invalid UTF-8 is replaced.
    Text,
    /// As base64, except the status OK (header `Upstash-Encoding: base64`).
    Base64,
}

/// `{"result": …}`, or `{"error": …}` for a command that failed.
pub(super) fn item(reply: redis::Value, encoding: Encoding) -> Value {
    match error_text(&reply) {
        Some(error) => json!({ "error": error }),
        None => json!({ "result": value(reply, encoding) }),
    }
}

/// The text of an error reply, as sent by Redis.
pub(super) fn error_text(reply: &redis::Value) -> Option<String> {
    let redis::Value::ServerError(error) = reply else { return None };
    Some(match error.details() {
        Some(details) => format!("{} {details}", error.code()),
        None => error.code().to_owned(),
    })
}

fn value(reply: redis::Value, encoding: Encoding) -> Value {
    match reply {
        redis::Value::Nil => Value::Null,
        redis::Value::Int(number) => json!(number),
        redis::Value::Okay => json!("OK"),
        redis::Value::BulkString(bytes) => string(&bytes, encoding),
        redis::Value::SimpleString(text) => string(text.as_bytes(), encoding),
        redis::Value::Array(items) => items.into_iter().map(|item| value(item, encoding)).collect(),
        redis::Value::ServerError(_) => json!(error_text(&reply)),
        // Unreachable: the connection uses RESP2, which has no other types.
        other => json!(format!("{other:?}")),
    }
}

fn string(bytes: &[u8], encoding: Encoding) -> Value {
    match encoding {
        Encoding::Text => json!(String::from_utf8_lossy(bytes)),
        Encoding::Base64 => json!(BASE64.encode(bytes)),
    }
}
