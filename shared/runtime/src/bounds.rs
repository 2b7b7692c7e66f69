//! Size limits for requests, checked before anything else.
//!
//! API Gateway accepts 10,240 bytes for the request line and header values combined, and bodies of 10 MB
//! (<https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-quotas.html>). It does not count header
//! names, and adds some headers of its own.

use http::StatusCode;
use lambda_http::Body;

use super::Request;
use crate::error::RequestError;

/// Maximum length of the path and query, in bytes. Atlassian's authorization codes are long and may get longer.
const MAX_ADDRESS_BYTES: usize = 8192;

/// Maximum total size of all header names and values, cookies included, in bytes.
const MAX_HEADER_BYTES: usize = 16 * 1024;

/// Maximum number of headers. Browsers send about twenty, and API Gateway adds a few.
const MAX_HEADERS: usize = 64;

/// Maximum body size in bytes, far above what any request of the API needs. Base64 bodies are measured decoded.
const MAX_BODY_BYTES: usize = 256 * 1024;

/// Maximum size of an uploaded file in bytes. In base64 it is 5.6 MB of the 6 MB that Lambda accepts
/// (<https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>).
pub const MAX_FILE_BYTES: usize = 4 * 1024 * 1024;

/// What a form may have besides the file: boundaries, headers, other fields.
const AROUND_FILE_BYTES: usize = 64 * 1024;

/// What the body of a request may be.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum BodyKind {
    /// JSON, a form or nothing.
    Fields,
    /// A file, or a form with one.
    File,
    /// Anything, which is passed on.
    Any,
}

/// Rejects a request that is larger than any legitimate one.
///
/// # Errors
/// 414 for the URL, 431 for the headers, 413 for the body.
pub fn check(request: &Request) -> Result<(), RequestError> {
    check_for(request, BodyKind::Fields)
}

/// The error for a file, or a body with a file, that is too large.
pub(super) fn file_too_large() -> RequestError {
    RequestError::too_large(
        "The file is larger than 4 MiB, which is the most that can be sent through Juncture",
    )
}

/// Like [`check`], for a route that may accept a file.
pub(super) fn check_for(request: &Request, kind: BodyKind) -> Result<(), RequestError> {
    let address = request.uri().path_and_query().map_or(0, |address| address.as_str().len());
    if address > MAX_ADDRESS_BYTES {
        let sentence = format!("The address is longer than {MAX_ADDRESS_BYTES} bytes");
        return Err(RequestError::TooLarge(StatusCode::URI_TOO_LONG, sentence.into()));
    }
    let headers = request.headers();
    let bytes: usize = headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
    if headers.len() > MAX_HEADERS || bytes > MAX_HEADER_BYTES {
        let sentence = format!(
            "The headers are more than {MAX_HEADERS}, or longer than {} KiB together",
            MAX_HEADER_BYTES / 1024
        );
        return Err(RequestError::TooLarge(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, sentence.into()));
    }
    let body = match request.body() {
        Body::Text(text) => text.len(),
        Body::Binary(bytes) => bytes.len(),
        _ => 0,
    };
    if kind == BodyKind::File {
        return if body > MAX_FILE_BYTES + AROUND_FILE_BYTES { Err(file_too_large()) } else { Ok(()) };
    }
    if kind == BodyKind::Any {
        // A form with a file fits.
        if body > MAX_FILE_BYTES + AROUND_FILE_BYTES {
            return Err(RequestError::too_large(
                "The body is larger than 4 MiB, which is the most that can be sent through Juncture",
            ));
        }
        return Ok(());
    }
    if body > MAX_BODY_BYTES {
        return Err(RequestError::too_large(format!(
            "The body is larger than {} KiB",
            MAX_BODY_BYTES / 1024
        )));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(address: &str, headers: &[(String, String)], body: impl Into<Body>) -> Request {
        let mut request = http::Request::builder().uri(format!("https://api.example.com{address}"));
        for (name, value) in headers {
            request = request.header(name, value);
        }
        request.body(body.into()).unwrap()
    }

    fn status(request: &Request) -> u16 {
        match check(request) {
            Ok(()) => 200,
            Err(RequestError::TooLarge(status, _)) => status.as_u16(),
            Err(other) => panic!("{other:?}"),
        }
    }

    #[test]
    fn each_part_has_a_bound_of_its_own() {
        let long = |length: usize| "x".repeat(length);
        assert_eq!(status(&request(&format!("/{}", long(MAX_ADDRESS_BYTES - 1)), &[], "")), 200);
        assert_eq!(status(&request(&format!("/{}", long(MAX_ADDRESS_BYTES)), &[], "")), 414);
        assert_eq!(status(&request(&format!("/?{}", long(MAX_ADDRESS_BYTES)), &[], "")), 414);

        let cookie = |length| [("cookie".to_owned(), long(length))];
        assert_eq!(status(&request("/", &cookie(MAX_HEADER_BYTES - 6), "")), 200);
        assert_eq!(status(&request("/", &cookie(MAX_HEADER_BYTES - 5), "")), 431);
        let many = |count| (0..count).map(|i| (format!("x-{i}"), String::new())).collect::<Vec<_>>();
        assert_eq!(status(&request("/", &many(MAX_HEADERS), "")), 200);
        assert_eq!(status(&request("/", &many(MAX_HEADERS + 1), "")), 431);

        assert_eq!(status(&request("/", &[], long(MAX_BODY_BYTES))), 200);
        assert_eq!(status(&request("/", &[], long(MAX_BODY_BYTES + 1))), 413);
        assert_eq!(status(&request("/", &[], vec![0; MAX_BODY_BYTES + 1])), 413);

        let upload = |bytes| check_for(&request("/", &[], vec![0; bytes]), BodyKind::File);
        assert!(upload(MAX_FILE_BYTES + AROUND_FILE_BYTES).is_ok());
        assert!(upload(MAX_FILE_BYTES + AROUND_FILE_BYTES + 1).is_err());
        let any = |bytes| check_for(&request("/", &[], vec![0; bytes]), BodyKind::Any);
        assert!(any(MAX_FILE_BYTES + AROUND_FILE_BYTES).is_ok());
        assert!(any(MAX_FILE_BYTES + AROUND_FILE_BYTES + 1).unwrap_err().to_string().starts_with("The body"));
        let long = request("/", &cookie(MAX_HEADER_BYTES - 5), "");
        for kind in [BodyKind::File, BodyKind::Any] {
            assert!(check_for(&long, kind).is_err(), "the other bounds apply to uploads too");
        }
    }
}
