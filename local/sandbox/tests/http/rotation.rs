use std::time::Duration;

use reqwest::StatusCode;
use sandbox::{Refusal, Settings};
use serde_json::{Value, json};

use crate::support::{ALL_SCOPES, App, CALLBACK, refresh_body};

const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

fn without_leeway() -> Settings {
    Settings { leeway: Duration::ZERO, ..Settings::default() }
}

fn assert_invalid_grant((status, body): (StatusCode, Value)) {
    assert_eq!(status, StatusCode::FORBIDDEN);
    assert_eq!(
        body,
        json!({ "error": "invalid_grant", "error_description": "Unknown or invalid refresh token." })
    );
}

#[tokio::test]
async fn a_code_is_exchanged_for_long_opaque_tokens_once() {
    let app = App::start().await;
    let code = app.code("ada", &["harbour"], ALL_SCOPES);
    let (status, body) = app.exchange(&code).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(body["expires_in"], 3600);
    assert_eq!(body["token_type"], "Bearer");
    assert_eq!(body["scope"], "offline_access read:jira-user read:jira-work read:me");
    assert!((1000..=2500).contains(&body["access_token"].as_str().unwrap().len()));
    assert!(body["refresh_token"].as_str().unwrap().len() >= 1000);

    let (status, body) = app.exchange(&code).await;
    assert_eq!((status, &body["error"]), (StatusCode::FORBIDDEN, &json!("invalid_grant")));
}

#[tokio::test]
async fn a_code_expires_and_is_bound_to_its_redirect_uri() {
    let app = App::start().await;
    let code = app.code("ada", &["harbour"], ALL_SCOPES);
    app.handle().advance_clock(5 * MINUTE);
    assert_eq!(app.exchange(&code).await.0, StatusCode::FORBIDDEN);

    let code = app.code("ada", &["harbour"], ALL_SCOPES);
    let (status, body) = app
        .token(&json!({
            "grant_type": "authorization_code", "client_id": "app", "client_secret": "app-secret",
            "code": code, "redirect_uri": "http://localhost:8000",
        }))
        .await;
    assert_eq!((status, &body["error"]), (StatusCode::FORBIDDEN, &json!("invalid_grant")));
}

#[tokio::test]
async fn no_refresh_token_without_offline_access() {
    let app = App::start().await;
    let (_, body) = app.exchange(&app.code("ada", &["harbour"], "read:jira-work")).await;
    assert!(body.get("refresh_token").is_none());
    assert_eq!(app.handle().newest_refresh_token("ada"), None);
}

#[tokio::test]
async fn each_refresh_returns_a_new_refresh_token_and_disables_the_old() {
    let app = App::with(without_leeway()).await;
    let first = app.connect("ada", &["harbour"], ALL_SCOPES).await;
    let second = app.rotate(&first.refresh).await;
    assert_ne!(first.refresh, second.refresh);
    assert_ne!(first.access, second.access);
    assert!(!app.handle().accepts_refresh_token(&first.refresh));
    assert!(app.handle().accepts_refresh_token(&second.refresh));
    assert_eq!(app.handle().newest_refresh_token("ada").unwrap(), second.refresh);
    assert_eq!(app.get("/me", &first.access).await.0, StatusCode::OK, "access tokens live on");
}

#[tokio::test]
async fn within_the_leeway_an_old_token_yields_a_pair_of_its_own() {
    let app = App::start().await;
    let first = app.connect("ada", &["harbour"], ALL_SCOPES).await;
    let second = app.rotate(&first.refresh).await;
    app.handle().advance_clock(9 * MINUTE);
    let sibling = app.rotate(&first.refresh).await;
    assert_ne!(second.refresh, sibling.refresh);
    app.rotate(&second.refresh).await;
    app.rotate(&sibling.refresh).await;
    // The leeway counts from the first exchange, not the last.
    app.handle().advance_clock(2 * MINUTE);
    assert!(!app.handle().accepts_refresh_token(&first.refresh));
}

#[tokio::test]
async fn reuse_after_the_leeway_is_refused_and_ends_the_family() {
    let app = App::start().await;
    let first = app.connect("ada", &["harbour"], ALL_SCOPES).await;
    let second = app.rotate(&first.refresh).await;
    app.handle().advance_clock(10 * MINUTE);
    assert_invalid_grant(app.refresh(&first.refresh).await);
    assert_invalid_grant(app.refresh(&second.refresh).await);
    assert_eq!(app.get("/me", &second.access).await.0, StatusCode::UNAUTHORIZED);
    let family = app.handle().families().remove(0);
    assert_eq!((family.refreshes, family.refused, family.revoked), (1, 2, true));
    assert_eq!(app.handle().grants().len(), 1, "the grant itself stays");
}

