use reqwest::StatusCode;
use reqwest::header::LOCATION;
use sandbox::{Consent, Decision, NewAccount};

use crate::support::{ALL_SCOPES, App, CALLBACK, parameter};

#[tokio::test]
async fn the_page_offers_accounts_and_sites() {
    let app = App::start().await;
    let response = app.http.get(app.authorize_url(&[])).send().await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    let html = response.text().await.unwrap();
    assert!(html.contains("Atlassian sandbox"));
    assert!(html.contains("Ada Admin") && html.contains("Nora No-Site"));
    assert!(html.contains(r#"name="site" value="harbour""#));
    assert!(html.contains(r#"name="decision" value="accept""#));
    assert!(html.contains(r#"name="decision" value="decline""#));
}

#[tokio::test]
async fn an_invalid_request_ends_on_an_error_page_and_not_at_the_app() {
    let app = App::start().await;
    let faults = [
        ("audience", "", "audience"),
        ("audience", "example.com", "audience"),
        ("client_id", "other", "client_id"),
        ("scope", "", "scope"),
        ("scope", "read:jira-work,write:jira-work", "scope"),
        ("redirect_uri", "http://localhost:8000/callback/jira/", "redirect_uri"),
        ("redirect_uri", "https://attacker.example/", "redirect_uri"),
        ("state", "", "state"),
        ("response_type", "token", "response_type"),
        ("prompt", "", "prompt"),
    ];
    for (name, value, mentioned) in faults {
        let response = app.http.get(app.authorize_url(&[(name, value)])).send().await.unwrap();
        assert_eq!(response.status(), StatusCode::BAD_REQUEST, "{name}={value}");
        assert!(response.text().await.unwrap().contains(mentioned), "{name}={value}");
    }
}

async fn submit(app: &App, form: &str) -> reqwest::Response {
    let request = app.http.post(app.authorize_url(&[]));
    let request = request.header("content-type", "application/x-www-form-urlencoded");
    request.body(form.to_owned()).send().await.unwrap()
}

#[tokio::test]
async fn accepting_returns_a_code_and_the_state() {
    let app = App::start().await;
    let response = submit(&app, "account=ada&site=harbour&site=lighthouse&decision=accept").await;
    assert_eq!(response.status(), StatusCode::SEE_OTHER);
    let location = response.headers()[LOCATION].to_str().unwrap();
    assert!(location.starts_with(CALLBACK));
    assert_eq!(parameter(location, "state").unwrap(), "state-1");
    let (status, _) = app.exchange(&parameter(location, "code").unwrap()).await;
    assert_eq!(status, StatusCode::OK);
    let grants = app.handle().grants();
    assert_eq!(grants[0].sites.iter().collect::<Vec<_>>(), ["harbour", "lighthouse"]);
}

#[tokio::test]
async fn declining_returns_access_denied_and_no_code() {
    let app = App::start().await;
    let response = submit(&app, "account=ada&site=harbour&decision=decline").await;
    let location = response.headers()[LOCATION].to_str().unwrap();
    assert_eq!(parameter(location, "error").unwrap(), "access_denied");
    assert!(parameter(location, "error_description").is_some());
    assert_eq!(parameter(location, "state").unwrap(), "state-1");
    assert_eq!(parameter(location, "code"), None);
    assert!(app.handle().grants().is_empty());
}

#[tokio::test]
async fn the_page_comes_back_when_no_site_of_the_account_was_chosen() {
    let app = App::start().await;
    for form in ["account=ada&decision=accept", "account=sam&site=lighthouse&decision=accept"] {
        let response = submit(&app, form).await;
        assert_eq!(response.status(), StatusCode::BAD_REQUEST);
        assert!(response.text().await.unwrap().contains("Choose at least one site"));
    }
    assert!(app.handle().grants().is_empty());
    let response = submit(&app, "account=nora&decision=accept").await;
    assert_eq!(response.status(), StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn a_redirect_uri_without_a_path_can_be_exchanged_as_it_was_written() {
    let app = App::start().await;
    let redirect = app.handle().consent(&Consent {
        authorize_url: app.authorize_url(&[("redirect_uri", "http://localhost:8000")]),
        account: "sam".to_owned(),
        sites: vec!["harbour".to_owned()],
        decision: Decision::Accept,
    });
    let (status, body) = app
        .token(&serde_json::json!({
            "grant_type": "authorization_code", "client_id": "app", "client_secret": "app-secret",
            "code": parameter(&redirect.unwrap(), "code"), "redirect_uri": "http://localhost:8000",
        }))
        .await;
    assert_eq!(status, StatusCode::OK, "{body}");
}

#[tokio::test]
async fn a_further_consent_adds_sites_and_replaces_scopes() {
    let app = App::start().await;
    let first = app.connect("ada", &["harbour"], ALL_SCOPES).await;
    app.connect("ada", &["lighthouse"], "read:jira-work offline_access").await;
    let grants = app.handle().grants();
    assert_eq!(grants.len(), 1);
    assert_eq!(grants[0].sites.iter().collect::<Vec<_>>(), ["harbour", "lighthouse"]);
    assert_eq!(grants[0].scopes.iter().collect::<Vec<_>>(), ["offline_access", "read:jira-work"]);

    let (_, sites) = app.get("/oauth/token/accessible-resources", &first.access).await;
    assert!(sites.to_string().contains("Lighthouse"));
    let (_, body) = app.refresh(&first.refresh).await;
    assert_eq!(body["scope"], "offline_access read:jira-work");
}

#[tokio::test]
async fn tests_can_have_accounts_of_their_own() {
    let app = App::start().await;
    let new = |key: &str, site: &str| NewAccount {
        key: key.to_owned(),
        name: None,
        sites: [site.to_owned()].into(),
    };
    let account = app.handle().create_account(new("test-1", "harbour")).unwrap();
    let other = app.handle().create_account(new("test-2", "harbour")).unwrap();
    assert_ne!(account.account_id, other.account_id);
    app.connect("test-1", &["harbour"], ALL_SCOPES).await;
    assert!(app.handle().create_account(new("test-1", "harbour")).is_err());
    assert!(app.handle().create_account(new("test 2", "harbour")).is_err());
    assert!(app.handle().create_account(new("test-3", "nowhere")).is_err());
    let response = app.http.get(app.url("/_sandbox/sites-of-accounts.css")).send().await.unwrap();
    assert!(response.text().await.unwrap().contains("test-1"));
}
