use std::time::Duration;

use reqwest::StatusCode;
use sandbox::Settings;
use serde_json::{Value, json};

use crate::support::{ALL_SCOPES, App, HARBOUR, LIBRARY, LIGHTHOUSE};

const RESOURCES: &str = "/oauth/token/accessible-resources";

fn ids(resources: &Value) -> Vec<&str> {
    resources.as_array().unwrap().iter().map(|entry| entry["id"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn the_list_of_sites_has_the_quirks_of_real_ones() {
    let app = App::start().await;
    let tokens = app.connect("ada", &["harbour", "library", "lighthouse"], ALL_SCOPES).await;
    let (status, resources) = app.get(RESOURCES, &tokens.access).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(ids(&resources), [HARBOUR, HARBOUR, LIBRARY, LIGHTHOUSE]);

    let jira = &resources[0];
    assert_eq!(jira["name"], "Harbour");
    assert_eq!(jira["url"], "https://harbour.atlassian.net");
    assert_eq!(jira["scopes"], json!(["read:jira-user", "read:jira-work"]));
    for confluence in [&resources[1], &resources[2]] {
        assert!(!confluence["scopes"].to_string().contains("jira"));
    }
    let avatar = app.http.get(jira["avatarUrl"].as_str().unwrap()).send().await.unwrap();
    assert_eq!(avatar.headers()["content-type"], "image/svg+xml");
}

#[tokio::test]
async fn only_granted_sites_are_listed() {
    let app = App::start().await;
    let tokens = app.connect("ada", &["lighthouse"], ALL_SCOPES).await;
    assert_eq!(ids(&app.get(RESOURCES, &tokens.access).await.1), [LIGHTHOUSE]);
    let tokens = app.connect("nora", &[], ALL_SCOPES).await;
    assert_eq!(app.get(RESOURCES, &tokens.access).await, (StatusCode::OK, json!([])));
    let tokens = app.connect("ada", &["harbour"], "read:me").await;
    assert_eq!(ids(&app.get(RESOURCES, &tokens.access).await.1), [HARBOUR], "Confluence only: no Jira scope");
}

#[tokio::test]
async fn a_bad_token_is_unauthorized_everywhere() {
    let app = App::start().await;
    let tokens = app.connect("ada", &["harbour"], ALL_SCOPES).await;
    let myself = format!("/ex/jira/{HARBOUR}/rest/api/3/myself");
    let unauthorized = (StatusCode::UNAUTHORIZED, json!({ "code": 401, "message": "Unauthorized" }));
    for path in [RESOURCES, "/me", &myself] {
        assert_eq!(app.get(path, &tokens.access).await.0, StatusCode::OK);
        assert_eq!(app.get(path, "unknown").await, unauthorized);
        assert_eq!(app.get(path, &tokens.refresh).await, unauthorized);
        let response = app.http.get(app.url(path)).send().await.unwrap();
        assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
    }
    app.handle().advance_clock(Duration::from_secs(3600));
    for path in [RESOURCES, "/me", &myself] {
        assert_eq!(app.get(path, &tokens.access).await, unauthorized);
    }
}

#[tokio::test]
async fn access_tokens_can_be_expired_for_one_account_and_refreshed() {
    let app = App::start().await;
    let ada = app.connect("ada", &["harbour"], ALL_SCOPES).await;
    let sam = app.connect("sam", &["harbour"], ALL_SCOPES).await;
    assert_eq!(app.handle().expire_access_tokens(Some("ada")), 1);
    assert_eq!(app.handle().expire_access_tokens(Some("ada")), 0);
    assert_eq!(app.get("/me", &ada.access).await.0, StatusCode::UNAUTHORIZED);
    assert_eq!(app.get("/me", &sam.access).await.0, StatusCode::OK);
    let ada = app.rotate(&ada.refresh).await;
    assert_eq!(app.get("/me", &ada.access).await.0, StatusCode::OK);
}

#[tokio::test]
async fn the_profile_needs_its_scope() {
    let app = App::start().await;
    let tokens = app.connect("ada", &["harbour"], ALL_SCOPES).await;
    let (_, me) = app.get("/me", &tokens.access).await;
    assert_eq!(me["email"], "ada@example.com");
    assert_eq!(me["name"], "Ada Admin");
    assert!(me["account_id"].as_str().unwrap().contains(':'));
    let tokens = app.connect("ada", &["harbour"], "read:jira-work").await;
    let mismatch = json!({ "code": 401, "message": "Unauthorized; scope does not match" });
    assert_eq!(app.get("/me", &tokens.access).await, (StatusCode::UNAUTHORIZED, mismatch));
}

#[tokio::test]
async fn a_grant_can_lack_requested_scopes() {
    let settings = Settings { withheld_scopes: ["read:me".to_owned()].into(), ..Settings::default() };
    let app = App::with(settings).await;
    let (_, body) = app.exchange(&app.code("ada", &["harbour"], ALL_SCOPES)).await;
    assert_eq!(body["scope"], "offline_access read:jira-user read:jira-work");
}
