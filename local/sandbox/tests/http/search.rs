//! Searching issues, and fetching many at once.

use std::collections::BTreeSet;

use reqwest::StatusCode;
use sandbox::{NewProject, Settings};
use serde_json::{Value, json};

use crate::support::{ALL_SCOPES, App, HARBOUR, LIGHTHOUSE};

fn project(key: &str, issues: usize) -> NewProject {
    NewProject { key: key.to_owned(), issues, boards: 0, sprints_per_board: 0 }
}

fn ids(page: &Value) -> Vec<&str> {
    page["issues"].as_array().unwrap().iter().map(|issue| issue["id"].as_str().unwrap()).collect()
}

fn keys(page: &Value) -> Vec<&str> {
    page["issues"].as_array().unwrap().iter().map(|issue| issue["key"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn a_search_returns_only_ids_by_default_and_neither_total_nor_start() {
    let app = App::start().await;
    let ada = app.connect("ada", &["harbour"], ALL_SCOPES).await;
    let (status, page) = app.search(HARBOUR, json!({ "jql": "project = SHIP" }), &ada.access).await;
    assert_eq!(status, StatusCode::OK, "{page}");
    assert_eq!((ids(&page).len(), &page["isLast"]), (12, &json!(true)));
    assert!(["total", "startAt", "nextPageToken"].iter().all(|name| page.get(name).is_none()));
    assert_eq!(page["issues"][0].as_object().unwrap().keys().collect::<Vec<_>>(), ["id"]);

    let body = json!({ "jql": "project = 10000 ORDER BY key", "fields": ["summary", "labels"] });
    let (_, page) = app.search(HARBOUR, body, &ada.access).await;
    let first = &page["issues"][0];
    assert_eq!((&first["key"], &first["fields"]["summary"]), (&json!("SHIP-1"), &json!("Autumn trade")));
    assert_eq!(first["fields"].as_object().unwrap().len(), 2);

    let body = json!({ "jql": "key = SHIP-2", "fields": ["*navigable", "-description"], "maxResults": 5 });
    let (_, page) = app.search(HARBOUR, body, &ada.access).await;
    let fields = &page["issues"][0]["fields"];
    assert_eq!(fields["parent"]["key"], "SHIP-1");
    assert!(fields.get("description").is_none() && fields.get("comment").is_none());
    assert_eq!(app.problems(), Vec::<String>::new());
}

#[tokio::test]
async fn queries_find_what_they_name() {
    let app = App::start().await;
    let ada = app.connect("ada", &["harbour"], ALL_SCOPES).await;
    let cases: [(&str, &[&str]); 20] = [
        ("key in (SHIP-3, \"SHIP-1\")", &["SHIP-3", "SHIP-1"]),
        ("id in (10101, 10102) ORDER BY created ASC", &["SHIP-1", "SHIP-2"]),
        ("project = \"SHIP\" AND labels = leak", &["SHIP-5"]),
        ("labels in (leak, season) order by key desc", &["SHIP-5", "SHIP-1"]),
        ("sprint = 501", &["SHIP-7", "SHIP-6", "SHIP-2"]),
        ("sprint in openSprints() AND issuetype = Bug", &["SHIP-5"]),
        ("sprint = 502 AND statusCategory != Done", &["SHIP-5", "SHIP-4", "SHIP-2"]),
        ("project = SHIP AND (type = Epic OR text ~ \"rope\") ORDER BY key", &["SHIP-1", "SHIP-7"]),
        ("assignee = currentUser()", &["SHIP-5"]),
        ("NOT project != SHIP AND status = Done AND sprint is empty", &[]),
        ("summary ~ \"Möwe\"", &["SHIP-12"]),
        ("project = SHIP AND created < \"2026-01-05 20:00\"", &["SHIP-1"]),
        ("updated >= -1d", &[]),
        ("key = ship-4", &["SHIP-4"]),
        ("text ~ \"hatch crane\" AND labels is EMPTY", &["SHIP-2"]),
        ("text ~ \"hatch\" AND text ~ paragraph", &[]),
        ("project = SHIP AND created < 1767643200000", &["SHIP-1"]),
        ("statusCategory = \"indeterminate\" AND project = SHIP AND assignee is not EMPTY", &["SHIP-2"]),
        ("labels = \"EMPTY\"", &[]),
        ("summary ~ \"\\u004d\\u00f6we\"", &["SHIP-12"]),
    ];
    for (jql, expected) in cases {
        let (status, page) = app.search(HARBOUR, json!({ "jql": jql, "fields": ["key"] }), &ada.access).await;
        assert_eq!(status, StatusCode::OK, "{jql}: {page}");
        assert_eq!(keys(&page), expected, "{jql}");
        let (_, count) =
            app.send("POST", HARBOUR, "search/approximate-count", json!({ "jql": jql }), &ada).await;
        assert_eq!(count["count"], expected.len(), "{jql}");
    }
    assert_eq!(app.problems(), Vec::<String>::new());
}

#[tokio::test]
async fn queries_that_jira_refuses_are_refused_and_distinguished() {
    let app = App::start().await;
    let ada = app.connect("ada", &["harbour"], ALL_SCOPES).await;
    // These depend on user input.
    let unknown = [
        "project = NONE",
        "sprint = 9",
        "key = SHIP-99",
        "id = 1",
        "assignee = nobody",
        "assignee = \"currentUser()\"",
        "status = \"EMPTY\"",
    ];
    for jql in unknown {
        let (status, body) = app.search(HARBOUR, json!({ "jql": jql }), &ada.access).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{jql}");
        assert!(body["errorMessages"][0].as_str().unwrap().contains("does not exist"), "{body}");
    }
    assert_eq!(app.problems(), Vec::<String>::new());
    // These are mistakes of the app.
    let mistakes = [
        "",
        "ORDER BY created DESC",
        "project =",
        "project = SHIP AND",
        "project = \"SHIP",
        "project = SHIP; drop",
        "colour = red",
        "project = SHIP ORDER BY colour",
        "project ~ SHIP",
        "project = AND",
        "text ~ \"*rope\"",
        "text ~ \"(rope\"",
        "text ~ \"\"",
        "text ~ \"rope OR\"",
        "labels = \"a\u{ffff}\"",
        "labels = \"a\tb\"",
        "labels = \"a\\u00zz\"",
        "updated >= \"1767643200000\"",
        "assignee is nobody",
    ];
    for jql in mistakes {
        let (status, body) = app.search(HARBOUR, json!({ "jql": jql }), &ada.access).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{jql}");
        assert!(body["errorMessages"][0].is_string(), "{body}");
    }
    assert_eq!(app.handle().violations().len(), mistakes.len());
    assert_eq!(app.handle().violations()[0].account.as_deref(), Some("ada"));
}

#[tokio::test]
async fn a_query_is_parsed_without_being_run() {
    let app = App::start().await;
    let ada = app.connect("ada", &["harbour"], ALL_SCOPES).await;
    let parse = async |queries: Value| {
        let body = json!({ "queries": queries });
        app.send("POST", HARBOUR, "jql/parse?validation=strict", body, &ada).await
    };
    let queries = json!([
        "status in (3, \"To Do\") AND (assignee = currentUser() OR NOT labels is EMPTY) ORDER BY updated DESC",
        "ORDER BY key",
        "project = NONE",
        "colour = red",
        "project = SHIP)",
    ]);
    let (status, parsed) = parse(queries.clone()).await;
    assert_eq!(status, StatusCode::OK, "{parsed}");
    let field = |name: &str| json!({ "name": name, "encodedName": name });
    let expected = json!({
        "where": { "operator": "and", "clauses": [
            { "field": field("status"), "operator": "in", "operand": { "values": [
                { "value": "3", "encodedValue": "3" }, { "value": "To Do", "encodedValue": "\"To Do\"" },
            ] } },
            { "operator": "or", "clauses": [
                { "field": field("assignee"), "operator": "=", "operand": {
                    "function": "currentUser", "arguments": [], "encodedOperand": "currentUser()",
                } },
                { "operator": "not", "clauses": [{ "field": field("labels"), "operator": "is", "operand": {
                    "keyword": "empty", "encodedOperand": "EMPTY",
                } }] },
            ] },
        ] },
        "orderBy": { "fields": [{ "field": field("updated"), "direction": "desc" }] },
    });
    assert_eq!(parsed["queries"][0], json!({ "query": queries[0], "structure": expected }));
    assert!(parsed["queries"][1]["structure"].get("where").is_none(), "{parsed}");
    assert!(parsed["queries"][2]["warnings"][0].is_string() && parsed["queries"][2]["structure"].is_object());
    for wrong in [3, 4] {
        let query = &parsed["queries"][wrong];
        assert!(query["errors"][0].is_string() && query.get("structure").is_none(), "{query}");
    }
    assert_eq!(app.problems(), Vec::<String>::new());
    for queries in [json!([]), json!([""])] {
        assert_eq!(parse(queries).await.0, StatusCode::BAD_REQUEST);
    }
    let body = json!({ "queries": ["key = SHIP-1"] });
    assert_eq!(app.send("POST", HARBOUR, "jql/parse", body, &ada).await.0, StatusCode::BAD_REQUEST);
    assert!(app.handle().violations().len() >= 3);
}

/// Follows a search to its last page.
async fn all(app: &App, site: &str, body: Value, token: &str) -> (Vec<usize>, Vec<String>) {
    let (mut sizes, mut found, mut body) = (Vec::new(), Vec::new(), body);
    loop {
        let (status, page) = app.search(site, body.clone(), token).await;
        assert_eq!(status, StatusCode::OK, "{page}");
        sizes.push(ids(&page).len());
        found.extend(ids(&page).into_iter().map(str::to_owned));
        if page["isLast"] == true {
            return (sizes, found);
        }
        body["nextPageToken"] = page["nextPageToken"].clone();
    }
}

#[tokio::test]
async fn pages_shrink_unannounced_and_lose_nothing() {
    let app = App::start().await;
    let ada = app.connect("ada", &["lighthouse"], ALL_SCOPES).await;
    let body = |max: u32, fields: &[&str]| json!({ "jql": "project = LH001 ORDER BY created DESC", "maxResults": max, "fields": fields });
    let cases: [(u32, &[&str], &[usize]); 4] = [
        (5000, &["id"], &[230]),
        (5000, &["key"], &[230]),
        (5000, &["summary"], &[100, 100, 30]),
        (60, &["id"], &[60, 60, 40, 60, 10]),
    ];
    for (max, fields, expected) in cases {
        let (sizes, found) = all(&app, LIGHTHOUSE, body(max, fields), &ada.access).await;
        assert_eq!(sizes, expected, "{max} {fields:?}");
        let newest_first: Vec<u32> = found.iter().map(|id| id.parse().unwrap()).collect();
        assert!(newest_first.is_sorted_by(|a, b| a > b));
    }
    assert_eq!(app.problems(), Vec::<String>::new());
}

#[tokio::test]
async fn a_page_token_works_only_for_its_search() {
    let app = App::start().await;
    let ada = app.connect("ada", &["lighthouse"], ALL_SCOPES).await;
    let body = json!({ "jql": "project = LH001", "maxResults": 10 });
    let (_, page) = app.search(LIGHTHOUSE, body.clone(), &ada.access).await;
    let mut next = body;
    next["nextPageToken"] = page["nextPageToken"].clone();
    let (_, second) = app.search(LIGHTHOUSE, next.clone(), &ada.access).await;
    let (_, again) = app.search(LIGHTHOUSE, next.clone(), &ada.access).await;
    assert_eq!(ids(&second), ids(&again));
    assert_ne!(ids(&page), ids(&second));

    for (name, value) in [
        ("jql", json!("project = LH002")),
        ("reconcileIssues", json!([10101])),
        ("nextPageToken", json!("made-up")),
    ] {
        let mut changed = next.clone();
        changed[name] = value;
        assert_eq!(app.search(LIGHTHOUSE, changed, &ada.access).await.0, StatusCode::BAD_REQUEST, "{name}");
    }
    app.handle().advance_clock(std::time::Duration::from_secs(8 * 24 * 3600));
    let ada = app.connect("ada", &["lighthouse"], ALL_SCOPES).await;
    assert_eq!(app.search(LIGHTHOUSE, next, &ada.access).await.0, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn ten_thousand_issues_are_created_and_found() {
    let app = App::start().await;
    let ada = app.connect("ada", &["harbour"], ALL_SCOPES).await;
    let made = app.handle().create_project("harbour", &project("FLEET", 10_000)).unwrap();
    let body = json!({ "jql": format!("project = {}", made.id), "maxResults": 5000, "fields": ["id"] });
    let (sizes, found) = all(&app, HARBOUR, body, &ada.access).await;
    assert_eq!(sizes, [5000, 5000]);
    assert_eq!(found.iter().collect::<BTreeSet<_>>().len(), 10_000);
    let (status, fleet) = app.jira(HARBOUR, "project/FLEET", &ada.access).await;
    assert_eq!((status, &fleet["id"]), (StatusCode::OK, &json!(made.id.to_string())));
    for key in ["FLEET", "lower", "A-B", ""] {
        assert!(app.handle().create_project("harbour", &project(key, 1)).is_err(), "{key}");
    }
    assert!(app.handle().create_project("nowhere", &project("X", 1)).is_err());
}

#[tokio::test]
async fn many_issues_come_in_the_order_of_their_ids_and_missing_ones_do_not() {
    let app = App::start().await;
    let ada = app.connect("ada", &["harbour"], ALL_SCOPES).await;
    let names = json!(["SHIP-3", "10101", "99999", "ship-1", "NONE-1"]);
    let body = json!({ "issueIdsOrKeys": names, "fields": ["summary", "status"] });
    let (status, page) = app.send("POST", HARBOUR, "issue/bulkfetch", body, &ada).await;
    assert_eq!(status, StatusCode::OK, "{page}");
    assert_eq!(keys(&page), ["SHIP-1", "SHIP-3"]);
    assert_eq!(page["issueErrors"], json!([]));
    assert_eq!(page["issues"][1]["fields"]["status"]["statusCategory"]["key"], "done");

    let body = json!({ "issueIdsOrKeys": ["SHIP-2"] });
    let (_, page) = app.send("POST", HARBOUR, "issue/bulkfetch", body, &ada).await;
    assert_eq!(page["issues"][0]["fields"]["assignee"]["emailAddress"], "sam@example.com");
    assert!(page["issues"][0]["fields"].get("comment").is_none());
    assert_eq!(app.problems(), Vec::<String>::new());

    let many: Vec<_> = (0..101).map(|n| n.to_string()).collect();
    for names in [json!(many), json!([]), json!([10101])] {
        let body = json!({ "issueIdsOrKeys": names });
        let (status, _) = app.send("POST", HARBOUR, "issue/bulkfetch", body, &ada).await;
        assert_eq!(status, StatusCode::BAD_REQUEST);
    }
}

#[tokio::test]
async fn one_granular_scope_too_few_is_a_mismatch() {
    let app = App::with(Settings::default()).await;
    let scopes = "read:issue-details:jira read:field.default-value:jira read:field.option:jira \
        read:field:jira read:group:jira";
    let body = json!({ "jql": "project = SHIP" });
    let ada = app.connect("ada", &["harbour"], scopes).await;
    assert_eq!(app.search(HARBOUR, body.clone(), &ada.access).await.0, StatusCode::OK);
    let ada = app.connect("ada", &["harbour"], &scopes.replace(" read:field:jira", "")).await;
    let (status, body) = app.search(HARBOUR, body, &ada.access).await;
    assert_eq!(
        (status, &body["message"]),
        (StatusCode::UNAUTHORIZED, &json!("Unauthorized; scope does not match"))
    );
}
