//! Comments on issues and on the requests of service projects.

use reqwest::{Method, StatusCode};
use sandbox::{NewProject, Settings};
use serde_json::{Value, json};

use crate::support::{App, HARBOUR, READ_WRITE, Tokens};

const SERVICE: &str =
    "read:jira-work write:jira-work read:jira-user offline_access write:servicedesk-request";

async fn start() -> (App, Tokens) {
    let app = App::start().await;
    let tokens = app.connect("sam", &["harbour"], SERVICE).await;
    (app, tokens)
}

fn document(text: &str) -> Value {
    let paragraph = json!({ "type": "paragraph", "content": [{ "type": "text", "text": text }] });
    json!({ "type": "doc", "version": 1, "content": [paragraph] })
}

async fn add(app: &App, body: Value, tokens: &Tokens) -> (StatusCode, Value) {
    app.send("POST", HARBOUR, "issue/SHIP-1/comment", body, tokens).await
}

async fn to_request(app: &App, issue: &str, body: Value, tokens: &Tokens) -> (StatusCode, Value) {
    let url = app.url(&format!("/ex/jira/{HARBOUR}/rest/servicedeskapi/request/{issue}/comment"));
    let request = app.http.request(Method::POST, url).bearer_auth(&tokens.access).json(&body);
    let response = request.send().await.unwrap();
    (response.status(), response.json().await.unwrap())
}

#[tokio::test]
async fn comments_are_added_listed_edited_and_deleted() {
    let (app, sam) = start().await;
    let properties = json!([{ "key": "juncture", "value": { "a": 1 } }]);
    let (status, first) = add(&app, json!({ "body": document("One"), "properties": properties }), &sam).await;
    assert_eq!(status, StatusCode::CREATED, "{first}");
    assert_eq!((&first["body"], &first["jsdPublic"]), (&document("One"), &json!(true)));
    assert!(
        first["id"].is_string() && first.get("visibility").is_none() && first.get("properties").is_none()
    );
    assert!(first["created"].as_str().unwrap().ends_with("+0000"));
    add(&app, json!({ "body": document("Two") }), &sam).await;
    let id = first["id"].as_str().unwrap();

    let (_, page) = app.jira(HARBOUR, "issue/SHIP-1/comment?maxResults=1", &sam.access).await;
    assert_eq!(page["comments"], json!([first]));
    assert_eq!((&page["total"], &page["maxResults"]), (&json!(2), &json!(1)));
    assert!(page.get("isLast").is_none());
    let newest = "issue/SHIP-1/comment?orderBy=-created&startAt=1&maxResults=1000";
    let (_, page) = app.jira(HARBOUR, newest, &sam.access).await;
    assert_eq!((&page["comments"], &page["maxResults"]), (&json!([first]), &json!(100)));
    let property = format!("comment/{id}/properties/juncture");
    let (_, property) = app.jira(HARBOUR, &property, &sam.access).await;
    assert_eq!(property, json!({ "key": "juncture", "value": { "a": 1 } }));
    for missing in [format!("comment/{id}/properties/other"), "comment/1/properties/juncture".to_owned()] {
        assert_eq!(app.jira(HARBOUR, &missing, &sam.access).await.0, StatusCode::NOT_FOUND);
    }

    let path = format!("issue/SHIP-1/comment/{id}");
    let body = json!({ "body": document("Three") });
    let (status, edited) = app.send("PUT", HARBOUR, &path, body.clone(), &sam).await;
    assert_eq!((status, &edited["body"]), (StatusCode::OK, &document("Three")));
    let ada = app.connect("ada", &["harbour"], READ_WRITE).await;
    assert_eq!(app.send("PUT", HARBOUR, &path, body.clone(), &ada).await.0, StatusCode::OK);
    let other = app.send("POST", HARBOUR, "issue/SHIP-1/comment", body.clone(), &ada).await.1;
    let other = format!("issue/SHIP-1/comment/{}", other["id"].as_str().unwrap());
    for (method, body) in [("PUT", body), ("DELETE", Value::Null)] {
        let (status, refused) = app.send(method, HARBOUR, &other, body, &sam).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "a missing permission has this status");
        assert!(refused["errors"]["comment"].is_string(), "{refused}");
    }
    assert_eq!(app.send("DELETE", HARBOUR, &path, Value::Null, &sam).await.0, StatusCode::NO_CONTENT);
    assert_eq!(app.jira(HARBOUR, &path, &sam.access).await.0, StatusCode::NOT_FOUND);
    // Comments go with their issue, and an issue's fields do not include them.
    assert_eq!(
        app.send("DELETE", HARBOUR, "issue/SHIP-1", Value::Null, &ada).await.0,
        StatusCode::NO_CONTENT
    );
    assert_eq!(app.jira(HARBOUR, &other, &ada.access).await.0, StatusCode::NOT_FOUND);
    assert_eq!(app.problems(), Vec::<String>::new());
}

