//! Worklogs.

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::support::{App, HARBOUR, READ_WRITE, Tokens};

async fn start() -> (App, Tokens) {
    let app = App::start().await;
    let tokens = app.connect("ada", &["harbour"], READ_WRITE).await;
    (app, tokens)
}

async fn tracking(app: &App, tokens: &Tokens, issue: &str) -> Value {
    let (_, issue) = app.jira(HARBOUR, &format!("issue/{issue}?fields=timetracking"), &tokens.access).await;
    issue["fields"]["timetracking"].clone()
}

#[tokio::test]
async fn a_worklog_counts_towards_the_time_spent() {
    let (app, ada) = start().await;
    let before = tracking(&app, &ada, "SHIP-2").await;
    let spent = before["timeSpentSeconds"].as_u64().unwrap_or(0);
    let remaining = before["remainingEstimateSeconds"].as_u64().unwrap();
    let body = json!({
        "timeSpentSeconds": 3600,
        "started": "2026-01-07T08:30:00.000+0100",
        "properties": [{ "key": "app", "value": { "a": 1 } }],
    });
    let (status, added) = app.send("POST", HARBOUR, "issue/SHIP-2/worklog", body, &ada).await;
    assert_eq!(status, StatusCode::CREATED, "{added}");
    assert_eq!(
        (&added["started"], &added["timeSpent"]),
        (&json!("2026-01-07T07:30:00.000+0000"), &json!("60m"))
    );
    assert!(added.get("properties").is_none() && added.get("comment").is_none());
    let after = tracking(&app, &ada, "SHIP-2").await;
    assert_eq!(after["timeSpentSeconds"], spent + 3600);
    assert_eq!(after["remainingEstimateSeconds"], remaining.saturating_sub(3600));

    let path = "issue/SHIP-2/worklog?expand=properties";
    let (_, list) = app.jira(HARBOUR, path, &ada.access).await;
    assert_eq!((&list["total"], &list["maxResults"]), (&json!(1), &json!(5000)));
    assert_eq!(list["worklogs"][0]["properties"], json!([{ "key": "app", "value": { "a": 1 } }]));
    for (query, total) in [
        ("startedAfter=1767771000000", 0),
        ("startedAfter=1767770999999", 1),
        ("startedBefore=1767771000000", 0),
        ("startedAfter=1767770999999&startedBefore=1767771000001", 1),
    ] {
        let (_, list) = app.jira(HARBOUR, &format!("issue/SHIP-2/worklog?{query}"), &ada.access).await;
        assert_eq!(list["total"], total, "{query}");
    }

    let id = added["id"].as_str().unwrap();
    let path = format!("issue/SHIP-2/worklog/{id}?adjustEstimate=new&newEstimate=90m");
    let (status, body) = app.send("DELETE", HARBOUR, &path, Value::Null, &ada).await;
    assert_eq!((status, body), (StatusCode::NO_CONTENT, json!("")));
    let end = tracking(&app, &ada, "SHIP-2").await;
    assert_eq!((&end["timeSpentSeconds"], &end["remainingEstimateSeconds"]), (&json!(spent), &json!(5400)));
    let (status, _) = app.send("DELETE", HARBOUR, &path, Value::Null, &ada).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    assert_eq!(app.problems(), Vec::<String>::new());
}

#[tokio::test]
async fn what_jira_refuses_is_a_violation() {
    let (app, ada) = start().await;
    for (path, body) in [
        ("", json!({ "timeSpentSeconds": 59 })),
        ("", json!({ "timeSpentSeconds": 60, "started": "2026-01-07T08:30:00Z" })),
        ("", json!({ "timeSpentSeconds": 60, "started": "2026-01-07T08:30:00.000+00:00" })),
        ("", json!({ "timeSpentSeconds": 60, "started": "2026-01-07T08:30:00.00+00000" })),
        ("", json!({ "timeSpentSeconds": 60, "comment": { "type": "paragraph" } })),
        ("", json!({ "timeSpent": "1h" })),
        ("?adjustEstimate=new", json!({ "timeSpentSeconds": 60 })),
        ("?adjustEstimate=manual&reduceBy=1h", json!({ "timeSpentSeconds": 60 })),
        ("?adjustEstimate=some", json!({ "timeSpentSeconds": 60 })),
    ] {
        let before = app.problems().len();
        let path = format!("issue/SHIP-2/worklog{path}");
        let (status, answer) = app.send("POST", HARBOUR, &path, body.clone(), &ada).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{path} {body}: {answer}");
        assert!(app.problems().len() > before, "{path} {body}");
    }
    let (_, list) = app.jira(HARBOUR, "issue/SHIP-2/worklog", &ada.access).await;
    assert_eq!(list["total"], 0);
}
