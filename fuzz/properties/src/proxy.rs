//! Calls of Jira that are passed on.

use base::config::{FromSettings, Settings};
use http::{HeaderName, HeaderValue, Method};
use juncture::jira::{ProxyCall, ProxyRules};
use lambda_http::{Body, RequestExt};
use percent_encoding::percent_decode_str;
use runtime::Request;
use std::collections::HashMap;
use url::Url;

use crate::support::accepted;

/// The headers that may reach Jira.
const HEADERS: [&str; 7] = [
    "accept",
    "accept-language",
    "content-type",
    "range",
    "x-atlassian-token",
    "x-experimentalapi",
    "x-force-accept-language",
];

/// A call to pass on, by line: the setting with what is allowed, the method, the decoded path, the query, the external
/// id, further headers. Whatever is accepted reaches the path that it names on the site, and nothing else.
pub fn proxy(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let mut lines = text.split('\n');
    let mut line = || lines.next().unwrap_or_default();
    let setting = [("JIRA_PROXY_ALLOW".to_owned(), line().to_owned())];
    let Ok(rules) = ProxyRules::from_settings(&Settings::from_pairs(setting)) else { return };
    let method = Method::from_bytes(line().as_bytes()).unwrap_or_default();
    let path = line().to_owned();
    let uri = format!("https://api.example.com/x?{}", line());
    let Ok(mut request) = http::Request::builder().method(method).uri(uri).body(Body::Empty) else { return };
    let id = line();
    if let Ok(id) = HeaderValue::from_bytes(id.as_bytes()) {
        request.headers_mut().insert("x-juncture-external-id", id);
    }
    for (name, value) in lines.filter_map(|line| line.split_once(':')) {
        let name = HeaderName::from_bytes(name.as_bytes());
        if let (Ok(name), Ok(value)) = (name, HeaderValue::from_bytes(value.as_bytes())) {
            request.headers_mut().append(name, value);
        }
    }
    let query = request.uri().query().unwrap_or_default().to_owned();
    let request: Request =
        request.with_path_parameters(HashMap::from([("path".to_owned(), vec![path.clone()])]));
    let Some(call) = accepted(ProxyCall::of(request, &rules)) else { return };

    let segments = call.path.segments();
    assert_eq!(segments.join("/"), path.strip_suffix('/').unwrap_or(&path));
    assert_eq!(segments, call.forward.path);
    let mut url = Url::parse("https://api.example.com/ex/jira/site").expect("an address");
    url.path_segments_mut().expect("a path").extend(segments);
    let reached: Vec<String> = url
        .path()
        .strip_prefix("/ex/jira/site/rest/")
        .expect("below the site")
        .split('/')
        .map(|segment| percent_decode_str(segment).decode_utf8().expect("UTF-8").into_owned())
        .collect();
    assert_eq!(reached, segments[1..], "{url}");
    assert!(!url.path().contains([';', '\\']) && url.query().is_none());
    let pairs: Vec<(String, String)> = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    assert_eq!(call.forward.query, pairs);
    assert!(call.forward.headers.keys().all(|name| HEADERS.contains(&name.as_str())));
    let decoded = percent_decode_str(id).decode_utf8().expect("UTF-8");
    assert!(call.external_id == decoded && !decoded.is_empty());
    assert!(Method::GET != call.forward.method || call.forward.body.is_empty());
}
