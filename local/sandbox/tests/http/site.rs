//! What a site tells about itself: `serverInfo`, `priority`.

use reqwest::StatusCode;
use serde_json::Value;

use crate::support::{App, HARBOUR, LIGHTHOUSE};

#[tokio::test]
async fn anyone_with_a_token_reads_about_the_site() {
    let app = App::start().await;
    let ada = app.connect("ada", &["harbour"], "read:me offline_access").await;
    let (status, info) = app.send("GET", HARBOUR, "serverInfo", Value::Null, &ada).await;
    assert_eq!((status, &info["baseUrl"]), (StatusCode::OK, &"https://harbour.atlassian.net".into()));
    assert_eq!(info["deploymentType"], "Cloud");
    let (status, _) = app.send("GET", LIGHTHOUSE, "serverInfo", Value::Null, &ada).await;
    assert_eq!(status, StatusCode::NOT_FOUND, "the grant does not contain that site");
    let (status, refused) = app.send("GET", HARBOUR, "priority", Value::Null, &ada).await;
    assert_eq!(status, StatusCode::UNAUTHORIZED, "{refused}");
}

#[tokio::test]
async fn priorities_need_a_scope() {
    let app = App::start().await;
    for scopes in ["read:jira-work offline_access", "read:priority:jira offline_access"] {
        let ada = app.connect("ada", &["harbour"], scopes).await;
        let (status, priorities) = app.send("GET", HARBOUR, "priority", Value::Null, &ada).await;
        assert_eq!(status, StatusCode::OK, "{scopes}: {priorities}");
        assert!(priorities.as_array().is_some_and(|list| list.iter().any(|it| it["name"] == "High")));
    }
    assert!(app.problems().is_empty(), "{:?}", app.problems());
}

#[tokio::test]
async fn requests_are_logged_with_their_headers_and_without_their_token() {
    let app = App::start().await;
    let ada = app.connect("ada", &["harbour"], "read:me offline_access").await;
    let url = app.url(&format!("/ex/jira/{HARBOUR}/rest/api/3/serverInfo"));
    let request = app.http.get(url).bearer_auth(&ada.access).header("x-a", "1").header("x-a", "2");
    assert_eq!(request.send().await.unwrap().status(), StatusCode::OK);
    let logged = app.handle().requests().pop().unwrap().headers;
    assert_eq!((&*logged["x-a"], logged.contains_key("authorization")), ("1, 2", false));
}
