//! An event of API Gateway.

use std::collections::BTreeSet;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::HeaderValue;
use lambda_http::RequestExt;
use lambda_http::request::LambdaRequest;
use percent_encoding::percent_decode;
use runtime::{
    JsonBody, check_bounds, cookie, idempotency_key, into_request, path_parameter, query as read_query,
};
use serde_json::{Map, json};

use crate::request::Texts;
use crate::support::accepted;

/// An event of API Gateway: a path, a query, headers up to an empty line, and a body. Any event becomes a request
/// that contains what the caller sent.
pub fn event(data: &[u8]) {
    let (head, body) = match data.windows(2).position(|pair| pair == b"\n\n") {
        Some(end) => (data.get(..end).unwrap_or_default(), data.get(end + 2..).unwrap_or_default()),
        None => (data, &[][..]),
    };
    let mut lines = head.split(|byte| *byte == b'\n');
    let path = percent_decode(lines.next().unwrap_or_default()).decode_utf8_lossy();
    let path = format!("/{}", path.split('?').next().unwrap_or_default());
    // A request line ends at a space, and no server accepts control characters in it.
    let query = String::from_utf8_lossy(lines.next().unwrap_or_default());
    let query: String = query.chars().filter(|c| !c.is_whitespace() && !c.is_control()).collect();
    let mut headers = Map::new();
    let mut cookies = Vec::new();
    for line in lines.map(String::from_utf8_lossy) {
        let Some((name, value)) = line.split_once(':') else { continue };
        let name = name.to_ascii_lowercase();
        let is_fine =
            http::HeaderName::from_bytes(name.as_bytes()).is_ok() && HeaderValue::from_str(value).is_ok();
        match name.as_str() {
            "cookie" if is_fine => cookies.push(value.to_owned()),
            // Set by the gateway itself.
            "host" | "x-forwarded-proto" => {}
            _ if is_fine => drop(headers.insert(name, value.into())),
            _ => {}
        }
    }
    headers.insert("host".to_owned(), "abc.execute-api.eu-central-1.amazonaws.com".into());
    let text = std::str::from_utf8(body).ok();
    let event = json!({
        "version": "2.0", "routeKey": "GET /{id}", "rawPath": path, "rawQueryString": query, "headers": headers,
        "cookies": cookies, "pathParameters": { "id": path.trim_start_matches('/') },
        "body": text.map_or_else(|| STANDARD.encode(body), str::to_owned), "isBase64Encoded": text.is_none(),
        "requestContext": {
            "apiId": "abc", "domainName": "abc.execute-api.eu-central-1.amazonaws.com", "stage": "$default",
            "http": { "method": "GET", "path": path, "protocol": "HTTP/1.1", "sourceIp": "192.0.2.1" },
        },
    });
    let event: LambdaRequest = serde_json::from_value(event).expect("an event");
    let request = into_request(event);
    assert_eq!(path_parameter(&request, "id"), path.trim_start_matches('/'));
    assert!(request.request_context_ref().is_some());
    assert_eq!(request.body().as_ref(), body);
    if !path.contains('#') {
        let pairs = |query: &str| -> BTreeSet<(String, String)> {
            form_urlencoded::parse(query.as_bytes()).into_owned().collect()
        };
        assert_eq!(pairs(request.uri().query().unwrap_or_default()), pairs(&query));
    }
    accepted(check_bounds(&request));
    accepted(read_query::<Texts>(&request));
    accepted(JsonBody::of(&request));
    accepted(idempotency_key(&request));
    for line in &cookies {
        let whole = line.split_once('=').filter(|(name, value)| {
            !name.is_empty() && name.trim() == *name && value.trim() == *value && !line.contains(';')
        });
        if let Some((name, _)) = whole.filter(|_| line.is_ascii()) {
            assert!(
                cookie(&request, name).is_some_and(|value| cookies.iter().any(|line| line.contains(value)))
            );
        }
    }
}
