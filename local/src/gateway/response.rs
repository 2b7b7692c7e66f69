//! Parses what a function returned, in payload format 2.0:
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html>

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, bail};
use axum::body::Body;
use axum::http::header::{self, HeaderName, HeaderValue};
use axum::http::{Response, StatusCode};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::Deserialize;
use serde_json::Value;

use super::event::HOP_BY_HOP;
use super::intrinsics::text;

/// A response in payload format 2.0, which has no `multiValueHeaders`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct FunctionResponse {
    status_code: u16,
    #[serde(default)]
    headers: Option<BTreeMap<String, Value>>,
    #[serde(default)]
    cookies: Option<Vec<String>>,
    #[serde(default)]
    body: Option<String>,
    #[serde(default)]
    is_base64_encoded: bool,
}

/// Converts what a function returned to an HTTP response. A value without a `statusCode`, even one that is not
/// JSON, becomes the body of a 200 (as observed by AWS's own emulator: `InvokeResponseExtensions.cs` in
/// <https://github.com/aws/aws-lambda-dotnet>).
///
/// # Errors
/// If the value has a `statusCode` but is not a valid response.
pub(super) fn response(returned: &[u8]) -> Result<Response<Body>> {
    let value: Option<Value> = serde_json::from_slice(returned).ok();
    let Some(value) = value.filter(|value| value.get("statusCode").is_some()) else {
        let response = Response::builder().header(header::CONTENT_TYPE, "application/json");
        return Ok(response.body(Body::from(returned.to_vec()))?);
    };
    let answer: FunctionResponse = serde_json::from_value(value).context("not a payload 2.0 response")?;
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::from_u16(answer.status_code)?;
    if response.status().is_informational() {
        bail!("the status {} does not end a response", answer.status_code);
    }
    let headers = response.headers_mut();
    for (name, value) in answer.headers.unwrap_or_default() {
        let name: HeaderName = name.parse()?;
        let value = text(&value).with_context(|| format!("header {name} is not a string"))?;
        if !HOP_BY_HOP.contains(&name.as_str()) {
            headers.insert(name, value.parse()?);
        }
    }
    for cookie in answer.cookies.unwrap_or_default() {
        headers.append(header::SET_COOKIE, cookie.parse()?);
    }
    headers.entry(header::CONTENT_TYPE).or_insert(HeaderValue::from_static("text/plain;charset=UTF-8"));
    let body = answer.body.unwrap_or_default();
    let body = if answer.is_base64_encoded { BASE64.decode(body)? } else { body.into_bytes() };
    *response.body_mut() = Body::from(body);
    Ok(response)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_value_without_a_status_is_the_body() {
        for returned in [r#"{"a":1}"#, r#""text""#, "{broken"] {
            let response = response(returned.as_bytes()).unwrap();
            assert_eq!(
                (response.status(), &response.headers()["content-type"]),
                (StatusCode::OK, &"application/json".parse().unwrap())
            );
        }
    }

    #[test]
    fn responses_are_checked() {
        for bad in [
            json!({"statusCode": "OK"}),
            json!({"statusCode": 42}),
            json!({"statusCode": 101}),
            json!({"statusCode": 200, "headers": {"a b": "c"}}),
            json!({"statusCode": 200, "headers": {"a": "c\n"}}),
            json!({"statusCode": 200, "body": {}}),
            json!({"statusCode": 200, "body": "not base64!", "isBase64Encoded": true}),
        ] {
            assert!(response(bad.to_string().as_bytes()).is_err(), "{bad}");
        }
        let good = json!({"statusCode": 201, "headers": {"X-N": 1, "Content-Length": "7"}, "cookies": ["a=1", "b=2"], "body": null});
        let response = response(good.to_string().as_bytes()).unwrap();
        assert_eq!(response.status(), StatusCode::CREATED);
        let headers: Vec<_> = response
            .headers()
            .iter()
            .map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()))
            .collect();
        assert_eq!(
            headers,
            ["x-n: 1", "set-cookie: a=1", "set-cookie: b=2", "content-type: text/plain;charset=UTF-8"]
        );
    }
}
