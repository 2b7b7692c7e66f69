//! Prepares API Gateway events for conversion into requests.

use http::HeaderValue;
use http::header::CONTENT_TYPE;
use lambda_http::aws_lambda_events::apigw::ApiGatewayV2httpRequest;
use lambda_http::request::LambdaRequest;
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

/// Characters that a URL must not contain unencoded (RFC 3986), but that some clients send anyway.
const FORBIDDEN: &AsciiSet = &CONTROLS.add(b' ').add(b'"').add(b'#').add(b'<').add(b'>').add(b'`');

/// Makes an event fit for `lambda_http` and for the readers of requests.
pub(super) fn prepare(event: &mut LambdaRequest) {
    let LambdaRequest::ApiGatewayV2(event) = event else { return };
    encode_query(event);
    declare_content_type(event);
}

/// Encodes invalid characters in the query, at which `lambda_http` would panic and the caller would get a 500.
fn encode_query(event: &mut ApiGatewayV2httpRequest) {
    if let Some(query) = &mut event.raw_query_string {
        *query = utf8_percent_encode(query, FORBIDDEN).to_string();
    }
}

/// Gives a body without a content type the default one, so it is not parsed as JSON: browsers send such a body
/// cross-site without a preflight request (<https://www.rfc-editor.org/rfc/rfc9110#section-8.3>,
/// <https://fetch.spec.whatwg.org/#cors-safelisted-request-header>).
fn declare_content_type(event: &mut ApiGatewayV2httpRequest) {
    if event.body.as_ref().is_some_and(|body| !body.is_empty()) {
        let unknown = HeaderValue::from_static("application/octet-stream");
        event.headers.entry(CONTENT_TYPE).or_insert(unknown);
    }
}

/// Converts an event into a request.
pub fn into_request(mut event: LambdaRequest) -> super::Request {
    prepare(&mut event);
    event.into()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn query(raw: &str) -> Option<String> {
        let event = json!({
            "version": "2.0", "rawPath": "/x", "rawQueryString": raw, "headers": {}, "isBase64Encoded": false,
            "requestContext": { "stage": "$default", "http": { "method": "GET", "path": "/x" } },
        });
        into_request(serde_json::from_value(event).unwrap()).uri().query().map(str::to_owned)
    }

    #[test]
    fn a_query_may_hold_what_an_address_may_not() {
        assert_eq!(query("a=<b>\"`#c&d=é%20").as_deref(), Some("a=%3Cb%3E%22%60%23c&d=%C3%A9%20"));
        assert_eq!(query("#").as_deref(), Some("%23"));
        assert_eq!(query("a=%3C+b").as_deref(), Some("a=%3C+b"));
        assert_eq!(query(""), None);
    }

    #[test]
    fn a_body_without_a_content_type_is_not_json() {
        let kind = |headers: serde_json::Value, body: Option<&str>| {
            let event = json!({
                "version": "2.0", "rawPath": "/x", "rawQueryString": "", "headers": headers, "body": body,
                "isBase64Encoded": false,
                "requestContext": { "stage": "$default", "http": { "method": "POST", "path": "/x" } },
            });
            let request = into_request(serde_json::from_value(event).unwrap());
            request.headers().get(CONTENT_TYPE).map(|kind| kind.to_str().unwrap().to_owned())
        };
        assert_eq!(kind(json!({}), Some("{}")).as_deref(), Some("application/octet-stream"));
        let said = json!({ "Content-Type": "application/json" });
        assert_eq!(kind(said, Some("{}")).as_deref(), Some("application/json"));
        assert_eq!(kind(json!({}), Some("")), None);
        assert_eq!(kind(json!({}), None), None);
    }
}
