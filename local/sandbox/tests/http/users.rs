//! Finding people.

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::support::{ALL_SCOPES, App, HARBOUR};

const SAM: &str = "5b10a2844c20165700ede002";

fn names(users: &Value) -> Vec<&str> {
    users.as_array().unwrap().iter().map(|user| user["displayName"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn assignable_users_include_apps_and_no_former_employee() {
    let app = App::start().await;
    let ada = app.connect("ada", &["harbour"], ALL_SCOPES).await;
    for place in ["project=SHIP", "project=10000", "issueKey=SHIP-1", "issueId=10101"] {
        let path = format!("user/assignable/search?query=sa&{place}");
        let (status, found) = app.jira(HARBOUR, &path, &ada.access).await;
        assert_eq!(status, StatusCode::OK, "{found}");
        assert_eq!(names(&found), ["Sandbox Automation", "Sam Single-Site"], "{place}");
        assert_eq!((&found[0]["accountType"], &found[1]["accountId"]), (&json!("app"), &json!(SAM)));
    }
    let (_, by_email) =
        app.jira(HARBOUR, "user/assignable/search?query=sam@example.com&project=SHIP", &ada.access).await;
    assert_eq!(names(&by_email), ["Sam Single-Site"]);
    for place in ["project=NONE", "project=ship", "issueKey=SHIP-999"] {
        let path = format!("user/assignable/search?query=sa&{place}");
        assert_eq!(app.jira(HARBOUR, &path, &ada.access).await.0, StatusCode::NOT_FOUND, "{place}");
    }
    assert_eq!(app.problems(), Vec::<String>::new());
    for (number, bad) in
        ["project=SHIP", "query=sa", "query=sa&project=SHIP&issueKey=SHIP-1", "query=a&issueKey=1"]
            .into_iter()
            .enumerate()
    {
        let path = format!("user/assignable/search?{bad}");
        assert_eq!(app.jira(HARBOUR, &path, &ada.access).await.0, StatusCode::BAD_REQUEST, "{bad}");
        assert!(app.problems().len() > number, "{bad}");
    }
}

#[tokio::test]
async fn the_picker_highlights_and_shows_avatars_on_request() {
    let app = App::start().await;
    let ada = app.connect("ada", &["harbour"], ALL_SCOPES).await;
    let (_, found) = app.jira(HARBOUR, "user/picker?query=single", &ada.access).await;
    assert_eq!((names(&found["users"]), &found["total"]), (vec!["Sam Single-Site"], &json!(1)));
    assert!(found["users"][0]["html"].as_str().unwrap().contains("<strong>"));
    assert!(found["users"][0].get("avatarUrl").is_none() && found["users"][0].get("active").is_none());
    let (_, found) =
        app.jira(HARBOUR, "user/picker?query=sa&showAvatar=true&maxResults=1", &ada.access).await;
    assert_eq!((found["users"].as_array().unwrap().len(), &found["total"]), (1, &json!(2)));
    assert!(found["users"][0]["avatarUrl"].is_string());
    let reader = app.connect("sam", &["harbour"], "read:jira-work offline_access").await;
    assert_eq!(app.jira(HARBOUR, "user/picker?query=sa", &reader.access).await.0, StatusCode::UNAUTHORIZED);
    assert_eq!(app.problems(), Vec::<String>::new());
}
