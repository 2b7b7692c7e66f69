//! Links between issues.

use reqwest::StatusCode;
use sandbox::Settings;
use serde_json::{Value, json};

use crate::support::{ALL_SCOPES, App, HARBOUR, READ_WRITE, Tokens};

async fn start() -> (App, Tokens) {
    let app = App::start().await;
    let tokens = app.connect("ada", &["harbour"], READ_WRITE).await;
    (app, tokens)
}

async fn link(app: &App, tokens: &Tokens, kind: Value, inward: &str, outward: &str) -> (StatusCode, Value) {
    let body = json!({ "type": kind, "inwardIssue": { "key": inward }, "outwardIssue": { "key": outward } });
    app.send("POST", HARBOUR, "issueLink", body, tokens).await
}

async fn links(app: &App, tokens: &Tokens, issue: &str) -> Value {
    let path = format!("issue/{issue}?fields=issuelinks");
    let (_, mut issue) = app.jira(HARBOUR, &path, &tokens.access).await;
    issue["fields"]["issuelinks"].take()
}

#[tokio::test]
async fn the_inward_issue_blocks_the_outward_one_and_each_shows_the_other() {
    let (app, ada) = start().await;
    let (_, types) = app.jira(HARBOUR, "issueLinkType", &ada.access).await;
    let blocks = types["issueLinkTypes"][0].clone();
    assert_eq!((&blocks["name"], &blocks["outward"]), (&json!("Blocks"), &json!("blocks")));
    assert_eq!(types["issueLinkTypes"].as_array().unwrap().len(), 4);

    for kind in [json!({ "name": "Blocks" }), json!({ "id": blocks["id"] })] {
        // The second one is a duplicate.
        let made = link(&app, &ada, kind, "SHIP-1", "SHIP-2").await;
        assert_eq!(made, (StatusCode::CREATED, json!("")));
    }
    let (one, two) = (links(&app, &ada, "SHIP-1").await, links(&app, &ada, "SHIP-2").await);
    assert_eq!((one.as_array().unwrap().len(), two.as_array().unwrap().len()), (1, 1));
    assert_eq!((&one[0]["outwardIssue"]["key"], &one[0]["type"]), (&json!("SHIP-2"), &blocks));
    assert_eq!(two[0]["inwardIssue"]["key"], "SHIP-1");
    assert!(one[0].get("inwardIssue").is_none() && two[0].get("outwardIssue").is_none());
    assert_eq!(one[0]["id"], two[0]["id"]);
    assert_eq!(one[0]["outwardIssue"]["fields"]["status"]["id"], "3");

    let path = format!("issueLink/{}", one[0]["id"].as_str().unwrap());
    let (_, whole) = app.jira(HARBOUR, &path, &ada.access).await;
    assert_eq!(
        (&whole["inwardIssue"]["key"], &whole["outwardIssue"]["key"]),
        (&json!("SHIP-1"), &json!("SHIP-2"))
    );
    for status in [StatusCode::NO_CONTENT, StatusCode::NOT_FOUND] {
        assert_eq!(app.send("DELETE", HARBOUR, &path, Value::Null, &ada).await.0, status);
    }
    assert_eq!(app.jira(HARBOUR, &path, &ada.access).await.0, StatusCode::NOT_FOUND);
    assert_eq!(links(&app, &ada, "SHIP-1").await, json!([]));
    assert_eq!(app.problems(), Vec::<String>::new());
}

#[tokio::test]
async fn a_deleted_issue_has_no_links() {
    let (app, ada) = start().await;
    link(&app, &ada, json!({ "name": "Relates" }), "SHIP-7", "SHIP-10").await;
    assert_eq!(
        app.send("DELETE", HARBOUR, "issue/SHIP-10", Value::Null, &ada).await.0,
        StatusCode::NO_CONTENT
    );
    assert_eq!(links(&app, &ada, "SHIP-7").await, json!([]));
}

#[tokio::test]
async fn refusals_are_jiras() {
    let (app, ada) = start().await;
    let blocks = json!({ "name": "Blocks" });
    for (kind, inward, outward, status) in [
        (blocks.clone(), "SHIP-1", "SHIP-1", StatusCode::BAD_REQUEST),
        (blocks.clone(), "SHIP-1", "SHIP-999", StatusCode::NOT_FOUND),
        (json!({ "name": "Hinders" }), "SHIP-1", "SHIP-2", StatusCode::NOT_FOUND),
    ] {
        assert_eq!(link(&app, &ada, kind.clone(), inward, outward).await.0, status, "{kind} {outward}");
    }
    let reader = app.connect("sam", &["harbour"], ALL_SCOPES).await;
    assert_eq!(link(&app, &reader, blocks.clone(), "SHIP-1", "SHIP-2").await.0, StatusCode::UNAUTHORIZED);
    app.handle().set_settings(Some("ada"), Settings { read_only: true, ..Settings::default() });
    assert_eq!(link(&app, &ada, blocks.clone(), "SHIP-1", "SHIP-2").await.0, StatusCode::NOT_FOUND);
    assert_eq!(app.problems(), Vec::<String>::new());

    for body in [
        json!({ "type": {}, "inwardIssue": { "key": "SHIP-1" }, "outwardIssue": { "key": "SHIP-2" } }),
        json!({ "type": blocks, "inwardIssue": {}, "outwardIssue": { "key": "SHIP-2" } }),
        json!({ "type": blocks, "inwardIssue": { "key": "SHIP-1" } }),
    ] {
        let before = app.problems().len();
        let (status, _) = app.send("POST", HARBOUR, "issueLink", body.clone(), &ada).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{body}");
        assert!(app.problems().len() > before, "{body}");
    }
}
