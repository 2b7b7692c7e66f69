//! Answers.

use http::header::{
    CACHE_CONTROL, CONTENT_TYPE, LOCATION, STRICT_TRANSPORT_SECURITY, X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderName, HeaderValue, StatusCode};
use lambda_http::Body;
use serde::Serialize;

use super::Response;
use super::added::warnings;
use crate::error::RequestError;

/// A JSON answer, with the `warnings` of the request if there are any. Nothing that Juncture answers may be cached on
/// the way.
///
/// # Errors
/// When the value cannot be serialized, which is a defect.
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

/// A page or one of its assets, with the headers that belong to it (names in lower case).
pub fn page(status: StatusCode, headers: &[(&'static str, &'static str)], body: impl Into<Body>) -> Response {
    let headers: Vec<_> =
        headers.iter().map(|(name, value)| (HeaderName::from_static(name), *value)).collect();
    response(status, &headers, body.into())
}

/// Sends the browser on, with a GET whatever came before (303), and without telling where it came from.
///
/// # Errors
/// When the address cannot stand in a header, which is a defect: addresses are parsed before.
pub fn redirect<E: From<RequestError>>(to: &str) -> Result<Response, E> {
    let mut response = response(StatusCode::SEE_OTHER, &[(CACHE_CONTROL, "no-store")], Body::Empty);
    response.headers_mut().insert(LOCATION, HeaderValue::from_str(to).map_err(RequestError::internal)?);
    response
        .headers_mut()
        .insert(HeaderName::from_static("referrer-policy"), HeaderValue::from_static("no-referrer"));
    Ok(response)
}

/// Every answer is what its content type says, and is asked for over TLS for the next year even if somebody writes `http`
/// (browsers ignore the latter where there is no TLS, <https://www.rfc-editor.org/rfc/rfc6797#section-8.1>).
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
    fn every_answer_is_what_it_says_and_travels_over_tls() {
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
    fn a_redirect_carries_no_form_on_and_no_address() {
        let answer = said(redirect("https://app.example.com"));
        assert_eq!(answer.status(), StatusCode::SEE_OTHER);
        assert_eq!(answer.headers()["referrer-policy"], "no-referrer");
    }
}
