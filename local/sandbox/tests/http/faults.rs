use reqwest::StatusCode;
use sandbox::{Class, Fault, GateSpec, Rule, Settings, When};
use serde_json::json;
use std::time::{Duration, Instant};

use crate::support::{ALL_SCOPES, App, HARBOUR, refresh_body};

fn without_leeway() -> Settings {
    Settings { leeway: Duration::ZERO, ..Settings::default() }
}

fn status(status: u16) -> Fault {
    Fault::Status { status, body: None }
}

#[tokio::test]
async fn an_outage_is_html_and_ends_after_its_number_of_requests() {
    let app = App::with(without_leeway()).await;
    let tokens = app.connect("ada", &["harbour"], ALL_SCOPES).await;
    app.handle().inject(Rule::new(Class::Token, status(503)).times(2));
    for _ in 0..2 {
        let (status, body) = app.refresh(&tokens.refresh).await;
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
        assert!(body.as_str().unwrap().contains("<html>"));
    }
    app.rotate(&tokens.refresh).await;
}

#[tokio::test]
async fn a_fault_concerns_its_class_and_account_until_cleared() {
    let app = App::start().await;
    let ada = app.connect("ada", &["harbour"], ALL_SCOPES).await;
    let sam = app.connect("sam", &["harbour"], ALL_SCOPES).await;
    app.handle().inject(Rule::new(Class::Jira, status(500)).account("ada"));
    app.handle().inject(Rule::new(Class::Token, status(502)).account("ada"));
    for _ in 0..2 {
        assert_eq!(app.jira(HARBOUR, "myself", &ada.access).await.0, StatusCode::INTERNAL_SERVER_ERROR);
        assert_eq!(app.refresh(&ada.refresh).await.0, StatusCode::BAD_GATEWAY);
        assert_eq!(app.exchange(&app.code("ada", &["harbour"], ALL_SCOPES)).await.0, StatusCode::BAD_GATEWAY);
    }
    assert_eq!(app.get("/me", &ada.access).await.0, StatusCode::OK);
    assert_eq!(app.jira(HARBOUR, "myself", &sam.access).await.0, StatusCode::OK);
    app.rotate(&sam.refresh).await;
    app.handle().clear_faults();
    app.rotate(&ada.refresh).await;
}

#[tokio::test]
async fn a_status_can_have_a_body_and_the_authorize_page_can_fail() {
    let app = App::start().await;
    let body = json!({ "error": "access_denied", "error_description": "Unauthorized" });
    let fault = Fault::Status { status: 401, body: Some(body.clone()) };
    app.handle().inject(Rule::new(Class::Token, fault));
    assert_eq!(app.refresh("any").await, (StatusCode::UNAUTHORIZED, body));
    app.handle().inject(Rule::new(Class::Authorize, status(500)));
    let response = app.http.get(app.authorize_url(&[])).send().await.unwrap();
    assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
}

