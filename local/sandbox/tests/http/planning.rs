//! Board configurations, backlogs, sprints as they are planned, and the order of issues.

use reqwest::StatusCode;
use sandbox::{NewProject, Settings};
use serde_json::{Value, json};

use crate::support::{AGILE_SCOPES, App, HARBOUR, LIGHTHOUSE, read};

const PLANNING: &str = "read:jira-work write:jira-work offline_access read:board-scope:jira-software \
    read:project:jira read:sprint:jira-software read:issue-details:jira read:jql:jira \
    read:board-scope.admin:jira-software write:sprint:jira-software write:board-scope:jira-software \
    write:issue:jira-software";

async fn app() -> (App, String) {
    let app = App::start().await;
    let ada = app.connect("ada", &["harbour", "lighthouse"], PLANNING).await;
    (app, ada.access)
}

/// Sends a request to Jira Software's API; `null` means no body.
async fn send(
    app: &App,
    token: &str,
    method: &str,
    site: &str,
    path: &str,
    body: Value,
) -> (StatusCode, Value) {
    let url = app.url(&format!("/ex/jira/{site}/rest/{path}"));
    let request = app.http.request(method.parse().unwrap(), url).bearer_auth(token);
    let request = if body.is_null() { request } else { request.json(&body) };
    read(request.send().await.unwrap()).await
}

async fn post(app: &App, token: &str, path: &str, body: Value) -> (StatusCode, Value) {
    send(app, token, "POST", HARBOUR, &format!("agile/1.0/{path}"), body).await
}

async fn rank(app: &App, token: &str, body: Value) -> (StatusCode, Value) {
    send(app, token, "PUT", HARBOUR, "agile/1.0/issue/rank", body).await
}

fn keys(page: &Value) -> Vec<&str> {
    page["issues"].as_array().unwrap().iter().map(|issue| issue["key"].as_str().unwrap()).collect()
}

async fn backlog(app: &App, token: &str, board: u64) -> Value {
    let path = format!("software/1.0/board/{board}/backlog?fields=summary");
    let (status, page) = send(app, token, "GET", HARBOUR, &path, Value::Null).await;
    assert_eq!(status, StatusCode::OK, "{page}");
    page
}

#[tokio::test]
async fn a_configuration_has_columns_and_only_boards_with_sprints_an_estimation() {
    let (app, token) = app().await;
    let (status, scrum) = app.agile(HARBOUR, "board/1/configuration", &token).await;
    assert_eq!(status, StatusCode::OK, "{scrum}");
    assert_eq!(scrum["columnConfig"]["columns"][2]["statuses"][0]["id"], "10001");
    assert_eq!(scrum["estimation"]["field"]["fieldId"], "customfield_10016");
    assert_eq!((&scrum["location"]["key"], &scrum["location"]["id"]), (&json!("SHIP"), &json!("10000")));
    assert_eq!(scrum["ranking"]["rankCustomFieldId"], 10_019);
    let (_, kanban) = app.agile(HARBOUR, "board/2/configuration", &token).await;
    assert_eq!(kanban["columnConfig"]["columns"][0]["statuses"], json!([]));
    assert_eq!(kanban["columnConfig"]["columns"][2]["max"], 5);
    assert!(kanban.get("estimation").is_none() && kanban["subQuery"].is_object());
    for board in [3, 99] {
        let path = format!("board/{board}/configuration");
        assert_eq!(app.agile(HARBOUR, &path, &token).await.0, StatusCode::NOT_FOUND, "{board}");
    }
    assert_eq!(app.problems(), Vec::<String>::new());
}

