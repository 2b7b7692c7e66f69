//! The controls over HTTP.

use reqwest::{Method, StatusCode};
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
async fn a_script_can_consent_and_look_at_what_came_of_it() {
    let app = App::start().await;
    let body = json!({
        "authorize_url": app.authorize_url(&[]),
        "account": "ada", "sites": [HARBOUR], "decision": "accept",
    });
    let (status, answer) = app.control(Method::POST, "consent", body.clone()).await;
    assert_eq!(status, StatusCode::OK);
    let code = parameter(answer["redirect"].as_str().unwrap(), "code").unwrap();
    let (_, tokens) = app.exchange(&code).await;

    let (_, grants) = app.control(Method::GET, "grants", Value::Null).await;
    assert_eq!(grants[0]["sites"], json!(["harbour"]));
    let (_, newest) = app.control(Method::GET, "accounts/ada/newest-refresh-token", Value::Null).await;
    assert_eq!(newest["refresh_token"], tokens["refresh_token"]);
    let check = || app.control(Method::POST, "refresh-tokens/check", newest.clone());
    assert_eq!(check().await.1, json!({ "accepted": true }));

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
    assert_eq!(check().await.1, json!({ "accepted": false }));
    let (_, families) = app.control(Method::GET, "families", Value::Null).await;
    assert_eq!((&families[0]["account"], &families[0]["revoked"]), (&json!("ada"), &json!(true)));
}

#[tokio::test]
async fn settings_change_by_name_for_all_or_one_account() {
    let app = App::start().await;
    let (_, all) = app.control(Method::PATCH, "settings", json!({ "leeway": 0 })).await;
    assert_eq!((&all["leeway"], &all["access_token_lifetime"]), (&json!(0), &json!(3600)));
    let refusal = json!({ "refusal": "unauthorized_client" });
    app.control(Method::PATCH, "settings?account=ada", refusal).await;
    let ada = app.connect("ada", &["harbour"], ALL_SCOPES).await;
    let sam = app.connect("sam", &["harbour"], ALL_SCOPES).await;
    app.rotate(&ada.refresh).await;
    app.rotate(&sam.refresh).await;
    assert_eq!(app.refresh(&ada.refresh).await.1["error"], "unauthorized_client");
    assert_eq!(app.refresh(&sam.refresh).await.1["error"], "invalid_grant");

    for (path, body) in [("settings", json!({ "leewy": 0 })), ("settings", json!({ "leeway": -1 }))] {
        assert_eq!(app.control(Method::PATCH, path, body).await.0, StatusCode::BAD_REQUEST);
    }
    let (status, _) = app.control(Method::PATCH, "settings?account=nobody", json!({})).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn tokens_expire_by_command_and_by_the_clock() {
    let app = App::start().await;
    let tokens = app.connect("ada", &["harbour"], ALL_SCOPES).await;
    let (_, expired) = app.control(Method::POST, "access-tokens/expire", json!({})).await;
    assert_eq!(expired["expired"], 1);
    assert_eq!(app.get("/me", &tokens.access).await.0, StatusCode::UNAUTHORIZED);
    let tokens = app.rotate(&tokens.refresh).await;
    app.control(Method::POST, "clock/advance", json!({ "seconds": 3600 })).await;
    assert_eq!(app.get("/me", &tokens.access).await.0, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn faults_and_gates_work_over_http() {
    let app = App::start().await;
    let fault = json!({ "class": "token", "kind": "status", "status": 502, "times": 1 });
    assert_eq!(app.control(Method::POST, "faults", fault.clone()).await.0, StatusCode::CREATED);
    let (_, faults) = app.control(Method::GET, "faults", Value::Null).await;
    assert_eq!((&faults[0]["kind"], &faults[0]["when"]), (&json!("status"), &json!("before")));
    assert_eq!(app.refresh("any").await.0, StatusCode::BAD_GATEWAY);
    app.control(Method::POST, "faults", fault).await;
    app.control(Method::DELETE, "faults", Value::Null).await;
    assert_eq!(app.refresh("any").await.0, StatusCode::FORBIDDEN);
    let unknown = json!({ "class": "token", "kind": "earthquake" });
    assert!(app.control(Method::POST, "faults", unknown).await.0.is_client_error());

    let (_, gate) = app.control(Method::POST, "gates", json!({ "class": "token" })).await;
    let id = gate["id"].as_u64().unwrap();
    let path = format!("gates/{id}/arrival");
    let arrival = app.control(Method::GET, &path, Value::Null);
    let refresh = app.refresh("any");
    tokio::pin!(refresh);
    tokio::select! {
        _ = &mut refresh => panic!("answered in spite of the gate"),
        (_, arrived) = arrival => assert_eq!(arrived["arrived"], true),
    }
    app.control(Method::POST, &format!("gates/{id}/release"), Value::Null).await;
    assert_eq!(refresh.await.0, StatusCode::FORBIDDEN);
    assert_eq!(app.control(Method::GET, "gates/9/arrival", Value::Null).await.0, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn requests_are_counted_and_logged_without_secrets() {
    let app = App::start().await;
    let tokens = app.connect("ada", &["harbour"], ALL_SCOPES).await;
    app.http.get(app.authorize_url(&[])).send().await.unwrap();
    app.jira(HARBOUR, "project/search?maxResults=2", &tokens.access).await;
    app.refresh(&tokens.refresh).await;

    let (_, counters) = app.control(Method::GET, "counters", Value::Null).await;
    assert_eq!((&counters["token"]["received"], &counters["token"]["answered"]), (&json!(2), &json!(2)));
    assert_eq!((&counters["jira"]["received"], &counters["jira"]["max_in_flight"]), (&json!(1), &json!(1)));
    assert_eq!(counters["jira"]["in_flight"], 0);

    let (_, log) = app.control(Method::GET, "requests?class=jira&account=ada", Value::Null).await;
    assert_eq!(log.as_array().unwrap().len(), 1);
    assert_eq!((&log[0]["query"], &log[0]["status"]), (&json!("maxResults=2"), &json!(200)));
    let (_, log) = app.control(Method::GET, "requests", Value::Null).await;
    let text = log.to_string();
    assert_eq!(log.as_array().unwrap().len(), 4);
    for secret in [&tokens.access, &tokens.refresh, "app-secret", "state-1"] {
        assert!(!text.contains(secret));
    }
}

#[tokio::test]
async fn a_reset_goes_back_to_the_start() {
    let app = App::start().await;
    let tokens = app.connect("ada", &["harbour"], ALL_SCOPES).await;
    app.control(Method::POST, "accounts", json!({ "key": "test-1", "sites": [] })).await;
    app.control(Method::PATCH, "settings", json!({ "leeway": 0 })).await;
    app.control(Method::POST, "faults", json!({ "class": "token", "kind": "hang" })).await;
    assert_eq!(app.control(Method::POST, "reset", Value::Null).await.0, StatusCode::NO_CONTENT);

    assert_eq!(app.refresh(&tokens.refresh).await.0, StatusCode::FORBIDDEN);
    let (_, settings) = app.control(Method::GET, "settings", Value::Null).await;
    assert_eq!(settings["leeway"], 600);
    let (_, accounts) = app.control(Method::GET, "accounts", Value::Null).await;
    assert!(!accounts.to_string().contains("test-1"));
    let guide = app.http.get(app.url("/_sandbox")).send().await.unwrap();
    assert_eq!(guide.status(), StatusCode::OK);
}
