//! The history of issues.

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::support::{App, HARBOUR, READ_WRITE, Tokens};

async fn edit(app: &App, tokens: &Tokens, fields: Value) {
    let (status, body) = app.send("PUT", HARBOUR, "issue/SHIP-9", json!({ "fields": fields }), tokens).await;
    assert_eq!(status, StatusCode::NO_CONTENT, "{body}");
}

#[tokio::test]
async fn edits_are_recorded_oldest_first_and_paged() {
    let app = App::start().await;
    let ada = app.connect("ada", &["harbour"], READ_WRITE).await;
    edit(&app, &ada, json!({ "labels": ["b", "a"], "summary": "Hire three hands" })).await;
    edit(&app, &ada, json!({ "duedate": "2026-12-24" })).await;
    for number in 0..101 {
        edit(&app, &ada, json!({ "summary": format!("Hire {number} hands") })).await;
    }
    let (status, page) = app.jira(HARBOUR, "issue/ship-9/changelog", &ada.access).await;
    assert_eq!(status, StatusCode::OK, "{page}");
    assert_eq!(page["values"].as_array().unwrap().len(), 100);
    assert_eq!(
        (&page["total"], &page["isLast"], &page["maxResults"]),
        (&json!(102), &json!(false), &json!(100))
    );
    assert!(page["nextPage"].as_str().unwrap().contains("startAt=100"));
    let first = &page["values"][0];
    assert_eq!(first["author"]["displayName"], "Ada Admin");
    assert!(first["created"].as_str().unwrap().ends_with("+0000"));
    let expected = json!([
        { "field": "summary", "fieldId": "summary", "fieldtype": "jira", "from": null,
          "fromString": "Hire two hands", "to": null, "toString": "Hire three hands" },
        { "field": "labels", "fieldId": "labels", "fieldtype": "jira", "from": "", "fromString": "", "to": "",
          "toString": "a b" },
    ]);
    assert_eq!(first["items"], expected);
    let (_, last) = app.jira(HARBOUR, "issue/SHIP-9/changelog?startAt=100&maxResults=500", &ada.access).await;
    assert_eq!((&last["isLast"], last["values"].as_array().unwrap().len()), (&json!(true), 2));
    assert_eq!(last["values"][1]["items"][0]["toString"], "Hire 100 hands");
    let (status, _) = app.jira(HARBOUR, "issue/SHIP-999/changelog", &ada.access).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    assert_eq!(app.problems(), Vec::<String>::new());
}