#[tokio::test]
async fn refresh_tokens_expire_when_unused_and_when_old() {
    let app = App::start().await;
    let first = app.connect("ada", &["harbour"], ALL_SCOPES).await;
    app.handle().advance_clock(90 * DAY);
    assert_invalid_grant(app.refresh(&first.refresh).await);

    let mut tokens = app.connect("sam", &["harbour"], ALL_SCOPES).await;
    for _ in 0..4 {
        app.handle().advance_clock(89 * DAY);
        tokens = app.rotate(&tokens.refresh).await;
    }
    app.handle().advance_clock(9 * DAY);
    assert_invalid_grant(app.refresh(&tokens.refresh).await);
}

#[tokio::test]
async fn the_other_refusal_can_be_chosen() {
    let settings = Settings { refusal: Refusal::UnauthorizedClient, ..Settings::default() };
    let app = App::with(settings).await;
    let (status, body) = app.refresh("unknown").await;
    assert_eq!(status, StatusCode::FORBIDDEN);
    assert_eq!(
        body,
        json!({ "error": "unauthorized_client", "error_description": "refresh_token is invalid" })
    );
}

#[tokio::test]
async fn a_wrong_client_is_refused_and_spends_nothing() {
    let app = App::with(without_leeway()).await;
    let tokens = app.connect("ada", &["harbour"], ALL_SCOPES).await;
    let code = app.code("ada", &["harbour"], ALL_SCOPES);
    for (name, value) in [("client_secret", "wrong"), ("client_id", "wrong")] {
        let mut body = refresh_body(&tokens.refresh);
        body[name] = value.into();
        let (status, answer) = app.token(&body).await;
        assert_eq!(status, StatusCode::UNAUTHORIZED);
        assert_eq!(answer, json!({ "error": "access_denied", "error_description": "Unauthorized" }));
        body["grant_type"] = "authorization_code".into();
        body["code"] = code.clone().into();
        body["redirect_uri"] = CALLBACK.into();
        assert_eq!(app.token(&body).await.0, StatusCode::UNAUTHORIZED);
    }
    app.rotate(&tokens.refresh).await;
    assert_eq!(app.exchange(&code).await.0, StatusCode::OK);
}

#[tokio::test]
async fn malformed_requests_are_rejected() {
    let app = App::start().await;
    for name in ["grant_type", "client_id", "client_secret", "refresh_token"] {
        let mut body = refresh_body("x");
        body.as_object_mut().unwrap().remove(name);
        let (status, answer) = app.token(&body).await;
        assert_eq!((status, &answer["error"]), (StatusCode::BAD_REQUEST, &json!("invalid_request")));
    }
    for body in [json!([]), json!({ "grant_type": 1 }), json!("text")] {
        let (status, answer) = app.token(&body).await;
        assert_eq!((status, &answer["error"]), (StatusCode::BAD_REQUEST, &json!("invalid_request")));
    }
    let mut body = refresh_body("x");
    body["grant_type"] = "password".into();
    assert_eq!(app.token(&body).await.1["error"], "unsupported_grant_type");
    let response = app.http.post(app.url("/oauth/token")).body("no content type").send().await.unwrap();
    assert_eq!(response.status(), StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn rotation_can_be_turned_off() {
    let app = App::with(Settings { rotation: false, ..without_leeway() }).await;
    let tokens = app.connect("ada", &["harbour"], ALL_SCOPES).await;
    for _ in 0..2 {
        let (status, body) = app.refresh(&tokens.refresh).await;
        assert_eq!(status, StatusCode::OK);
        assert!(body.get("refresh_token").is_none());
    }
}

#[tokio::test]
async fn two_consents_are_two_families() {
    let app = App::start().await;
    let first = app.connect("ada", &["harbour"], ALL_SCOPES).await;
    app.connect("ada", &["harbour"], ALL_SCOPES).await;
    app.rotate(&first.refresh).await;
}

#[tokio::test]
async fn a_revoked_grant_ends_everything_that_came_from_it() {
    let app = App::start().await;
    let tokens = app.connect("ada", &["harbour"], ALL_SCOPES).await;
    let other = app.connect("sam", &["harbour"], ALL_SCOPES).await;
    let code = app.code("ada", &["harbour"], ALL_SCOPES);
    assert!(app.handle().revoke_grant("ada"));
    assert!(!app.handle().revoke_grant("ada"));
    assert_invalid_grant(app.refresh(&tokens.refresh).await);
    assert_eq!(app.get("/me", &tokens.access).await.0, StatusCode::UNAUTHORIZED);
    assert_eq!(app.exchange(&code).await.0, StatusCode::FORBIDDEN);
    assert_eq!(app.get("/me", &other.access).await.0, StatusCode::OK);
    app.connect("ada", &["harbour"], ALL_SCOPES).await;
}
