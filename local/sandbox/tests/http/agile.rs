//! Boards and sprints.

use reqwest::StatusCode;
use sandbox::NewProject;
use serde_json::{Value, json};

use crate::support::{AGILE_SCOPES, ALL_SCOPES, App, HARBOUR};

fn ids(page: &Value) -> Vec<u64> {
    page["values"].as_array().unwrap().iter().map(|value| value["id"].as_u64().unwrap()).collect()
}

async fn app() -> (App, String) {
    let app = App::start().await;
    let ada = app.connect("ada", &["harbour"], AGILE_SCOPES).await;
    (app, ada.access)
}

#[tokio::test]
async fn boards_are_listed_and_private_ones_only_on_request_and_without_a_name() {
    let (app, token) = app().await;
    let (status, page) = app.agile(HARBOUR, "board?projectKeyOrId=SHIP", &token).await;
    assert_eq!(status, StatusCode::OK, "{page}");
    assert_eq!(ids(&page), [1, 2, 4]);
    assert_eq!((&page["isLast"], &page["total"], &page["maxResults"]), (&json!(true), &json!(3), &json!(50)));
    let board = &page["values"][0];
    assert_eq!((&board["type"], &board["location"]["projectId"]), (&json!("scrum"), &json!(10000)));
    assert_eq!(page["values"][1]["type"], "kanban");

    let (_, page) = app.agile(HARBOUR, "board?projectKeyOrId=10000&includePrivate=true", &token).await;
    assert_eq!(ids(&page), [1, 2, 4, 3]);
    let private = &page["values"][3];
    assert!(private.get("name").is_none() && private.get("type").is_none());

    for path in ["board/3/sprint", "board/99/sprint"] {
        assert_eq!(app.agile(HARBOUR, path, &token).await.0, StatusCode::NOT_FOUND, "{path}");
    }
    assert_eq!(app.agile(HARBOUR, "board?projectKeyOrId=NONE", &token).await.0, StatusCode::BAD_REQUEST);
    assert_eq!(app.problems(), Vec::<String>::new());
}

#[tokio::test]
async fn a_page_has_fifty_boards_at_most_and_only_the_first_has_the_total() {
    let (app, token) = app().await;
    let new = NewProject { key: "BIG".to_owned(), issues: 0, boards: 60, sprints_per_board: 3 };
    let made = app.handle().create_project("harbour", &new).unwrap();
    let (_, page) = app.agile(HARBOUR, "board?projectKeyOrId=BIG&maxResults=1000", &token).await;
    assert_eq!(ids(&page), made.boards[..50]);
    assert_eq!(
        (&page["total"], &page["isLast"], &page["maxResults"]),
        (&json!(60), &json!(false), &json!(50))
    );
    let (_, page) = app.agile(HARBOUR, "board?projectKeyOrId=BIG&startAt=50", &token).await;
    assert_eq!(ids(&page), made.boards[50..]);
    assert_eq!((page.get("total"), &page["isLast"]), (None, &json!(true)));
    assert_eq!(made.sprints.len(), 180);
}

#[tokio::test]
async fn sprints_come_closed_first_and_kanban_boards_have_none() {
    let (app, token) = app().await;
    let (status, page) = app.agile(HARBOUR, "board/1/sprint", &token).await;
    assert_eq!(status, StatusCode::OK, "{page}");
    assert_eq!(ids(&page), [501, 502, 503]);
    assert!(page.get("total").is_none());
    let [closed, active, future] = [0, 1, 2].map(|index| &page["values"][index]);
    assert_eq!((&closed["state"], &active["state"]), (&json!("closed"), &json!("active")));
    assert!(closed["completeDate"].is_string() && active.get("completeDate").is_none());
    assert!(future.get("startDate").is_none() && future.get("goal").is_none());
    assert_eq!(active["goal"], "Deliver the grain");

    // The other board lists sprints that were created elsewhere.
    let (_, page) = app.agile(HARBOUR, "board/4/sprint?state=active,future", &token).await;
    assert_eq!(ids(&page), [502, 503]);
    assert_eq!(page["values"][0]["originBoardId"], 1);

    let (status, body) = app.agile(HARBOUR, "board/2/sprint", &token).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert_eq!(body, json!({ "errorMessages": ["The board does not support sprints"], "errors": {} }));
    assert_eq!(app.agile(HARBOUR, "sprint/502", &token).await.1["name"], "Voyage 2");
    assert_eq!(app.agile(HARBOUR, "sprint/1", &token).await.0, StatusCode::NOT_FOUND);
    assert_eq!(app.agile(HARBOUR, "board/99/sprint", &token).await.0, StatusCode::NOT_FOUND);
    assert_eq!(app.problems(), Vec::<String>::new());

    assert_eq!(app.agile(HARBOUR, "board/1/sprint?state=open", &token).await.0, StatusCode::BAD_REQUEST);
    assert_eq!(app.agile(HARBOUR, "sprint/x", &token).await.0, StatusCode::BAD_REQUEST);
    assert_eq!(app.handle().violations().len(), 2);
}

#[tokio::test]
async fn jira_software_requires_all_granular_scopes() {
    let app = App::start().await;
    let classic = app.connect("ada", &["harbour"], ALL_SCOPES).await.access;
    for path in ["board", "board/1/sprint", "sprint/502"] {
        let (status, body) = app.agile(HARBOUR, path, &classic).await;
        assert_eq!((status, &body["code"]), (StatusCode::UNAUTHORIZED, &json!(401)), "{path}");
    }
    let token =
        app.connect("ada", &["harbour"], "read:board-scope:jira-software read:project:jira").await.access;
    assert_eq!(app.agile(HARBOUR, "board", &token).await.0, StatusCode::OK);
    assert_eq!(app.agile(HARBOUR, "board/1/sprint", &token).await.0, StatusCode::UNAUTHORIZED);
}
