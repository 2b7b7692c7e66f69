use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::support::{ALL_SCOPES, App, HARBOUR, LIBRARY, LIGHTHOUSE};

fn keys(page: &Value) -> Vec<&str> {
    page["values"].as_array().unwrap().iter().map(|project| project["key"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn projects_come_with_jiras_default_fields() {
    let app = App::start().await;
    let tokens = app.connect("ada", &["harbour"], ALL_SCOPES).await;
    let (status, page) = app.jira(HARBOUR, "project/search", &tokens.access).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(keys(&page), ["CREW", "DOCKS", "SHIP"]);
    assert_eq!((&page["total"], &page["isLast"], &page["maxResults"]), (&json!(3), &json!(true), &json!(50)));
    assert!(page.get("nextPage").is_none());

    let [crew, docks, ship] = [0, 1, 2].map(|index| &page["values"][index]);
    assert_eq!((&crew["style"], &crew["simplified"]), (&json!("next-gen"), &json!(true)));
    assert_eq!((&ship["style"], &ship["simplified"]), (&json!("classic"), &json!(false)));
    assert_eq!(crew["isPrivate"], true);
    assert_eq!(docks["projectTypeKey"], "business");
    assert_eq!(ship["id"], "10000");
    assert_eq!(ship["projectCategory"]["name"], "Operations");
    assert!(docks.get("projectCategory").is_none());
    assert!(ship["avatarUrls"]["48x48"].is_string());
    assert!(ship.get("lead").is_none() && ship.get("description").is_none());

    let (_, page) = app.jira(HARBOUR, "project/search?expand=lead,description,url", &tokens.access).await;
    assert_eq!(page["values"][1]["lead"]["displayName"], "Sam Single-Site");
    assert_eq!(page["values"][1]["url"], "https://harbour.atlassian.net/browse/DOCKS");
    assert!(page["values"][1]["description"].is_string());
}

#[tokio::test]
async fn pages_are_cut_and_linked() {
    let app = App::start().await;
    let tokens = app.connect("ada", &["lighthouse"], ALL_SCOPES).await;
    let (_, page) = app.jira(LIGHTHOUSE, "project/search?maxResults=1000", &tokens.access).await;
    assert_eq!((keys(&page).len(), &page["maxResults"]), (100, &json!(100)));
    assert_eq!((&page["total"], &page["isLast"]), (&json!(120), &json!(false)));

    let next = page["nextPage"].as_str().unwrap();
    let path = next.strip_prefix(app.sandbox.url()).unwrap();
    let (_, last) = app.get(path, &tokens.access).await;
    assert_eq!((keys(&last).len(), &last["startAt"], &last["isLast"]), (20, &json!(100), &json!(true)));
    assert!(keys(&page).iter().all(|key| !keys(&last).contains(key)));

    let (_, beyond) = app.jira(LIGHTHOUSE, "project/search?startAt=500", &tokens.access).await;
    assert_eq!((keys(&beyond).len(), &beyond["isLast"]), (0, &json!(true)));
}

#[tokio::test]
async fn the_order_of_a_list_can_be_reversed() {
    let app = App::start().await;
    let tokens = app.connect("ada", &["harbour"], ALL_SCOPES).await;
    let (_, page) = app.jira(HARBOUR, "project/search?orderBy=-key", &tokens.access).await;
    assert_eq!(keys(&page), ["SHIP", "DOCKS", "CREW"]);
    for query in ["orderBy=colour", "startAt=x", "startAt=-1"] {
        let (status, body) = app.jira(HARBOUR, &format!("project/search?{query}"), &tokens.access).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{query}");
        assert!(body["errorMessages"][0].is_string());
    }
}

#[tokio::test]
async fn one_project_is_found_by_id_or_exact_key() {
    let app = App::start().await;
    let tokens = app.connect("ada", &["harbour"], ALL_SCOPES).await;
    for name in ["SHIP", "10000"] {
        let (status, project) = app.jira(HARBOUR, &format!("project/{name}"), &tokens.access).await;
        assert_eq!((status, &project["key"]), (StatusCode::OK, &json!("SHIP")));
        assert_eq!(project["lead"]["displayName"], "Ada Admin");
        assert!(project["lead"].get("emailAddress").is_none());
        assert_eq!(project["issueTypes"][0]["name"], "Task");
    }
    for name in ["ship", "99999"] {
        let (status, body) = app.jira(HARBOUR, &format!("project/{name}"), &tokens.access).await;
        assert_eq!(status, StatusCode::NOT_FOUND);
        assert_eq!(body["errorMessages"][0], format!("No project could be found with key '{name}'."));
    }
}

#[tokio::test]
async fn sites_outside_the_grant_are_not_found() {
    let app = App::start().await;
    let tokens = app.connect("ada", &["harbour", "library"], ALL_SCOPES).await;
    for site in [LIGHTHOUSE, LIBRARY, "nonsense"] {
        assert_eq!(app.jira(site, "project/search", &tokens.access).await.0, StatusCode::NOT_FOUND);
    }
}

#[tokio::test]
async fn scopes_are_one_classic_or_all_granular_ones() {
    const GRANULAR: &str = "read:issue-type:jira read:project:jira read:project.property:jira read:user:jira \
        read:application-role:jira read:avatar:jira read:group:jira read:issue-type-hierarchy:jira \
        read:project-category:jira read:project-version:jira read:project.component:jira";
    let app = App::start().await;
    let mismatch =
        (StatusCode::UNAUTHORIZED, json!({ "code": 401, "message": "Unauthorized; scope does not match" }));
    let tokens = app.connect("ada", &["harbour"], GRANULAR).await;
    assert_eq!(app.jira(HARBOUR, "project/search", &tokens.access).await.0, StatusCode::OK);
    assert_eq!(app.jira(HARBOUR, "myself", &tokens.access).await.0, StatusCode::OK);
    let tokens = app.connect("ada", &["harbour"], &GRANULAR.replace("read:group:jira ", "")).await;
    assert_eq!(app.jira(HARBOUR, "project/search", &tokens.access).await, mismatch);
    let tokens = app.connect("ada", &["harbour"], "read:jira-user").await;
    assert_eq!(app.jira(HARBOUR, "project/SHIP", &tokens.access).await, mismatch);
    let (status, myself) = app.jira(HARBOUR, "myself", &tokens.access).await;
    assert_eq!((status, &myself["emailAddress"]), (StatusCode::OK, &json!("ada@example.com")));
}
