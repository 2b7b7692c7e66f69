//! Events of API Gateway, made fit for becoming requests.

use std::borrow::Cow;

use lambda_http::request::LambdaRequest;
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

/// What an address may not hold as it is (RFC 3986), but some clients send all the same.
const FORBIDDEN: &AsciiSet = &CONTROLS.add(b' ').add(b'"').add(b'#').add(b'<').add(b'>').add(b'`');

/// Encodes in the query what an address may not hold: `lambda_http` panics at it, and the caller would be told that
/// we failed.
pub(super) fn mend(event: &mut LambdaRequest) {
    if let LambdaRequest::ApiGatewayV2(event) = event
        && let Some(query) = &event.raw_query_string
        && let Cow::Owned(encoded) = utf8_percent_encode(query, FORBIDDEN).into()
    {
        event.raw_query_string = Some(encoded);
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

    #[test]
    fn a_query_may_hold_what_an_address_may_not() {
        let event = json!({
            "version": "2.0", "rawPath": "/x", "rawQueryString": "a=<b>\"`#c&d=é%20", "headers": {},
            "isBase64Encoded": false,
            "requestContext": { "stage": "$default", "http": { "method": "GET", "path": "/x" } },
        });
        let request = into_request(serde_json::from_value(event).unwrap());
        assert_eq!(request.uri().query(), Some("a=%3Cb%3E%22%60%23c&d=%C3%A9%20"));
    }
}
