//! The controls over HTTP.

use reqwest::{Method, StatusCode};
use sandbox::Class;
use serde_json::{Value, json};

use crate::support::{ALL_SCOPES, App, HARBOUR, parameter, read};

impl App {
    async fn control(&self, method: Method, path: &str, body: Value) -> (StatusCode, Value) {
        let request = self.http.request(method, self.url(&format!("/_sandbox/{path}")));
        let request = if body.is_null() { request } else { request.json(&body) };
        read(request.send().await.unwrap()).await
    }
}

#[tokio::test]
async fn a_script_can_consent_and_revoke() {
    let app = App::start().await;
    let body = json!({
        "authorize_url": app.authorize_url(&[]),
        "account": "ada", "sites": [HARBOUR], "decision": "accept",
    });
    let (status, answer) = app.control(Method::POST, "consent", body.clone()).await;
    assert_eq!(status, StatusCode::OK);
    let code = parameter(answer["redirect"].as_str().unwrap(), "code").unwrap();
    assert_eq!(app.exchange(&code).await.0, StatusCode::OK);
    let newest = app.handle().newest_refresh_token("ada").unwrap();
    assert!(app.handle().accepts_refresh_token(&newest));

    let mut declined = body.clone();
    declined["decision"] = "decline".into();
    let (_, answer) = app.control(Method::POST, "consent", declined).await;
    assert_eq!(parameter(answer["redirect"].as_str().unwrap(), "error").unwrap(), "access_denied");
    let mut faulty = body;
    faulty["authorize_url"] = app.authorize_url(&[("state", "")]).into();
    let (status, answer) = app.control(Method::POST, "consent", faulty).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert!(answer["error"].as_str().unwrap().contains("state"));

    assert_eq!(app.control(Method::DELETE, "grants/ada", Value::Null).await.0, StatusCode::NO_CONTENT);
    assert_eq!(app.control(Method::DELETE, "grants/ada", Value::Null).await.0, StatusCode::NOT_FOUND);
    assert!(!app.handle().accepts_refresh_token(&newest));
}

#[tokio::test]
async fn a_callback_registered_later_is_accepted() {
    let app = App::start().await;
    let url = app.authorize_url(&[("redirect_uri", "https://new.example/callback")]);
    assert_eq!(app.http.get(&url).send().await.unwrap().status(), StatusCode::BAD_REQUEST);
    let body = json!({ "redirect_uri": "https://new.example/callback" });
    assert_eq!(app.control(Method::POST, "redirect-uris", body).await.0, StatusCode::CREATED);
    assert_eq!(app.http.get(&url).send().await.unwrap().status(), StatusCode::OK);
}

#[tokio::test]
async fn access_tokens_expire_on_command() {
    let app = App::start().await;
    let tokens = app.connect("ada", &["harbour"], ALL_SCOPES).await;
    let (_, expired) = app.control(Method::POST, "access-tokens/expire", json!({})).await;
    assert_eq!(expired["expired"], 1);
    assert_eq!(app.get("/me", &tokens.access).await.0, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn faults_can_be_set_over_http() {
    let app = App::start().await;
    let fault = json!({ "class": "token", "kind": "status", "status": 502, "times": 1 });
    assert_eq!(app.control(Method::POST, "faults", fault.clone()).await.0, StatusCode::CREATED);
    assert_eq!(app.refresh("any").await.0, StatusCode::BAD_GATEWAY);
    app.control(Method::POST, "faults", fault).await;
    app.control(Method::DELETE, "faults", Value::Null).await;
    assert_eq!(app.refresh("any").await.0, StatusCode::FORBIDDEN);
    let unknown = json!({ "class": "token", "kind": "earthquake" });
    assert!(app.control(Method::POST, "faults", unknown).await.0.is_client_error());
    let guide = app.http.get(app.url("/_sandbox")).send().await.unwrap();
    assert!(guide.text().await.unwrap().contains("/_sandbox/faults"));
}

#[tokio::test]
async fn requests_are_counted_and_logged_without_secrets() {
    let app = App::start().await;
    let tokens = app.connect("ada", &["harbour"], ALL_SCOPES).await;
    app.http.get(app.authorize_url(&[])).send().await.unwrap();
    app.jira(HARBOUR, "project/search?maxResults=2", &tokens.access).await;
    app.refresh(&tokens.refresh).await;

    let token = app.handle().counters(Class::Token);
    assert_eq!((token.received, token.answered), (2, 2));
    let jira = app.handle().counters(Class::Jira);
    assert_eq!((jira.received, jira.in_flight, jira.max_in_flight), (1, 0, 1));

    let log = app.handle().requests();
    let requests: Vec<_> = log.iter().filter(|request| request.class == Class::Jira).collect();
    assert_eq!(requests.len(), 1);
    assert_eq!(requests[0].account.as_deref(), Some("ada"));
    assert_eq!((requests[0].query.as_deref(), requests[0].status), (Some("maxResults=2"), Some(200)));
    assert_eq!(log.len(), 4);
    let text = format!("{log:?}");
    for secret in [&tokens.access, &tokens.refresh, "app-secret", "state-1"] {
        assert!(!text.contains(secret));
    }
}
