//! Builds the event for a request, in payload format 2.0:
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html>. Where
//! that page is silent, this follows an event captured from a live HTTP API (`testdata/apigwv2-request.json` in
//! <https://github.com/hotsock/voker>).

use std::collections::BTreeMap;
use std::net::SocketAddr;

use axum::http::header::{self, HeaderMap, HeaderValue};
use axum::http::request::Parts;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Map, Value, json};
use time::OffsetDateTime;

use super::options::{ACCOUNT_ID, API_ID};
use super::route::decode;

/// Hop-by-hop headers (RFC 9110, section 7.6.1), and `Content-Length`, which the server computes itself.
pub(super) const HOP_BY_HOP: [&str; 8] = [
    "connection",
    "content-length",
    "keep-alive",
    "proxy-authenticate",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// A request that matched a route.
pub(super) struct Incoming<'a> {
    pub(super) request: &'a Parts,
    pub(super) body: &'a [u8],
    pub(super) peer: SocketAddr,
    /// The gateway's own port.
    pub(super) port: u16,
    pub(super) route_key: &'a str,
    pub(super) path_parameters: &'a BTreeMap<String, String>,
    pub(super) request_id: &'a str,
    pub(super) trace_id: &'a str,
    pub(super) now: OffsetDateTime,
}

/// Builds the event for the function.
pub(super) fn event(incoming: &Incoming<'_>) -> Value {
    let Incoming { request, peer, route_key, request_id, now, .. } = *incoming;
    let source_ip = peer.ip().to_string();
    let host = request.headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or("localhost");
    let domain = host.rsplit_once(':').map_or(host, |(domain, _)| domain);
    // HTTP APIs pass the path decoded, and cut it off at a decoded question mark
    // (https://github.com/middleapi/standard-server/pull/93).
    let path = decode(request.uri.path());
    let path = path.split('?').next().unwrap_or_default();
    let query = request.uri.query().unwrap_or_default();
    let user_agent =
        request.headers.get(header::USER_AGENT).and_then(|agent| agent.to_str().ok()).unwrap_or("");

    let mut event = json!({
        "version": "2.0",
        "routeKey": route_key,
        "rawPath": path,
        "rawQueryString": query,
        "headers": headers(incoming),
        "requestContext": {
            "accountId": ACCOUNT_ID,
            "apiId": API_ID,
            "domainName": domain,
            "domainPrefix": domain.split('.').next(),
            "http": {
                "method": request.method.as_str(),
                "path": path,
                "protocol": format!("{:?}", request.version),
                "sourceIp": source_ip,
                "userAgent": user_agent,
            },
            "requestId": request_id,
            "routeKey": route_key,
            "stage": "$default",
            "time": common_log_time(now),
            "timeEpoch": i64::try_from(now.unix_timestamp_nanos() / 1_000_000).unwrap_or_default(),
        },
        "isBase64Encoded": false,
    });
    let cookies: Vec<String> = request
        .headers
        .get_all(header::COOKIE)
        .iter()
        .flat_map(|value| lossy(value).split(';').map(|cookie| cookie.trim().to_owned()).collect::<Vec<_>>())
        .filter(|cookie| !cookie.is_empty())
        .collect();
    if !cookies.is_empty() {
        event["cookies"] = json!(cookies);
    }
    let query = query_parameters(query);
    if !query.is_empty() {
        event["queryStringParameters"] = Value::Object(query);
    }
    if !incoming.path_parameters.is_empty() {
        event["pathParameters"] = json!(incoming.path_parameters);
    }
    if !incoming.body.is_empty() {
        let text = std::str::from_utf8(incoming.body).ok().filter(|_| is_text(&request.headers));
        event["isBase64Encoded"] = json!(text.is_none());
        event["body"] = text.map_or_else(|| json!(BASE64.encode(incoming.body)), |text| json!(text));
    }
    event
}

/// Header names in lower case, without cookies, duplicates joined by a comma, plus what API Gateway adds.
fn headers(incoming: &Incoming<'_>) -> Map<String, Value> {
    let mut headers: BTreeMap<String, String> = BTreeMap::new();
    for (name, value) in &incoming.request.headers {
        if *name != header::COOKIE && !HOP_BY_HOP.contains(&name.as_str()) {
            let joined = headers.entry(name.as_str().to_owned());
            let append = |all: &mut String| *all = format!("{all},{}", lossy(value));
            joined.and_modify(append).or_insert_with(|| lossy(value));
        }
    }
    headers.insert("content-length".into(), incoming.body.len().to_string());
    headers.insert("x-amzn-trace-id".into(), incoming.trace_id.to_owned());
    let client = incoming.peer.ip().to_string();
    let chain = headers.entry("x-forwarded-for".into());
    chain.and_modify(|chain| *chain = format!("{chain}, {client}")).or_insert(client);
    headers.insert("x-forwarded-port".into(), incoming.port.to_string());
    headers.insert("x-forwarded-proto".into(), "http".into());
    headers.into_iter().map(|(name, value)| (name, json!(value))).collect()
}

fn lossy(value: &HeaderValue) -> String {
    String::from_utf8_lossy(value.as_bytes()).into_owned()
}

fn query_parameters(query: &str) -> Map<String, Value> {
    let mut parameters: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        parameters.entry(name.into_owned()).or_default().push(value.into_owned());
    }
    parameters.into_iter().map(|(name, values)| (name, json!(values.join(",")))).collect()
}

/// Whether the body is passed as text. Everything else is base64, including forms and bodies without a content
/// type. AWS does not document the list; it was observed on a live HTTP API
/// (<https://github.com/ministackorg/ministack/pull/766>).
fn is_text(headers: &HeaderMap) -> bool {
    let content_type =
        headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    essence.starts_with("text/")
        || ["application/json", "application/xml", "application/javascript"].contains(&essence.as_str())
}