#[tokio::test]
async fn rate_limits_carry_their_headers() {
    let app = App::start().await;
    let tokens = app.connect("ada", &["harbour"], ALL_SCOPES).await;
    let reason = Some("jira-burst-based".to_owned());
    app.handle().inject(Rule::new(Class::Jira, Fault::RateLimited { retry_after: Some(7), reason }));
    let request = app.http.get(app.url(&format!("/ex/jira/{HARBOUR}/rest/api/3/myself")));
    let response = request.bearer_auth(&tokens.access).send().await.unwrap();
    assert_eq!(response.status(), StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(response.headers()["retry-after"], "7");
    assert_eq!(response.headers()["ratelimit-reason"], "jira-burst-based");
}

#[tokio::test]
async fn a_connection_dropped_before_the_work_changes_nothing() {
    let app = App::with(without_leeway()).await;
    let tokens = app.connect("ada", &["harbour"], ALL_SCOPES).await;
    app.handle().inject(Rule::new(Class::Token, Fault::Drop).times(1));
    let request = app.http.post(app.url("/oauth/token")).json(&refresh_body(&tokens.refresh));
    assert!(request.send().await.is_err());
    app.rotate(&tokens.refresh).await;
}

#[tokio::test]
async fn a_connection_dropped_after_the_work_loses_the_rotated_token() {
    for fault in [Fault::Drop, status(502), Fault::TruncatedBody, Fault::MalformedJson] {
        let app = App::with(without_leeway()).await;
        let tokens = app.connect("ada", &["harbour"], ALL_SCOPES).await;
        app.handle().inject(Rule::new(Class::Token, fault).after().times(1));
        let request = app.http.post(app.url("/oauth/token")).json(&refresh_body(&tokens.refresh));
        if let Ok(response) = request.send().await {
            assert!(response.json::<serde_json::Value>().await.is_err());
        }
        assert!(!app.handle().accepts_refresh_token(&tokens.refresh));
        let newest = app.handle().newest_refresh_token("ada").unwrap();
        assert!(app.handle().accepts_refresh_token(&newest));
    }
}

#[tokio::test]
async fn damaged_bodies_differ_in_whether_they_are_complete() {
    let app = App::start().await;
    let tokens = app.connect("ada", &["harbour"], ALL_SCOPES).await;
    let me = || app.http.get(app.url("/me")).bearer_auth(&tokens.access).send();

    app.handle().inject(Rule::new(Class::Profile, Fault::MalformedJson).times(1));
    let text = me().await.unwrap().text().await.unwrap();
    assert!(text.starts_with('{') && serde_json::from_str::<serde_json::Value>(&text).is_err());

    app.handle().inject(Rule::new(Class::Profile, Fault::TruncatedBody).times(1));
    let mut response = me().await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    assert!(response.chunk().await.unwrap().unwrap().starts_with(b"{"));
    assert!(response.chunk().await.is_err());
}

#[tokio::test]
async fn latency_delays_and_goes_on_to_the_next_fault() {
    let app = App::start().await;
    let millis = 30;
    app.handle().inject(Rule::new(Class::Token, Fault::Latency { millis }));
    app.handle().inject(Rule::new(Class::Token, status(500)).times(1));
    let begin = Instant::now();
    assert_eq!(app.refresh("any").await.0, StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(app.refresh("any").await.0, StatusCode::FORBIDDEN);
    assert!(begin.elapsed() >= Duration::from_millis(2 * millis));
}

#[tokio::test]
async fn a_request_that_hangs_stays_open_until_its_client_gives_up() {
    let app = App::start().await;
    app.handle().inject(Rule::new(Class::Token, Fault::Hang).times(1));
    let in_flight = async |wanted| {
        while app.handle().counters(Class::Token).in_flight != wanted {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        _ = app.refresh("any") => panic!("answered"),
        () = async {
            in_flight(1).await;
            assert_eq!(app.refresh("other").await.0, StatusCode::FORBIDDEN);
        } => {}
    }
    in_flight(0).await;
    assert_eq!(app.handle().counters(Class::Token).answered, 1);
    assert_eq!(app.handle().requests()[0].status, None);
}

#[tokio::test]
async fn a_gate_before_the_work_holds_a_request_that_has_done_nothing() {
    let app = App::with(without_leeway()).await;
    let tokens = app.connect("ada", &["harbour"], ALL_SCOPES).await;
    let gate = app.handle().hold(GateSpec { class: Class::Token, account: None, when: When::Before });
    let refresh = app.refresh(&tokens.refresh);
    tokio::pin!(refresh);
    tokio::select! {
        _ = &mut refresh => panic!("answered in spite of the gate"),
        () = gate.arrived() => {}
    }
    assert!(app.handle().accepts_refresh_token(&tokens.refresh));
    assert_eq!(app.handle().counters(Class::Token).in_flight, 1);
    gate.release();
    assert_eq!(refresh.await.0, StatusCode::OK);
    assert!(!app.handle().accepts_refresh_token(&tokens.refresh));
}

#[tokio::test]
async fn a_client_can_die_between_the_work_and_its_answer() {
    let app = App::start().await;
    let tokens = app.connect("ada", &["harbour"], ALL_SCOPES).await;
    let account = Some("ada".to_owned());
    let gate = app.handle().hold(GateSpec { class: Class::Token, account, when: When::After });
    tokio::select! {
        _ = app.refresh(&tokens.refresh) => panic!("answered in spite of the gate"),
        () = gate.arrived() => {}
    }
    // The client is gone but the token was rotated; within the leeway the old one still works.
    assert_ne!(app.handle().newest_refresh_token("ada").unwrap(), tokens.refresh);
    gate.release();
    app.rotate(&tokens.refresh).await;
}

#[tokio::test]
async fn a_gate_holds_one_request_and_dropping_it_opens_it() {
    let app = App::start().await;
    let tokens = app.connect("ada", &["harbour"], ALL_SCOPES).await;
    let gate = app.handle().hold(GateSpec { class: Class::Token, account: None, when: When::Before });
    let held = app.refresh(&tokens.refresh);
    tokio::pin!(held);
    tokio::select! {
        _ = &mut held => panic!("answered in spite of the gate"),
        () = gate.arrived() => {}
    }
    app.rotate(&tokens.refresh).await;
    drop(gate);
    assert_eq!(held.await.0, StatusCode::OK);
}
