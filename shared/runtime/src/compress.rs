//! Compression and size limit of responses.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_TYPE, VARY};
use http::{HeaderMap, HeaderValue};
use lambda_http::Body;

use super::Response;
use crate::error::RequestError;

/// Below this size, compression costs more than it saves.
const WORTH_IT: usize = 1024;

/// Lambda limits a response to 6 MB as sent, which is a JSON object containing the body as a string
/// (<https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>). 64 KiB are reserved for headers and
/// the rest of that object.
const MAX_SENT: usize = 6 * 1024 * 1024 - 64 * 1024;

/// Whether the client accepts gzip (RFC 9110, section 12.5.3).
pub fn accepts_gzip(headers: &HeaderMap) -> bool {
    let mut any = false;
    let values = headers.get_all(ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    for coding in values.flat_map(|value| value.split(',')) {
        let (name, weight) = coding.split_once(';').unwrap_or((coding, ""));
        let weight = weight.trim().strip_prefix("q=").map_or(Ok(1.0), str::parse::<f32>);
        let is_wanted = weight.is_ok_and(|weight| weight > 0.0);
        match name.trim().to_ascii_lowercase().as_str() {
            "gzip" | "x-gzip" => return is_wanted,
            "*" => any = is_wanted,
            _ => {}
        }
    }
    any
}

/// Whether a media type is JSON, with or without parameters.
pub(crate) fn is_json(kind: &[u8]) -> bool {
    let essence = kind.split(|byte| *byte == b';').next().unwrap_or_default();
    essence.trim_ascii().eq_ignore_ascii_case(b"application/json")
}

/// Compresses a JSON response above the minimum size if the client accepts gzip. Sets `Vary` on every response of
/// that size, compressed or not. The runner does this with every response; doing it twice changes nothing.
///
/// # Errors
/// [`RequestError::AnswerTooLarge`] if the response exceeds Lambda's limit.
pub fn compress(mut response: Response, accepts_gzip: bool) -> Result<Response, RequestError> {
    let is_json = response.headers().get(CONTENT_TYPE).is_some_and(|kind| is_json(kind.as_bytes()));
    if let Body::Text(text) = response.body()
        && is_json
        && text.len() >= WORTH_IT
    {
        let compressed = accepts_gzip.then(|| gzip(text.as_bytes())).transpose()?;
        response.headers_mut().insert(VARY, HeaderValue::from_static("accept-encoding"));
        if let Some(compressed) = compressed {
            response.headers_mut().insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
            *response.body_mut() = Body::Binary(compressed);
        }
    }
    // Escaping expands a byte to at most six, so most responses need no exact count.
    if response.body().as_ref().len() > MAX_SENT / 6 && sent_size(response.body()) > MAX_SENT {
        return Err(RequestError::AnswerTooLarge);
    }
    Ok(response)
}

fn gzip(bytes: &[u8]) -> Result<Vec<u8>, RequestError> {
    // The fastest level already shrinks lists of issues to a tenth, and the caller is waiting.
    let mut encoder = GzEncoder::new(Vec::with_capacity(bytes.len() / 4), Compression::fast());
    encoder.write_all(bytes).map_err(RequestError::internal)?;
    encoder.finish().map_err(RequestError::internal)
}

/// The size of the body as a JSON string: text is escaped, everything else is base64.
fn sent_size(body: &Body) -> usize {
    match body {
        Body::Text(text) => {
            let escaped: usize = text.bytes().map(escape_size).sum();
            text.len() + escaped
        }
        Body::Binary(bytes) => bytes.len().div_ceil(3) * 4,
        _ => 0,
    }
}

/// How many bytes JSON escaping adds to a byte.
fn escape_size(byte: u8) -> usize {
    match byte {
        b'"' | b'\\' | b'\n' | b'\r' | b'\t' => 1,
        0..0x20 => 5,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    fn headers(accept: &str) -> HeaderMap {
        HeaderMap::from_iter([(ACCEPT_ENCODING, accept.parse().unwrap())])
    }

    fn answer(body: impl Into<Body>) -> Response {
        let mut response = Response::new(body.into());
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        response
    }

    #[test]
    fn gzip_is_sent_to_clients_that_accept_it() {
        for yes in ["gzip", "br, GZIP;q=0.5", "deflate,*", "x-gzip", "*;q=0.1"] {
            assert!(accepts_gzip(&headers(yes)), "{yes}");
        }
        for no in ["", "br", "gzip;q=0", "gzip;q=0, *", "*;q=0", "identity", "gzip;q=x"] {
            assert!(!accepts_gzip(&headers(no)), "{no}");
        }
        assert!(!accepts_gzip(&HeaderMap::new()));
    }

    #[test]
    fn compressed_responses_are_labelled_and_decompress() {
        let text = "{\"a\":\"b\"}".repeat(1000);
        let response = compress(answer(text.clone()), true).unwrap();
        assert_eq!(response.headers()[CONTENT_ENCODING], "gzip");
        assert_eq!(response.headers()[VARY], "accept-encoding");
        let mut opened = String::new();
        flate2::read::GzDecoder::new(response.body().as_ref()).read_to_string(&mut opened).unwrap();
        assert_eq!(opened, text);
        let plain = compress(answer(text.clone()), false).unwrap();
        assert_eq!(plain.body().as_ref(), text.as_bytes());
        assert!(plain.headers().contains_key(VARY) && !plain.headers().contains_key(CONTENT_ENCODING));
        let small = compress(answer("{}"), true).unwrap();
        assert!(!small.headers().contains_key(CONTENT_ENCODING));
    }

    #[test]
    fn the_limit_applies_to_the_encoded_size() {
        // Each quote is escaped and takes two bytes.
        let text = "\"".repeat(MAX_SENT / 2 + 1);
        let error = compress(answer(text.clone()), false).unwrap_err();
        assert!(matches!(error, RequestError::AnswerTooLarge));
        assert!(compress(answer(text), true).is_ok());
        assert!(compress(answer("x".repeat(MAX_SENT)), false).is_ok());
        assert!(compress(answer(vec![0; MAX_SENT * 3 / 4 + 3]), false).is_err());
    }
}