/// For instance `10/Jul/2026:19:19:05 +0000`.
fn common_log_time(now: OffsetDateTime) -> String {
    let month = now.month().to_string();
    let (date, month) = (now.date(), month.get(..3).unwrap_or_default());
    let (hour, minute, second) = now.to_hms();
    format!("{:02}/{month}/{}:{hour:02}:{minute:02}:{second:02} +0000", date.day(), date.year())
}

#[cfg(test)]
mod tests {
    use axum::http::{Request, request};

    use super::*;

    fn event_of(request: request::Builder, body: &[u8]) -> Value {
        let (parts, ()) = request.body(()).unwrap().into_parts();
        event(&Incoming {
            request: &parts,
            body,
            peer: SocketAddr::from(([127, 0, 0, 1], 40_000)),
            port: 8000,
            route_key: "POST /capture/{id}",
            path_parameters: &BTreeMap::from([("id".to_owned(), "space value".to_owned())]),
            request_id: "request",
            trace_id: "Root=1-2-3",
            now: OffsetDateTime::from_unix_timestamp(1_783_711_145).unwrap(),
        })
    }

    #[test]
    fn an_event_is_what_a_live_api_sent() {
        let query = "repeat=one&repeat=two&redirect=https%3A%2F%2Fexample.com%2Fa%2Fb&literalPlus=a+b&encodedPlus=a%2Bb&empty=";
        let request = Request::post(format!("/capture/space%20value?{query}"))
            .header("Host", "api.example.com:8000")
            .header("Cookie", "session=abc123; theme=dark")
            .header("X-Probe", "first")
            .header("X-Probe", "second")
            .header("Content-Type", "application/json; charset=utf-8")
            .header("User-Agent", "curl/8.7.1")
            .header("Connection", "keep-alive");
        let expected = json!({
            "version": "2.0",
            "routeKey": "POST /capture/{id}",
            "rawPath": "/capture/space value",
            "rawQueryString": query,
            "cookies": ["session=abc123", "theme=dark"],
            "headers": {
                "content-length": "16",
                "content-type": "application/json; charset=utf-8",
                "host": "api.example.com:8000",
                "user-agent": "curl/8.7.1",
                "x-amzn-trace-id": "Root=1-2-3",
                "x-forwarded-for": "127.0.0.1",
                "x-forwarded-port": "8000",
                "x-forwarded-proto": "http",
                "x-probe": "first,second",
            },
            "queryStringParameters": {
                "empty": "",
                "encodedPlus": "a+b",
                "literalPlus": "a b",
                "redirect": "https://example.com/a/b",
                "repeat": "one,two",
            },
            "pathParameters": { "id": "space value" },
            "requestContext": {
                "accountId": ACCOUNT_ID,
                "apiId": API_ID,
                "domainName": "api.example.com",
                "domainPrefix": "api",
                "http": {
                    "method": "POST",
                    "path": "/capture/space value",
                    "protocol": "HTTP/1.1",
                    "sourceIp": "127.0.0.1",
                    "userAgent": "curl/8.7.1",
                },
                "requestId": "request",
                "routeKey": "POST /capture/{id}",
                "stage": "$default",
                "time": "10/Jul/2026:19:19:05 +0000",
                "timeEpoch": 1_783_711_145_000_i64,
            },
            "body": "{\"unicode\":\"λ\"}",
            "isBase64Encoded": false,
        });
        assert_eq!(event_of(request, "{\"unicode\":\"λ\"}".as_bytes()), expected);
    }

    #[test]
    fn bodies_are_text_or_base64() {
        for (content_type, body, base64) in [
            ("text/html", "x".as_bytes(), false),
            ("application/xml", b"x", false),
            ("Application/JSON", b"x", false),
            ("application/json", b"\xff", true),
            ("application/x-www-form-urlencoded", b"a=b", true),
            ("application/octet-stream", b"x", true),
            ("", b"x", true),
        ] {
            let event = event_of(Request::post("/").header("content-type", content_type), body);
            assert_eq!(event["isBase64Encoded"], base64, "{content_type}");
            let expected =
                if base64 { BASE64.encode(body) } else { String::from_utf8(body.to_vec()).unwrap() };
            assert_eq!(event["body"], expected);
        }
        let empty = event_of(Request::post("/"), b"");
        assert_eq!((empty.get("body"), &empty["isBase64Encoded"]), (None, &json!(false)));
    }

    #[test]
    fn lambda_http_parses_it() {
        use lambda_http::RequestExt as _;
        let incoming = Request::post("/capture/space%20value?a=1&a=2")
            .header("Host", "localhost:8000")
            .header("Cookie", "a=1; b=2");
        let event = event_of(incoming, b"\xff\x00").to_string();
        let request = lambda_http::request::from_str(&event).unwrap();
        assert_eq!(request.method(), "POST");
        assert_eq!(request.uri(), "http://localhost:8000/capture/space%20value?a=1&a=2");
        assert_eq!(request.path_parameters().first("id"), Some("space value"));
        assert_eq!(request.query_string_parameters().all("a"), Some(vec!["1", "2"]));
        assert_eq!(request.headers()["cookie"], "a=1; b=2");
        assert_eq!(request.body().as_ref(), b"\xff\x00");
    }

    #[test]
    fn a_decoded_question_mark_ends_the_path() {
        assert_eq!(event_of(Request::get("/users/me%3Fadmin=1?x=y"), b"")["rawPath"], "/users/me");
    }
}