#[tokio::test]
async fn a_backlog_has_what_is_neither_planned_nor_done_and_kanban_boards_have_none() {
    let (app, token) = app().await;
    let page = backlog(&app, &token, 1).await;
    assert_eq!(keys(&page), ["SHIP-1", "SHIP-9", "SHIP-10", "SHIP-11", "SHIP-12"]);
    assert_eq!(page["isLast"], true);
    let path = "software/1.0/board/2/backlog";
    let (status, body) = send(&app, &token, "GET", HARBOUR, path, Value::Null).await;
    assert_eq!(status, StatusCode::BAD_REQUEST, "{body}");
    let path = "software/1.0/board/99/backlog";
    assert_eq!(send(&app, &token, "GET", HARBOUR, path, Value::Null).await.0, StatusCode::NOT_FOUND);
    // The removed endpoint.
    let (status, _) = app.agile(HARBOUR, "board/1/backlog", &token).await;
    assert_eq!((status, app.problems().len()), (StatusCode::NOT_FOUND, 1));
}

#[tokio::test]
async fn a_backlog_is_paged_by_token() {
    let (app, token) = app().await;
    let (mut found, mut path) = (Vec::new(), "software/1.0/board/1/backlog?maxResults=30".to_owned());
    loop {
        let (status, page) = send(&app, &token, "GET", LIGHTHOUSE, &path, Value::Null).await;
        assert_eq!(status, StatusCode::OK, "{page}");
        // All fields, because none are named.
        assert!(page["issues"][0]["fields"]["customfield_10019"].is_string(), "{page}");
        found.extend(keys(&page).into_iter().map(str::to_owned));
        let Some(next) = page["nextPageToken"].as_str() else { break };
        path = format!("software/1.0/board/1/backlog?maxResults=30&nextPageToken={next}");
    }
    let numbers: Vec<u32> = found.iter().filter_map(|key| key.split_once('-')?.1.parse().ok()).collect();
    assert!(numbers.len() > 60 && numbers.is_sorted(), "{numbers:?}");
    assert_eq!(app.problems(), Vec::<String>::new());
    let path = "software/1.0/board/1/backlog?nextPageToken=made-up";
    assert_eq!(send(&app, &token, "GET", LIGHTHOUSE, path, Value::Null).await.0, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_sprint_is_planned_started_and_completed() {
    let (app, token) = app().await;
    let new = NewProject { key: "PLAN".to_owned(), issues: 3, boards: 1, sprints_per_board: 0 };
    let board = app.handle().create_project("harbour", &new).unwrap().boards[0];
    let plan = json!({ "name": " One ", "originBoardId": board, "goal": "Sail" });
    let (status, sprint) = post(&app, &token, "sprint", plan).await;
    assert_eq!(status, StatusCode::CREATED, "{sprint}");
    assert_eq!((&sprint["name"], &sprint["state"]), (&json!("One"), &json!("future")));
    assert!(sprint.get("startDate").is_none());
    let path = format!("sprint/{}", sprint["id"]);
    let listed = app.agile(HARBOUR, &format!("board/{board}/sprint"), &token).await.1;
    assert_eq!(listed["values"][0], sprint);

    let refused = |body: Value| post(&app, &token, &path, body);
    assert_eq!(refused(json!({ "state": "active" })).await.0, StatusCode::BAD_REQUEST, "no dates");
    assert_eq!(refused(json!({ "state": "closed" })).await.0, StatusCode::BAD_REQUEST, "never started");
    let (start, end) = ("2026-12-01T09:00:00.000Z", "2026-12-15T09:00:00.000Z");
    assert_eq!(refused(json!({ "startDate": end, "endDate": start })).await.0, StatusCode::BAD_REQUEST);
    let (status, dated) = post(&app, &token, &path, json!({ "startDate": start, "endDate": end })).await;
    assert_eq!((status, &dated["endDate"], &dated["goal"]), (StatusCode::OK, &json!(end), &json!("Sail")));
    let (status, active) = post(&app, &token, &path, json!({ "state": "active", "goal": "" })).await;
    assert_eq!((status, &active["state"], active.get("goal")), (StatusCode::OK, &json!("active"), None));
    assert_eq!(refused(json!({ "state": "active" })).await.0, StatusCode::BAD_REQUEST, "started");

    let (_, second) = post(&app, &token, "sprint", json!({ "name": "Two", "originBoardId": board })).await;
    let second = format!("sprint/{}", second["id"]);
    let go = json!({ "state": "active", "startDate": start, "endDate": end });
    assert_eq!(post(&app, &token, &second, go).await.0, StatusCode::BAD_REQUEST, "two active ones");

    let (_, closed) = post(&app, &token, &path, json!({ "state": "closed" })).await;
    assert!(closed["completeDate"].is_string(), "{closed}");
    assert_eq!(refused(json!({ "endDate": end })).await.0, StatusCode::BAD_REQUEST);
    assert_eq!(post(&app, &token, &path, json!({ "name": "Done" })).await.1["name"], "Done");
    assert_eq!(app.problems(), Vec::<String>::new());

    for (path, body, expected) in [
        ("sprint", json!({ "name": "x", "originBoardId": 2 }), 400),
        ("sprint", json!({ "name": "x", "originBoardId": 99 }), 404),
        ("sprint/99", json!({ "name": "x" }), 404),
    ] {
        assert_eq!(post(&app, &token, path, body).await.0, expected, "{path}");
    }
    assert_eq!(app.problems(), Vec::<String>::new());
    for body in [
        json!({ "name": "x".repeat(31), "originBoardId": board }),
        json!({ "name": "x", "originBoardId": board, "startDate": "2026-12-01" }),
        json!({ "name": "x" }),
        json!({ "name": "x", "originBoardId": board.to_string() }),
    ] {
        assert_eq!(post(&app, &token, "sprint", body).await.0, StatusCode::BAD_REQUEST);
    }
    assert_eq!(app.problems().len(), 4);
}

#[tokio::test]
async fn issues_move_between_sprints_and_the_backlog_and_keep_their_order() {
    let (app, token) = app().await;
    let (status, _) = post(&app, &token, "sprint/503/issue", json!({ "issues": ["SHIP-9", "10110"] })).await;
    assert_eq!(status, StatusCode::NO_CONTENT);
    assert_eq!(keys(&backlog(&app, &token, 1).await), ["SHIP-1", "SHIP-11", "SHIP-12"]);
    // SHIP-2 was in the closed sprint too, which is its history.
    let (status, _) = post(&app, &token, "backlog/issue", json!({ "issues": ["SHIP-2"] })).await;
    assert_eq!(status, StatusCode::NO_CONTENT);
    assert_eq!(keys(&backlog(&app, &token, 1).await), ["SHIP-1", "SHIP-2", "SHIP-11", "SHIP-12"]);
    let (_, issue) = app.jira(HARBOUR, "issue/SHIP-2", &token).await;
    assert_eq!(issue["fields"]["customfield_10020"][0]["state"], "closed");

    let place = json!({ "issues": ["SHIP-12", "SHIP-9"], "rankBeforeIssue": "SHIP-2" });
    assert_eq!(post(&app, &token, "backlog/1/issue", place).await.0, StatusCode::NO_CONTENT);
    assert_eq!(keys(&backlog(&app, &token, 1).await), ["SHIP-1", "SHIP-12", "SHIP-9", "SHIP-2", "SHIP-11"]);
    let place = json!({ "issues": ["SHIP-1", "SHIP-12"], "rankAfterIssue": "SHIP-11" });
    for _ in 0..2 {
        assert_eq!(rank(&app, &token, place.clone()).await.0, StatusCode::NO_CONTENT);
        let page = backlog(&app, &token, 1).await;
        assert_eq!(keys(&page), ["SHIP-9", "SHIP-2", "SHIP-11", "SHIP-1", "SHIP-12"]);
    }
    let itself = json!({ "issues": ["SHIP-9"], "rankBeforeIssue": "SHIP-9" });
    assert_eq!(rank(&app, &token, itself).await.0, StatusCode::NO_CONTENT);

    let some = json!({ "issues": ["SHIP-11", "SHIP-999"], "rankBeforeIssue": "SHIP-9" });
    let (status, body) = rank(&app, &token, some).await;
    assert_eq!(status, StatusCode::MULTI_STATUS, "{body}");
    assert_eq!((&body["entries"][0]["status"], &body["entries"][1]["status"]), (&json!(200), &json!(404)));
    assert_eq!(keys(&backlog(&app, &token, 1).await)[0], "SHIP-11");

    for (path, body, expected) in [
        ("sprint/501/issue", json!({ "issues": ["SHIP-9"] }), 400),
        ("sprint/99/issue", json!({ "issues": ["SHIP-9"] }), 404),
        ("sprint/503/issue", json!({ "issues": ["SHIP-9", "SHIP-999"] }), 400),
        ("backlog/issue", json!({ "issues": ["SHIP-999"] }), 400),
        ("backlog/99/issue", json!({ "issues": ["SHIP-9"] }), 404),
    ] {
        assert_eq!(post(&app, &token, path, body).await.0, expected, "{path}");
    }
    assert_eq!(app.problems(), Vec::<String>::new());
    let many: Vec<String> = (0..51).map(|number| format!("SHIP-{number}")).collect();
    for body in [json!({ "issues": many }), json!({ "issues": [] }), json!({ "issues": [10109] })] {
        assert_eq!(post(&app, &token, "sprint/503/issue", body).await.0, StatusCode::BAD_REQUEST);
    }
    let both = json!({ "issues": ["SHIP-9"], "rankBeforeIssue": "SHIP-1", "rankAfterIssue": "SHIP-2" });
    assert_eq!(rank(&app, &token, both).await.0, StatusCode::BAD_REQUEST);
    assert_eq!(rank(&app, &token, json!({ "issues": ["SHIP-9"] })).await.0, StatusCode::BAD_REQUEST);
    let place = json!({ "issues": ["SHIP-9"], "rankBeforeIssue": "SHIP-1" });
    assert_eq!(post(&app, &token, "backlog/issue", place).await.0, StatusCode::BAD_REQUEST);
    assert_eq!(app.problems().len(), 6);
}

#[tokio::test]
async fn each_write_requires_its_own_scope_and_permission() {
    let app = App::start().await;
    let calls = [
        ("GET", "agile/1.0/board/1/configuration", Value::Null, "read:board-scope.admin:jira-software"),
        ("GET", "software/1.0/board/1/backlog", Value::Null, "read:jql:jira"),
        ("POST", "agile/1.0/sprint/503", json!({ "goal": "Sail" }), "write:sprint:jira-software"),
        ("POST", "agile/1.0/sprint/503/issue", json!({ "issues": ["SHIP-9"] }), "write:sprint:jira-software"),
        (
            "POST",
            "agile/1.0/backlog/issue",
            json!({ "issues": ["SHIP-9"] }),
            "write:board-scope:jira-software",
        ),
        (
            "PUT",
            "agile/1.0/issue/rank",
            json!({ "issues": ["SHIP-9"], "rankAfterIssue": "SHIP-1" }),
            "write:issue:jira-software",
        ),
    ];
    for (method, path, body, scope) in calls.clone() {
        let others: Vec<&str> = PLANNING.split_whitespace().filter(|other| *other != scope).collect();
        let token = app.connect("ada", &["harbour"], &others.join(" ")).await.access;
        let (status, answer) = send(&app, &token, method, HARBOUR, path, body).await;
        assert_eq!(status, StatusCode::UNAUTHORIZED, "{path}: {answer}");
    }
    let token = app.connect("ada", &["harbour"], AGILE_SCOPES).await.access;
    app.handle().set_settings(None, Settings { read_only: true, ..Settings::default() });
    assert_eq!(send(&app, &token, "POST", HARBOUR, calls[2].1, json!({})).await.0, StatusCode::UNAUTHORIZED);
    let token = app.connect("ada", &["harbour"], PLANNING).await.access;
    for (method, path, body, _) in calls.into_iter().skip(2) {
        let (status, answer) = send(&app, &token, method, HARBOUR, path, body).await;
        assert_eq!(status, StatusCode::FORBIDDEN, "{path}: {answer}");
    }
    assert_eq!(app.problems(), Vec::<String>::new());
}