#[tokio::test]
async fn a_visibility_has_to_exist_and_to_be_sent_again() {
    let (app, sam) = start().await;
    let with = |visibility: Value| json!({ "body": document("x"), "visibility": visibility });
    let role = json!({ "type": "role", "value": "Developers" });
    let (status, comment) = add(&app, with(role), &sam).await;
    assert_eq!(status, StatusCode::CREATED, "{comment}");
    let stored = json!({ "type": "role", "value": "Developers", "identifier": "Developers" });
    assert_eq!(comment["visibility"], stored);
    let path = format!("issue/SHIP-1/comment/{}", comment["id"].as_str().unwrap());
    let (_, kept) = app.send("PUT", HARBOUR, &path, with(stored.clone()), &sam).await;
    assert_eq!(kept["visibility"], stored);
    let (_, lost) = app.send("PUT", HARBOUR, &path, json!({ "body": document("x") }), &sam).await;
    assert!(lost.get("visibility").is_none(), "{lost}");
    for (visibility, said) in [
        (json!({ "type": "role", "value": "Nobody" }), "does not exist"),
        // The identifier has precedence.
        (json!({ "type": "group", "value": "dockers", "identifier": "x" }), "does not exist"),
        (json!({ "type": "group", "value": "auditors" }), "not a member"),
    ] {
        let (status, refused) = add(&app, with(visibility), &sam).await;
        assert_eq!(status, StatusCode::BAD_REQUEST);
        assert!(refused["errors"]["commentLevel"].as_str().unwrap().contains(said), "{refused}");
    }
    assert_eq!(app.problems(), Vec::<String>::new());
}

#[tokio::test]
async fn a_request_has_internal_comments_and_another_issue_has_none() {
    let (app, sam) = start().await;
    let new = NewProject { key: "DESK".to_owned(), issues: 1, boards: 0, sprints_per_board: 0 };
    app.handle().create_service_project("harbour", &new).unwrap();
    let text = json!({ "body": "a\nb", "public": false });
    let (status, made) = to_request(&app, "DESK-1", text.clone(), &sam).await;
    assert_eq!((status, &made["public"]), (StatusCode::CREATED, &json!(false)), "{made}");
    let path = format!("issue/DESK-1/comment/{}", made["id"].as_str().unwrap());
    let (_, comment) = app.jira(HARBOUR, &path, &sam.access).await;
    assert_eq!(comment["jsdPublic"], false);
    assert_eq!(comment["body"]["content"].as_array().unwrap().len(), 2);
    let (_, edited) = app.send("PUT", HARBOUR, &path, json!({ "body": document("c") }), &sam).await;
    assert_eq!(edited["jsdPublic"], false, "{edited}");
    for issue in ["SHIP-1", "DESK-2"] {
        let (status, refused) = to_request(&app, issue, text.clone(), &sam).await;
        assert_eq!(status, StatusCode::NOT_FOUND);
        assert!(refused["errorMessage"].is_string(), "{refused}");
    }
    let empty = json!({ "body": " ", "public": false });
    assert_eq!(to_request(&app, "DESK-1", empty, &sam).await.0, StatusCode::BAD_REQUEST);
    app.handle()
        .set_settings(Some("sam"), Settings { internal_comments_are_public: true, ..Settings::default() });
    assert_eq!(to_request(&app, "DESK-1", text.clone(), &sam).await.1["public"], true);
    let ada = app.connect("ada", &["harbour"], READ_WRITE).await;
    assert_eq!(to_request(&app, "DESK-1", text, &ada).await.0, StatusCode::UNAUTHORIZED);
    assert_eq!(app.problems(), Vec::<String>::new());
}

#[tokio::test]
async fn limits_and_mistakes_are_refused() {
    let (app, sam) = start().await;
    let long = json!({ "body": document(&"x".repeat(32_768)) });
    let (status, refused) = add(&app, long, &sam).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert!(refused["errors"]["comment"].as_str().unwrap().contains("32,767"), "{refused}");
    app.handle().set_settings(Some("sam"), Settings { max_comments: 1, ..Settings::default() });
    assert_eq!(add(&app, json!({ "body": document("1") }), &sam).await.0, StatusCode::CREATED);
    assert_eq!(add(&app, json!({ "body": document("2") }), &sam).await.0, StatusCode::PAYLOAD_TOO_LARGE);
    app.handle().set_settings(Some("sam"), Settings { read_only: true, ..Settings::default() });
    assert_eq!(add(&app, json!({ "body": document("3") }), &sam).await.0, StatusCode::BAD_REQUEST);
    app.handle().set_settings(Some("sam"), Settings::default());
    assert_eq!(app.problems(), Vec::<String>::new());

    let mistakes = [
        json!({ "body": "text" }),
        json!({ "body": { "type": "doc" } }),
        json!({ "body": document("x"), "jsdPublic": false }),
        json!({ "body": document("x"), "visibility": { "type": "team", "value": "a" } }),
        json!({ "body": document("x"), "visibility": { "type": "role" } }),
    ];
    for body in mistakes {
        let before = app.problems().len();
        assert_eq!(add(&app, body.clone(), &sam).await.0, StatusCode::BAD_REQUEST, "{body}");
        assert!(app.problems().len() > before, "{body}");
    }
    for path in ["issue/SHIP-1/comment?orderBy=updated", "issue/SHIP-1/comment?expand=properties"] {
        let before = app.problems().len();
        assert_eq!(app.jira(HARBOUR, path, &sam.access).await.0, StatusCode::BAD_REQUEST, "{path}");
        assert!(app.problems().len() > before, "{path}");
    }
    let before = app.problems().len();
    assert_eq!(to_request(&app, "SHIP-1", json!({ "body": "x" }), &sam).await.0, StatusCode::BAD_REQUEST);
    assert_eq!(app.problems().len(), before + 1, "public is not left to a default");
}
