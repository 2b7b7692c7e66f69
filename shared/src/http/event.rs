//! Events of API Gateway, made fit for becoming requests.

use lambda_http::request::LambdaRequest;
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

/// What an address may not hold as it is (RFC 3986), but some clients send all the same.
const FORBIDDEN: &AsciiSet = &CONTROLS.add(b' ').add(b'"').add(b'#').add(b'<').add(b'>').add(b'`');

/// Encodes in the query what an address may not hold: `lambda_http` panics at it, and the caller would be told that
/// we failed.
pub(super) fn mend(event: &mut LambdaRequest) {
    if let LambdaRequest::ApiGatewayV2(event) = event
        && let Some(query) = &mut event.raw_query_string
    {
        *query = utf8_percent_encode(query, FORBIDDEN).to_string();
    }
}

/// The request that an event becomes.
#[cfg(any(test, fuzzing))]
pub(crate) fn into_request(mut event: LambdaRequest) -> super::Request {
    mend(&mut event);
    event.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

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
}
