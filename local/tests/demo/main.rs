//! The demo product over HTTP, against a stub of Juncture.
#![cfg(test)]

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::to_bytes;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use juncture_local::demo::{self, Demo, Options};
use reqwest::Method;
use reqwest::redirect::Policy;
use serde_json::{Value, json};
use tokio::net::TcpListener;

const SECRET: &str = "the-secret-key";
const TOKEN: &str = "an-access-token";

/// Chooses the response by the last segment of the path, and records the requests.
#[derive(Default)]
struct Stub {
    answers: Mutex<Vec<(&'static str, u16, Value)>>,
    requests: Mutex<Vec<(String, String)>>,
    /// The `Idempotency-Key` of each request that has one.
    keys: Mutex<Vec<String>>,
    /// The JSON bodies.
    bodies: Mutex<Vec<Value>>,
}

async fn answer(State(stub): State<Arc<Stub>>, request: Request) -> Response {
    let authorization = request.headers().get("authorization");
    let authorization = authorization.map_or("", |value| value.to_str().unwrap()).to_owned();
    stub.requests.lock().unwrap().push((request.uri().to_string(), authorization));
    let key = request.headers().get("idempotency-key").map(|key| key.to_str().unwrap().to_owned());
    stub.keys.lock().unwrap().extend(key);
    let path = request.uri().path().to_owned();
    let body = to_bytes(request.into_body(), usize::MAX).await.unwrap();
    stub.bodies.lock().unwrap().extend(serde_json::from_slice::<Value>(&body));
    let answers = stub.answers.lock().unwrap();
    match answers.iter().find(|(name, ..)| path.ends_with(name)) {
        Some((_, status, body)) => {
            (StatusCode::from_u16(*status).unwrap(), axum::Json(body.clone())).into_response()
        }
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

struct Fixture {
    stub: Arc<Stub>,
    http: reqwest::Client,
    url: String,
    _demo: Demo,
}

impl Fixture {
    async fn start(answers: &[(&'static str, u16, Value)]) -> Self {
        let stub = Arc::new(Stub { answers: Mutex::new(answers.to_vec()), ..Stub::default() });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let juncture_url = format!("http://{}", listener.local_addr().unwrap());
        let router = Router::new().fallback(answer).with_state(Arc::clone(&stub));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self::with(stub, juncture_url).await
    }

    async fn without_juncture() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let closed = format!("http://{}", listener.local_addr().unwrap());
        drop(listener);
        Self::with(Arc::default(), closed).await
    }

    async fn with(stub: Arc<Stub>, juncture_url: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let options = Options { juncture_url, secret_key: SECRET.to_owned(), product_url: url.clone() };
        let demo = demo::start(listener, options).await.unwrap();
        let http = reqwest::Client::builder().redirect(Policy::none()).build().unwrap();
        Self { stub, http, url, _demo: demo }
    }

    async fn get(&self, path: &str) -> (u16, Value) {
        self.ask(Method::GET, path).await
    }

    async fn ask(&self, method: Method, path: &str) -> (u16, Value) {
        let request = self.http.request(method, format!("{}{path}", self.url));
        let response = request.header("cookie", "other=1; lantern_workspace=w-1").send().await.unwrap();
        let status = response.status().as_u16();
        let text = response.text().await.unwrap();
        assert!(!text.contains(SECRET) && !text.contains(TOKEN), "a secret reached the browser");
        (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
    }
}

fn validity(exists: bool, is_expired: bool, is_invalid: bool) -> (&'static str, u16, Value) {
    let (name, url) = (exists.then_some("Harbour"), exists.then_some("https://harbour.atlassian.net"));
    let body = json!({ "exists": exists, "is_expired": is_expired, "is_invalid": is_invalid, "site_name": name,
        "site_url": url });
    ("/check-connection-validity", 200, body)
}

fn token(status: u16) -> (&'static str, u16, Value) {
    let body = match status {
        200 => json!({ "access_token": TOKEN, "expires_at": "2026-11-20T14:05:00Z" }),
        _ => json!({ "error": "…", "needs_reauthorization": true }),
    };
    ("/get-access-token", status, body)
}

#[tokio::test]
async fn the_page_is_strict_about_what_it_loads_and_holds_no_secret() {
    let fixture = Fixture::start(&[]).await;
    let response = fixture.http.get(&fixture.url).send().await.unwrap();
    let policy = response.headers()["content-security-policy"].to_str().unwrap().to_owned();
    assert!(policy.starts_with("default-src 'none'") && !policy.contains("unsafe"));
    let html = response.text().await.unwrap();
    for id in ["connect", "state", "reconnect"] {
        assert!(html.contains(&format!(r#"id="{id}""#)));
    }
    assert!(!html.contains(SECRET));
    let board = fixture.http.get(format!("{}/board", fixture.url)).send().await.unwrap();
    assert_eq!(board.headers()["content-security-policy"].to_str().unwrap(), policy);
    let board = board.text().await.unwrap();
    assert!(board.contains(r#"id="columns""#) && !board.contains(SECRET));
    // What the pages load, and what their scripts import.
    let mut assets =
        vec!["/style.css".to_owned(), "/board.css".to_owned(), "/demo.js".to_owned(), "/board.js".to_owned()];
    let mut next = 0;
    while let Some(asset) = assets.get(next).cloned() {
        let (status, text) = fixture.get(&asset).await;
        assert_eq!(status, 200, "{asset}");
        let imported = text.as_str().unwrap_or_default().split("from \"./").skip(1);
        let imported: Vec<_> =
            imported.filter_map(|rest| Some(format!("/{}", rest.split('"').next()?))).collect();
        assets.extend(imported.into_iter().filter(|one| !assets.contains(one)).collect::<Vec<_>>());
        next += 1;
    }
    assert!(assets.len() > 12, "{assets:?}");
}

#[tokio::test]
async fn a_workspace_is_chosen_by_query_and_kept_in_a_cookie() {
    let fixture = Fixture::start(&[]).await;
    let visit = |path: &str| fixture.http.get(format!("{}{path}", fixture.url)).send();
    let response = visit("/?workspace=team_7").await.unwrap();
    assert_eq!(response.status(), 303);
    assert!(response.headers()["set-cookie"].to_str().unwrap().starts_with("lantern_workspace=team_7;"));
    for bad in ["", "a%20b", "%3Cscript%3E", &"x".repeat(65)] {
        assert_eq!(visit(&format!("/?workspace={bad}")).await.unwrap().status(), 400, "{bad}");
    }
    let fresh = visit("/").await.unwrap();
    // The `external_id` that the README uses after the first "Connect Jira".
    assert!(fresh.headers()["set-cookie"].to_str().unwrap().starts_with("lantern_workspace=demo;"));
    assert!(fresh.text().await.unwrap().contains(r#"data-workspace="demo""#));
    let (_, page) = fixture.get("/").await;
    assert!(page.as_str().unwrap().contains(r#"data-workspace="w-1""#));
    assert_eq!(visit("/api/connection").await.unwrap().status(), 400);
}

#[tokio::test]
async fn the_backend_asks_with_the_secret_key_and_for_the_workspace() {
    let fixture = Fixture::start(&[validity(true, false, false), token(200)]).await;
    let (_, connection) = fixture.get("/api/connection").await;
    let expected = json!({ "state": "connected", "token_expires_at": "2026-11-20T14:05:00Z", "problem": null,
        "site_name": "Harbour", "site_url": "https://harbour.atlassian.net" });
    assert_eq!(connection, expected);
    let requests = fixture.stub.requests.lock().unwrap();
    assert_eq!(requests.len(), 2);
    for (uri, authorization) in requests.iter() {
        assert!(uri.ends_with("?external_id=w-1&provider=jira"), "{uri}");
        assert_eq!(authorization, &format!("Bearer {SECRET}"));
    }
}

#[tokio::test]
async fn the_states_of_a_connection_are_distinguished() {
    let cases = [
        (vec![validity(false, false, false)], "not_connected"),
        (vec![validity(true, true, false)], "reconnect_needed"),
        (vec![validity(false, false, true)], "reconnect_needed"),
        (vec![validity(true, false, false), token(403)], "reconnect_needed"),
        (vec![validity(true, false, false), token(500)], "connected"),
        (vec![("/check-connection-validity", 401, json!({}))], "unavailable"),
        (vec![("/check-connection-validity", 200, json!([]))], "unavailable"),
        (vec![], "unavailable"),
    ];
    for (answers, expected) in cases {
        let fixture = Fixture::start(&answers).await;
        let (status, connection) = fixture.get("/api/connection").await;
        assert_eq!((status, &connection["state"]), (200, &json!(expected)), "{answers:?}");
    }
}

#[tokio::test]
async fn juncture_being_down_is_a_sentence_and_not_a_crash() {
    let fixture = Fixture::without_juncture().await;
    let (_, connection) = fixture.get("/api/connection").await;
    assert_eq!(connection["state"], "unavailable");
    assert_eq!(connection["problem"], "Juncture can't be reached. Is it running?");
    assert_eq!(fixture.get("/api/projects").await.0, 502);
    assert_eq!(fixture.get("/").await.0, 200);
}

#[tokio::test]
async fn a_visitor_can_disconnect_their_own_workspace() {
    let fixture = Fixture::start(&[("/connection", 200, json!({ "success": true }))]).await;
    assert_eq!(fixture.ask(Method::DELETE, "/api/connection").await, (200, json!({ "success": true })));
    let requests = fixture.stub.requests.lock().unwrap().clone();
    let uri = "/api/backend/connection-info/connection".to_owned();
    assert_eq!(requests, [(uri, format!("Bearer {SECRET}"))]);
}

#[tokio::test]
async fn projects_are_passed_on_when_juncture_offers_them() {
    let body = json!({ "projects": [{ "id": "1", "key": "SHIP", "name": "Shipping" }], "total": 1 });
    let fixture = Fixture::start(&[("/get-projects", 200, body.clone())]).await;
    assert_eq!(fixture.get("/api/projects").await, (200, body));
}

#[tokio::test]
async fn junctures_errors_are_shown_and_its_failures_become_the_products() {
    let sentence = "Invalid field values provided";
    let details = json!({ "messages": ["No such thing."], "fields": { "summary": "Too long." } });
    let told = json!({ "error": format!("{sentence}. Jira says: No such thing. Too long.") });
    for (status, expected) in [(400, 400), (404, 404), (401, 502), (500, 502)] {
        let body = json!({ "error": sentence, "details": details });
        let fixture = Fixture::start(&[("/get-projects", status, body)]).await;
        assert_eq!(fixture.get("/api/projects").await, (expected, told.clone()));
    }
    let fixture = Fixture::start(&[("/get-projects", 500, json!({}))]).await;
    let unsaid = json!({ "error": "Juncture answered with status 500." });
    assert_eq!(fixture.get("/api/projects").await, (502, unsaid));
}

#[tokio::test]
async fn an_issue_comes_with_its_description_as_safe_html() {
    let issue = |description: Value| json!({ "issue": { "key": "SHIP-1", "description": description } });
    let described = issue(json!("**Now**, <b>not</b> [later](javascript:alert(1))"));
    let fixture = Fixture::start(&[("/get-issue-details", 200, described)]).await;
    let (_, answer) = fixture.get("/api/issues/SHIP-1").await;
    let html = answer["description_html"].as_str().unwrap();
    assert!(html.contains("<strong>Now</strong>, &lt;b&gt;not") && !html.contains("javascript"), "{html}");
    let fixture = Fixture::start(&[("/get-issue-details", 200, issue(Value::Null))]).await;
    assert_eq!(fixture.get("/api/issues/SHIP-1").await.1["description_html"], Value::Null);
    let (uri, _) = fixture.stub.requests.lock().unwrap()[0].clone();
    assert_eq!(uri, "/api/backend/jira/get-issue-details?external_id=w-1&issue_id_or_key=SHIP-1");
}

#[tokio::test]
async fn a_project_without_boards_has_an_empty_list_of_them() {
    let none = json!({ "error": "No agile boards found for this project", "code": "no_boards" });
    let answers =
        ["/get-boards-for-project", "/get-all-sprints-for-project"].map(|name| (name, 404, none.clone()));
    let fixture = Fixture::start(&answers).await;
    for list in ["boards", "sprints"] {
        let found = fixture.get(&format!("/api/{list}?project=10000")).await;
        assert_eq!(found, (200, json!({ "boards": [] })), "{list}");
    }
    let gone = json!({ "error": "Project not found", "code": "project_not_found" });
    let fixture = Fixture::start(&[("/get-boards-for-project", 404, gone)]).await;
    assert_eq!(fixture.get("/api/boards?project=1").await, (404, json!({ "error": "Project not found" })));
}

#[tokio::test]
async fn a_form_that_is_sent_twice_has_one_idempotency_key() {
    let added = ("/add-comment", 200, json!({ "success": true, "comment": { "id": "1", "body": "*Now*" } }));
    let fixture = Fixture::start(&[added]).await;
    let comment = async |form: &str, text: &str| {
        let request = fixture.http.post(format!("{}/api/issues/SHIP-1/comments", fixture.url));
        let request = request.header("cookie", "lantern_workspace=w-1").header("lantern-form", form);
        let response = request.json(&json!({ "body": text })).send().await.unwrap();
        (response.status().as_u16(), response.json::<Value>().await.unwrap())
    };
    for form in ["", "1", "not-a-form"] {
        let sentence = json!({ "error": "The form has no valid id. Load the page again." });
        assert_eq!(comment(form, "Now").await, (400, sentence), "{form}");
    }
    let form = async || fixture.ask(Method::POST, "/api/forms").await.1["form"].as_str().unwrap().to_owned();
    let (one, other) = (form().await, form().await);
    let (status, answer) = comment(&one, "Now").await;
    assert_eq!((status, &answer["comment"]["html"]), (200, &json!("<p><em>Now</em></p>\n")));
    for (form, text) in [(&one, "Now"), (&one, "Later"), (&other, "Now")] {
        assert_eq!(comment(form, text).await.0, 200);
    }
    let keys = fixture.stub.keys.lock().unwrap().clone();
    let [first, again, changed, another] = &keys[..] else { panic!("{keys:?}") };
    assert_eq!(first, again);
    assert!(first != changed && first != another && changed != another, "{keys:?}");
}

#[tokio::test]
async fn a_file_that_is_too_large_is_refused_with_a_sentence() {
    let fixture = Fixture::start(&[("/add-attachment", 200, json!({ "success": true }))]).await;
    let form = fixture.ask(Method::POST, "/api/forms").await.1["form"].as_str().unwrap().to_owned();
    let attach = async |bytes: usize| {
        let request = fixture.http.post(format!("{}/api/issues/SHIP-1/files?name=log.bin", fixture.url));
        let request = request.header("cookie", "lantern_workspace=w-1").header("lantern-form", &form);
        let response = request.body(vec![7; bytes]).send().await.unwrap();
        (response.status().as_u16(), response.json::<Value>().await.unwrap())
    };
    let sentence = json!({ "error": "A file can have at most 4 MB." });
    assert_eq!(attach(5 * 1024 * 1024).await, (413, sentence));
    assert_eq!(attach(4 * 1024 * 1024).await, (200, json!({ "success": true })));
}

#[tokio::test]
async fn what_a_transition_asks_for_reaches_the_page_as_a_form() {
    let fields = json!([{ "id": "resolution", "name": "Resolution", "required": true }]);
    let details = json!({ "transition_id": "5", "form": { "fields": fields } });
    let body = json!({ "error": "Fill it in", "code": "fields_required", "details": details });
    let fixture = Fixture::start(&[("/transition-issue", 400, body)]).await;
    let request = fixture.http.post(format!("{}/api/issues/SHIP-1/status", fixture.url));
    let request = request.header("cookie", "lantern_workspace=w-1").json(&json!({ "status_ids": ["3"] }));
    let answer: Value = request.send().await.unwrap().json().await.unwrap();
    assert_eq!(answer, json!({ "error": "Fill it in", "form": { "transition_id": "5", "fields": fields } }));
}

#[tokio::test]
async fn of_a_columns_statuses_the_first_that_can_be_reached_is_chosen() {
    let transitions =
        json!({ "transitions": [{ "id": "7", "status_id": "30" }, { "id": "8", "status_id": "20" }] });
    let answers =
        [("/get-transitions", 200, transitions), ("/transition-issue", 200, json!({ "success": true }))];
    for (column, chosen, requests) in
        [(json!(["10"]), "10", 1), (json!(["10", "20", "30"]), "20", 2), (json!(["10", "11"]), "10", 2)]
    {
        let fixture = Fixture::start(&answers).await;
        let request = fixture.http.post(format!("{}/api/issues/SHIP-1/status", fixture.url));
        let request =
            request.header("cookie", "lantern_workspace=w-1").json(&json!({ "status_ids": column }));
        assert_eq!(request.send().await.unwrap().status(), 200);
        let expected = json!({ "external_id": "w-1", "issue_id_or_key": "SHIP-1", "status_id": chosen });
        assert_eq!(*fixture.stub.bodies.lock().unwrap(), [expected], "{column}");
        assert_eq!(fixture.stub.requests.lock().unwrap().len(), requests, "{column}");
    }
}
