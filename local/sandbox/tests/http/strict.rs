//! Requests that Jira does not know or would refuse.

use std::fs;

use reqwest::StatusCode;
use sandbox::{Class, Fault, Rule};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::{AGILE_SCOPES, App, HARBOUR, LIGHTHOUSE, READ_WRITE};

#[tokio::test]
async fn paths_methods_and_parameters_are_known_or_refused() {
    let app = App::without_openapi().await;
    let ada = app.connect("ada", &["harbour"], AGILE_SCOPES).await;
    let cases = [
        ("GET", "myself?colour=red", Value::Null, 400),
        ("GET", "project/search?startAt=x", Value::Null, 400),
        ("GET", "issue/SHIP-1?field=summary", Value::Null, 400),
        ("GET", "issue/SHIP-1?fields=summary", json!({}), 400),
        ("PUT", "issue/SHIP-1?returnIssue=yes", json!({ "fields": {} }), 400),
        ("PUT", "issue/SHIP-1?returnIssue=true&returnIssue=true", json!({ "fields": {} }), 400),
        ("POST", "search/jql?jql=key%3DSHIP-1", json!({}), 400),
        ("POST", "search/jql", json!({ "jql": "key = SHIP-1", "startAt": 0 }), 400),
        ("POST", "search/jql", json!({ "jql": "key = SHIP-1", "fields": "summary" }), 400),
        ("POST", "search/jql", json!({ "jql": "key = SHIP-1", "reconcileIssues": ["SHIP-1"] }), 400),
        ("POST", "search/jql", json!({ "jql": "key = SHIP-1", "maxResults": "5" }), 400),
        ("POST", "search/jql", json!({ "jql": "key = SHIP-1", "maxResults": 0 }), 400),
        ("POST", "issue/bulkfetch", json!({ "issueIdsOrKeys": "SHIP-1" }), 400),
        ("POST", "issue/bulkfetch", json!({}), 400),
        ("POST", "issue", json!({ "field": {} }), 400),
        ("PUT", "issue/SHIP-1?returnIssues=true", json!({ "fields": {} }), 400),
        ("DELETE", "issue/SHIP-1?deleteSubtasks=1", Value::Null, 400),
        ("DELETE", "myself", Value::Null, 405),
        ("GET", "search?jql=key%3DSHIP-1", Value::Null, 404),
        ("GET", "nonsense", Value::Null, 404),
    ];
    for (count, (method, path, body, expected)) in (1..).zip(cases) {
        let (status, answer) = app.send(method, HARBOUR, path, body, &ada).await;
        assert_eq!(status.as_u16(), expected, "{method} {path}: {answer}");
        assert_eq!(app.problems().len(), count, "{method} {path}: {:?}", app.problems());
    }
    for path in ["board?project=SHIP", "board/1/sprint?startAt=-", "sprint/502?expand=all"] {
        assert_eq!(app.agile(HARBOUR, path, &ada.access).await.0, StatusCode::BAD_REQUEST, "{path}");
    }
    let url = app.url(&format!("/ex/jira/{HARBOUR}/rest/api/3/search/jql"));
    let request = app.http.post(url).bearer_auth(&ada.access).body(r#"{"jql":"key = SHIP-1"}"#);
    assert_eq!(request.send().await.unwrap().status(), StatusCode::UNSUPPORTED_MEDIA_TYPE);

    let violations = app.handle().violations();
    assert_eq!((&*violations[0].method, violations[0].account.as_deref()), ("GET", Some("ada")));
    assert!(violations[0].path.ends_with("/rest/api/3/myself"));
    let (_, listed) = app.get("/_sandbox/violations", "").await;
    assert_eq!(listed.as_array().unwrap().len(), violations.len());
}

#[tokio::test]
async fn requests_are_checked_against_an_openapi_file() {
    let path = std::env::temp_dir().join(format!("openapi-{}.json", Uuid::new_v4()));
    let description = json!({
        "paths": {
            "/rest/api/3/issue/{issueIdOrKey}": {
                "get": { "parameters": [
                    { "in": "path", "name": "issueIdOrKey", "schema": { "type": "integer" } },
                ] },
                "put": { "requestBody": { "content": { "application/json": {
                    "schema": { "$ref": "#/components/schemas/Edit" },
                } } } },
                "delete": { "parameters": [
                    { "in": "query", "name": "deleteSubtasks", "required": true, "schema": { "type": "boolean" } },
                ] },
            },
            "/rest/api/3/myself": { "put": {} },
        },
        "components": { "schemas": { "Edit": {
            "type": "object", "additionalProperties": false, "required": ["update"],
            "properties": { "fields": { "type": "object", "additionalProperties": { "type": "string" } } },
        } } },
    });
    fs::write(&path, description.to_string()).unwrap();
    let app = App::with_openapi(Some(path.clone())).await.unwrap();
    fs::remove_file(&path).unwrap();
    let ada = app.connect("ada", &["harbour"], READ_WRITE).await;

    // The sandbox supports all of these; only the OpenAPI description does not.
    app.jira(HARBOUR, "issue/10101", &ada.access).await;
    assert_eq!(app.problems(), Vec::<String>::new());
    app.jira(HARBOUR, "issue/SHIP-1?fields=summary", &ada.access).await;
    let body = json!({ "fields": { "labels": [], "summary": "x" }, "properties": [] });
    app.send("PUT", HARBOUR, "issue/SHIP-1", body, &ada).await;
    app.jira(HARBOUR, "myself", &ada.access).await;
    app.jira(HARBOUR, "project/SHIP", &ada.access).await;
    app.send("DELETE", HARBOUR, "issue/SHIP-12", Value::Null, &ada).await;
    assert_eq!(
        app.problems(),
        [
            "OpenAPI: \"SHIP-1\" is no issueIdOrKey",
            "OpenAPI: there is no query parameter \"fields\"",
            "OpenAPI: body.fields.labels is not of type \"string\"",
            "OpenAPI: body has no \"properties\"",
            "OpenAPI: body lacks \"update\"",
            "OpenAPI: /rest/api/3/myself has no GET",
            "OpenAPI: there is no path /rest/api/3/project/SHIP",
            "OpenAPI: the query parameter \"deleteSubtasks\" is missing",
        ]
    );
    assert!(App::with_openapi(Some(path)).await.is_ok(), "read once per process");
    assert!(App::with_openapi(Some("/nowhere.json".into())).await.is_err());
}

#[tokio::test]
async fn faults_can_strike_one_path_or_a_later_page() {
    let app = App::start().await;
    let ada = app.connect("ada", &["lighthouse"], READ_WRITE).await;
    let outage = || Fault::Status { status: 503, body: None };
    app.handle().inject(Rule::new(Class::Jira, outage()).path("search/jql").skip(1).times(1));
    let body = json!({ "jql": "project = LH001", "maxResults": 100 });
    let (status, page) = app.search(LIGHTHOUSE, body.clone(), &ada.access).await;
    assert_eq!(status, StatusCode::OK);
    let mut next = body;
    next["nextPageToken"] = page["nextPageToken"].clone();
    assert_eq!(app.jira(LIGHTHOUSE, "myself", &ada.access).await.0, StatusCode::OK);
    assert_eq!(app.search(LIGHTHOUSE, next.clone(), &ada.access).await.0, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(app.search(LIGHTHOUSE, next, &ada.access).await.0, StatusCode::OK);

    let rule = json!({ "class": "jira", "path": "bulkfetch", "kind": "rate_limited", "retry_after": 1 });
    app.http.post(app.url("/_sandbox/faults")).json(&rule).send().await.unwrap();
    let body = json!({ "issueIdsOrKeys": ["LH001-1"] });
    let (status, _) = app.send("POST", LIGHTHOUSE, "issue/bulkfetch", body, &ada).await;
    assert_eq!(status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(app.jira(LIGHTHOUSE, "issue/LH001-1", &ada.access).await.0, StatusCode::OK);
}

#[tokio::test]
async fn hundreds_of_slow_requests_wait_in_parallel() {
    let app = App::start().await;
    let ada = app.connect("ada", &["harbour"], READ_WRITE).await;
    app.handle().inject(Rule::new(Class::Jira, Fault::Latency { millis: 300 }));
    let requests = (0..300).map(|_| app.jira(HARBOUR, "issue/SHIP-1?fields=summary", &ada.access));
    let answers = futures_util::future::join_all(requests).await;
    assert!(answers.iter().all(|(status, _)| *status == StatusCode::OK));
    assert!(app.handle().counters(Class::Jira).max_in_flight > 100);
}
