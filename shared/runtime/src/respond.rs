//! Building responses.

use bytes::Bytes;
use http::header::{
    CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, CONTENT_TYPE, LOCATION,
    STRICT_TRANSPORT_SECURITY, X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use lambda_http::Body;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Serialize;

use super::Response;
use super::added::warnings;
use super::compress::is_json;
use crate::error::RequestError;
use crate::input::media_type;

/// A policy for content from elsewhere.
const SANDBOXED: &str = "sandbox; default-src 'none'";

/// With an encoding, `lambda_http` sends base64 whatever the type: text that is not UTF-8 would be damaged.
const AS_BYTES: &str = "identity";

/// Builds a JSON response, including the request's `warnings` if there are any. Responses must never be cached. A
/// value that cannot be serialized is a bug.
pub fn json<E: From<RequestError>>(status: StatusCode, value: &impl Serialize) -> Result<Response, E> {
    #[derive(Serialize)]
    struct Answer<'a, T> {
        #[serde(flatten)]
        value: &'a T,
        warnings: Vec<String>,
    }
    let body = match warnings() {
        warnings if warnings.is_empty() => serde_json::to_string(value),
        warnings => serde_json::to_string(&Answer { value, warnings }),
    };
    let body = body.map_err(RequestError::internal)?;
    let headers = [(CONTENT_TYPE, "application/json"), (CACHE_CONTROL, "no-store")];
    Ok(response(status, &headers, Body::from(body)))
}

/// Builds a response with a page or one of its assets, and the given headers (names in lowercase).
pub fn page(status: StatusCode, headers: &[(&'static str, &'static str)], body: impl Into<Body>) -> Response {
    let headers: Vec<_> =
        headers.iter().map(|(name, value)| (HeaderName::from_static(name), *value)).collect();
    response(status, &headers, body.into())
}

/// Builds a response with a file from elsewhere, which a browser saves and never shows as a page of this domain. A
/// content type that is not valid in a header becomes the one for any file.
pub fn file<E: From<RequestError>>(content: Vec<u8>, content_type: &str, name: &str) -> Result<Response, E> {
    let headers =
        [(CACHE_CONTROL, "no-store"), (CONTENT_SECURITY_POLICY, SANDBOXED), (CONTENT_ENCODING, AS_BYTES)];
    let mut response = response(StatusCode::OK, &headers, Body::Binary(content));
    let kind = HeaderValue::from_str(&media_type(Some(content_type)));
    // The extended form allows any name (RFC 6266, RFC 8187).
    let name = utf8_percent_encode(name, NON_ALPHANUMERIC);
    let disposition = HeaderValue::from_str(&format!("attachment; filename*=UTF-8''{name}"));
    response.headers_mut().insert(CONTENT_TYPE, kind.map_err(RequestError::internal)?);
    response.headers_mut().insert(CONTENT_DISPOSITION, disposition.map_err(RequestError::internal)?);
    Ok(response)
}

/// Builds a response from one received elsewhere, with those of its headers that are given. A browser never shows it as
/// a page of this domain, and it is never cached.
pub fn passed_on(status: StatusCode, headers: HeaderMap, body: Bytes) -> Response {
    let kind = headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes).unwrap_or_default();
    // JSON is text, so that it can be compressed.
    let text = if is_json(kind) && !has_other_charset(kind) { std::str::from_utf8(&body).ok() } else { None };
    let body = match text {
        _ if body.is_empty() => Body::Empty,
        Some(text) => Body::Text(text.to_owned()),
        None => Body::Binary(body.into()),
    };
    let is_binary = matches!(body, Body::Binary(_));
    let own = [(CACHE_CONTROL, "no-store"), (CONTENT_SECURITY_POLICY, SANDBOXED)];
    let mut response = response(status, &own, body);
    if is_binary {
        response.headers_mut().insert(CONTENT_ENCODING, HeaderValue::from_static(AS_BYTES));
    }
    for (name, value) in &headers {
        response.headers_mut().entry(name).or_insert_with(|| value.clone());
    }
    response
}

/// Whether a media type names a charset other than UTF-8.
fn has_other_charset(kind: &[u8]) -> bool {
    let kind = kind.to_ascii_lowercase();
    let mut parameters = kind.split(|byte| *byte == b';').skip(1).map(<[u8]>::trim_ascii);
    parameters.any(|parameter| parameter.strip_prefix(b"charset=").is_some_and(|charset| charset != b"utf-8"))
}

/// Redirects the browser with 303, so it follows with a GET, and without a referrer. A URL that is not valid in a
/// header is a bug, because URLs are parsed first.
pub fn redirect<E: From<RequestError>>(to: &str) -> Result<Response, E> {
    let mut response = response(StatusCode::SEE_OTHER, &[(CACHE_CONTROL, "no-store")], Body::Empty);
    response.headers_mut().insert(LOCATION, HeaderValue::from_str(to).map_err(RequestError::internal)?);
    response
        .headers_mut()
        .insert(HeaderName::from_static("referrer-policy"), HeaderValue::from_static("no-referrer"));
    Ok(response)
}

