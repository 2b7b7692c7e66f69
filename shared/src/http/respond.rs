//! Answers.

use http::header::{CACHE_CONTROL, CONTENT_TYPE, LOCATION};
use http::{HeaderName, HeaderValue, StatusCode};
use lambda_http::Body;
use serde::Serialize;

use super::Response;
use crate::error::{Error, Result};

/// A JSON answer. Nothing that Juncture answers may be cached on the way.
///
/// # Errors
/// When the value cannot be serialized, which is a defect.
pub fn json(status: StatusCode, value: &impl Serialize) -> Result<Response> {
    let body = serde_json::to_string(value).map_err(Error::internal)?;
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
pub fn redirect(to: &str) -> Result<Response> {
    let mut response = response(StatusCode::SEE_OTHER, &[(CACHE_CONTROL, "no-store")], Body::Empty);
    response.headers_mut().insert(LOCATION, HeaderValue::from_str(to).map_err(Error::internal)?);
    response
        .headers_mut()
        .insert(HeaderName::from_static("referrer-policy"), HeaderValue::from_static("no-referrer"));
    Ok(response)
}

fn response(status: StatusCode, headers: &[(HeaderName, &'static str)], body: Body) -> Response {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    for (name, value) in headers {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_answer_may_be_cached() {
        let answers = [json(StatusCode::OK, &"token").unwrap(), redirect("https://app.example.com").unwrap()];
        for answer in answers {
            assert_eq!(answer.headers()[CACHE_CONTROL], "no-store", "{answer:?}");
        }
    }

    #[test]
    fn a_redirect_carries_no_form_on_and_no_address() {
        let answer = redirect("https://app.example.com").unwrap();
        assert_eq!(answer.status(), StatusCode::SEE_OTHER);
        assert_eq!(answer.headers()["referrer-policy"], "no-referrer");
    }
}