/// Builds a response with the headers that all responses have: no content sniffing, and HTTPS only for a year
/// (browsers ignore the latter over plain HTTP, <https://www.rfc-editor.org/rfc/rfc6797#section-8.1>).
fn response(status: StatusCode, headers: &[(HeaderName, &'static str)], body: Body) -> Response {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response.headers_mut().insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response.headers_mut().insert(STRICT_TRANSPORT_SECURITY, HeaderValue::from_static("max-age=31536000"));
    for (name, value) in headers {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(answer: Result<Response, RequestError>) -> Response {
        answer.unwrap()
    }

    #[test]
    fn no_answer_may_be_cached() {
        let answers = [said(json(StatusCode::OK, &"token")), said(redirect("https://app.example.com"))];
        for answer in answers {
            assert_eq!(answer.headers()[CACHE_CONTROL], "no-store", "{answer:?}");
        }
    }

    #[test]
    fn every_response_forbids_sniffing_and_requires_tls() {
        let answers = [
            said(json(StatusCode::OK, &"token")),
            said(json(StatusCode::INTERNAL_SERVER_ERROR, &"error")),
            said(redirect("https://app.example.com")),
            page(StatusCode::OK, &[("x-content-type-options", "nosniff")], "a style"),
        ];
        for answer in answers {
            let headers = answer.headers();
            assert_eq!(headers.get_all(X_CONTENT_TYPE_OPTIONS).iter().count(), 1, "{answer:?}");
            assert_eq!(headers[X_CONTENT_TYPE_OPTIONS], "nosniff");
            assert_eq!(headers.get_all(STRICT_TRANSPORT_SECURITY).iter().count(), 1, "{answer:?}");
            assert_eq!(headers[STRICT_TRANSPORT_SECURITY], "max-age=31536000");
        }
    }

    #[test]
    fn a_file_is_saved_and_not_shown() {
        for (kind, name, sent, saved) in [
            ("text/html; charset=utf-8", "a.html", "text/html; charset=utf-8", "a%2Ehtml"),
            ("text/html\r\nset-cookie: a=b", "a\"\r\nb", "application/octet-stream", "a%22%0D%0Ab"),
            ("text/plain; name=é", "a", "application/octet-stream", "a"),
            ("", "Größe", "application/octet-stream", "Gr%C3%B6%C3%9Fe"),
        ] {
            let answer = said(file(vec![0xff], kind, name));
            assert_eq!(answer.headers()[CONTENT_TYPE], sent);
            assert_eq!(
                answer.headers()[CONTENT_DISPOSITION],
                format!("attachment; filename*=UTF-8''{saved}")
            );
            assert_eq!(answer.headers()[X_CONTENT_TYPE_OPTIONS], "nosniff");
            assert_eq!(answer.headers()[CACHE_CONTROL], "no-store");
            assert!(answer.headers().contains_key(CONTENT_ENCODING));
            assert_eq!(answer.body(), &Body::Binary(vec![0xff]));
        }
    }

    #[test]
    fn what_is_passed_on_keeps_its_bytes() {
        let passed = |kind: &'static str, body: &[u8]| {
            let headers = HeaderMap::from_iter([
                (CONTENT_TYPE, HeaderValue::from_static(kind)),
                (CACHE_CONTROL, HeaderValue::from_static("public")),
            ]);
            passed_on(StatusCode::IM_A_TEAPOT, headers, Bytes::copy_from_slice(body))
        };
        for (kind, body, is_text) in [
            ("application/json", &b"{}"[..], true),
            ("Application/JSON;charset=UTF-8", "\"é\"".as_bytes(), true),
            ("application/json; charset=iso-8859-1", b"{}", false),
            ("application/json", b"\xff", false),
            ("application/jsonx", b"{}", false),
            ("text/plain", b"a", false),
            ("image/png", b"\x89PNG", false),
        ] {
            let answer = passed(kind, body);
            assert_eq!(answer.body().as_ref(), body, "{kind}");
            assert_eq!(matches!(answer.body(), Body::Text(_)), is_text, "{kind}");
            assert_eq!(answer.headers().contains_key(CONTENT_ENCODING), !is_text, "{kind}");
            assert_eq!(answer.status(), StatusCode::IM_A_TEAPOT);
            assert_eq!(answer.headers()[CONTENT_TYPE], kind);
            assert_eq!(answer.headers()[CACHE_CONTROL], "no-store");
            assert_eq!(answer.headers()[CONTENT_SECURITY_POLICY], SANDBOXED);
        }
        assert_eq!(passed("", b"").body(), &Body::Empty);
    }

    #[test]
    fn a_redirect_carries_no_form_on_and_no_address() {
        let answer = said(redirect("https://app.example.com"));
        assert_eq!(answer.status(), StatusCode::SEE_OTHER);
        assert_eq!(answer.headers()["referrer-policy"], "no-referrer");
    }
}
