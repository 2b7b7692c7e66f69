//! Single issues: reading, creating, editing, deleting.

use reqwest::StatusCode;
use sandbox::{Class, Fault, Rule, Settings};
use serde_json::{Value, json};

use crate::support::{App, HARBOUR, READ_WRITE, Tokens};

const SAM: &str = "5b10a2844c20165700ede002";

async fn start() -> (App, Tokens) {
    let app = App::start().await;
    let tokens = app.connect("ada", &["harbour"], READ_WRITE).await;
    (app, tokens)
}

fn document(text: &str) -> Value {
    let paragraph = json!({ "type": "paragraph", "content": [{ "type": "text", "text": text }] });
    json!({ "type": "doc", "version": 1, "content": [paragraph] })
}

fn minimal() -> Value {
    json!({ "project": { "key": "SHIP" }, "issuetype": { "name": "Task" }, "summary": "Splice the mainbrace" })
}

async fn create(app: &App, fields: Value, tokens: &Tokens) -> (StatusCode, Value) {
    app.send("POST", HARBOUR, "issue", json!({ "fields": fields }), tokens).await
}

#[tokio::test]
async fn an_issue_looks_like_a_real_one() {
    let (app, ada) = start().await;
    let (status, issue) = app.jira(HARBOUR, "issue/SHIP-2", &ada.access).await;
    assert_eq!(status, StatusCode::OK, "{issue}");
    let fields = &issue["fields"];
    assert_eq!((&issue["id"], &issue["key"]), (&json!("10102"), &json!("SHIP-2")));
    assert_eq!(fields["created"], "2026-01-05T23:00:00.123+0000");
    assert_eq!(fields["status"]["statusCategory"]["id"], 4);
    assert_eq!((&fields["status"]["id"], &fields["priority"]["id"]), (&json!("3"), &json!("1")));
    assert_eq!(fields["project"]["id"], "10000");
    assert_eq!(fields["assignee"]["accountId"], SAM);
    assert_eq!(fields["assignee"]["emailAddress"], "sam@example.com");
    assert!(fields["reporter"].get("emailAddress").is_none());
    assert_eq!(fields["parent"]["fields"]["issuetype"]["hierarchyLevel"], 1);
    assert_eq!(fields["subtasks"].as_array().unwrap().len(), 2);
    assert_eq!(fields["timetracking"]["originalEstimateSeconds"], 28800);
    assert_eq!(fields["components"][0]["name"], "Hull");
    assert_eq!(fields["fixVersions"][0]["released"], false);
    assert_eq!(fields["customfield_10016"], 5.0);
    assert_eq!(fields["customfield_10020"][1]["state"], "active");
    assert_eq!(fields["customfield_10031"]["value"], "Major");
    assert_eq!((&fields["resolution"], &fields["customfield_10032"]), (&Value::Null, &Value::Null));
    assert_eq!(fields["description"]["type"], "doc");

    let (_, done) = app.jira(HARBOUR, "issue/10106?fields=resolution,resolutiondate", &ada.access).await;
    assert_eq!(done["fields"]["resolution"]["name"], "Done");
    assert!(done["fields"]["resolutiondate"].is_string());
    let (_, bare) = app.jira(HARBOUR, "issue/ship-10?fields=priority,reporter", &ada.access).await;
    assert_eq!(bare["fields"], json!({ "priority": null, "reporter": null }));

    for missing in ["SHIP-99", "1", "NONE-1", "SHIP"] {
        let (status, body) = app.jira(HARBOUR, &format!("issue/{missing}"), &ada.access).await;
        assert_eq!(status, StatusCode::NOT_FOUND);
        let text = "Issue does not exist or you do not have permission to see it.";
        assert_eq!(body, json!({ "errorMessages": [text], "errors": {} }));
    }
    assert_eq!(app.problems(), Vec::<String>::new());
}

#[tokio::test]
async fn a_created_issue_is_there_at_once_but_found_later() {
    let (app, ada) = start().await;
    let mut fields = minimal();
    fields["description"] = document("Rum for all hands.");
    fields["assignee"] = json!({ "accountId": SAM });
    fields["priority"] = json!({ "id": "2" });
    fields["labels"] = json!(["rum", "crew"]);
    fields["parent"] = json!({ "key": "SHIP-1" });
    fields["components"] = json!([{ "name": "Rigging" }]);
    fields["duedate"] = json!("2026-12-24");
    fields["timetracking"] = json!({ "originalEstimate": "1d 2h" });
    fields["customfield_10016"] = json!(3);
    fields["customfield_10031"] = json!({ "value": "Minor" });
    let properties = json!([{ "key": "juncture", "value": { "key": "abc-1" } }]);
    let body = json!({ "fields": fields, "properties": properties });
    let (status, made) = app.send("POST", HARBOUR, "issue", body, &ada).await;
    assert_eq!(status, StatusCode::CREATED, "{made}");
    assert_eq!((&made["id"], &made["key"]), (&json!("10113"), &json!("SHIP-13")));

    let (_, issue) = app.jira(HARBOUR, "issue/SHIP-13", &ada.access).await;
    let fields = &issue["fields"];
    assert_eq!(fields["description"], document("Rum for all hands."));
    assert_eq!((&fields["status"]["name"], &fields["labels"]), (&json!("To Do"), &json!(["crew", "rum"])));
    assert_eq!(fields["timetracking"]["originalEstimateSeconds"], 36000);
    assert_eq!(fields["creator"]["displayName"], "Ada Admin");
    assert_eq!(fields["customfield_10031"]["value"], "Minor");

    let by_label = "project = SHIP AND labels = crew";
    let search = |body: Value| app.search(HARBOUR, body, &ada.access);
    let found = |page: (StatusCode, Value)| page.1["issues"].as_array().unwrap().len();
    assert_eq!(found(search(json!({ "jql": by_label })).await), 0);
    let body = json!({ "jql": by_label, "reconcileIssues": [10113], "properties": ["juncture"] });
    let (_, page) = search(body).await;
    assert_eq!(page["issues"][0]["properties"]["juncture"], json!({ "key": "abc-1" }));
    assert_eq!(found(search(json!({ "jql": "project = DOCKS" })).await), 0);
    assert_eq!(found(search(json!({ "jql": "labels = rum" })).await), 0);
    assert_eq!(found(search(json!({ "jql": by_label })).await), 1);

    app.handle().set_settings(Some("ada"), Settings { search_lag: 0, ..Settings::default() });
    create(&app, minimal(), &ada).await;
    assert_eq!(found(search(json!({ "jql": "summary ~ mainbrace AND key != SHIP-13" })).await), 1);
    assert_eq!(app.problems(), Vec::<String>::new());
}

#[tokio::test]
async fn invalid_values_are_reported_by_field() {
    let (app, ada) = start().await;
    let cases = [
        ("project", json!({ "key": "NONE" }), "Specify a valid project ID or key"),
        ("issuetype", json!({ "name": "Whale" }), "Specify a valid issue type"),
        ("issuetype", json!({ "name": "Sub-task" }), "sub-task but parent issue key or id not specified"),
        ("summary", json!(" "), "You must specify a summary of the issue."),
        ("summary", json!("two\nlines"), "newline"),
        ("summary", json!("x".repeat(256)), "255"),
        ("assignee", json!({ "accountId": "nobody" }), "cannot be assigned issues"),
        ("priority", json!({ "name": "Whatever" }), "The priority selected is invalid."),
        ("labels", json!(["two words"]), "contains spaces"),
        ("parent", json!({ "key": "SHIP-99" }), "Could not find issue by id or key."),
        ("duedate", json!("24.12.2026"), "yyyy-MM-dd"),
        (
            "description",
            document(&"x".repeat(32_768)),
            "The entered text is too long. It exceeds the allowed limit of 32,767 characters.",
        ),
    ];
    for (field, value, text) in cases {
        let mut fields = minimal();
        fields[field] = value;
        let (status, body) = create(&app, fields, &ada).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{field}");
        assert!(body["errors"][field].as_str().unwrap_or_default().contains(text), "{body}");
    }
    assert_eq!(app.problems(), Vec::<String>::new());
    assert_eq!(app.jira(HARBOUR, "issue/SHIP-13", &ada.access).await.0, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn what_no_correct_app_writes_is_a_violation() {
    let (app, ada) = start().await;
    let adf = "Operation value must be an Atlassian Document (see the Atlassian Document Format)";
    let cases = [
        ("description", json!("plain text"), adf),
        ("environment", json!("plain text"), adf),
        ("colour", json!("red"), "Field 'colour' cannot be set."),
        ("status", json!({ "name": "Done" }), "Field 'status' cannot be set."),
        ("priority", json!({ "id": 2 }), "must be a string"),
        ("issuetype", json!("Task"), "data was not an object"),
        ("labels", json!("rum"), "data was not an array"),
        ("customfield_10016", json!("3"), "Operation value must be a number"),
        ("summary", json!(7), "Operation value must be a string"),
    ];
    for (count, (field, value, text)) in (1..).zip(cases) {
        let mut fields = minimal();
        fields[field] = value;
        let (status, body) = create(&app, fields, &ada).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{field}");
        assert!(
            body["errors"][field].as_str().unwrap_or_default().starts_with(text) || field == "priority",
            "{body}"
        );
        assert_eq!(app.problems().len(), count, "{field}");
    }
    let mut fields = minimal();
    fields["description"] =
        json!({ "type": "doc", "version": 1, "content": [{ "type": "text", "text": "x" }] });
    let (status, body) = create(&app, fields, &ada).await;
    assert_eq!((status, &body["errorMessages"]), (StatusCode::BAD_REQUEST, &json!(["INVALID_INPUT"])));

    for name in ["project", "issuetype", "summary"] {
        let mut fields = minimal();
        fields.as_object_mut().unwrap().remove(name);
        let (status, body) = create(&app, fields, &ada).await;
        assert_eq!(status, StatusCode::BAD_REQUEST);
        assert!(body["errors"][name].is_string(), "{body}");
    }
}

#[tokio::test]
async fn an_edit_returns_nothing_or_the_issue() {
    let (app, ada) = start().await;
    let edit = |path: &'static str, body: Value| app.send("PUT", HARBOUR, path, body, &ada);
    let body = json!({ "fields": { "summary": "Load the wheat", "assignee": null, "description": null } });
    assert_eq!(edit("issue/SHIP-2", body).await, (StatusCode::NO_CONTENT, json!("")));
    let body = json!({ "fields": { "description": document("New"), "labels": ["grain"], "parent": null } });
    let (status, issue) = edit("issue/SHIP-2?returnIssue=true", body).await;
    assert_eq!(status, StatusCode::OK, "{issue}");
    let fields = &issue["fields"];
    assert_eq!((&fields["summary"], &fields["assignee"]), (&json!("Load the wheat"), &Value::Null));
    assert_eq!((&fields["labels"], &fields["parent"]), (&json!(["grain"]), &Value::Null));
    assert_eq!(fields["description"], document("New"));
    assert_ne!(fields["updated"], fields["created"]);
    assert_eq!(edit("issue/SHIP-99", json!({ "fields": {} })).await.0, StatusCode::NOT_FOUND);
    assert_eq!(app.problems(), Vec::<String>::new());

    // A refused edit changes nothing.
    let body = json!({ "fields": { "summary": "Lost", "assignee": { "accountId": "nobody" } } });
    assert_eq!(edit("issue/SHIP-2", body).await.0, StatusCode::BAD_REQUEST);
    let (_, issue) = app.jira(HARBOUR, "issue/SHIP-2", &ada.access).await;
    assert_eq!(
        (&issue["fields"]["summary"], &issue["fields"]["labels"]),
        (&json!("Load the wheat"), &json!(["grain"]))
    );

    let conflict =
        Fault::Status { status: 409, body: Some(json!({ "errorMessages": ["conflict"], "errors": {} })) };
    app.handle().inject(Rule::new(Class::Jira, conflict).path("/issue/SHIP-2").times(1));
    assert_eq!(edit("issue/SHIP-2", json!({ "fields": {} })).await.0, StatusCode::CONFLICT);

    // The response to a create is lost, but the issue exists.
    app.handle().inject(
        Rule::new(Class::Jira, Fault::Status { status: 504, body: None }).path("/issue HTTP").after(),
    );
    assert_eq!(edit("issue/SHIP-2", json!({ "fields": {} })).await.0, StatusCode::NO_CONTENT);
    assert_eq!(create(&app, minimal(), &ada).await.0, StatusCode::GATEWAY_TIMEOUT);
    assert_eq!(app.jira(HARBOUR, "issue/SHIP-13", &ada.access).await.0, StatusCode::OK);
}

#[tokio::test]
async fn deleting_includes_subtasks_only_on_request() {
    let (app, ada) = start().await;
    let delete = |path: &'static str| app.send("DELETE", HARBOUR, path, Value::Null, &ada);
    let (status, body) = delete("issue/SHIP-2").await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert!(body["errorMessages"][0].as_str().unwrap().contains("has subtasks"));
    assert_eq!(delete("issue/SHIP-2?deleteSubtasks=true").await, (StatusCode::NO_CONTENT, json!("")));
    for gone in ["SHIP-2", "SHIP-3", "10104"] {
        assert_eq!(app.jira(HARBOUR, &format!("issue/{gone}"), &ada.access).await.0, StatusCode::NOT_FOUND);
    }
    assert_eq!(delete("issue/SHIP-2").await.0, StatusCode::NOT_FOUND);
    // The children of an epic stay.
    assert_eq!(delete("issue/SHIP-1").await.0, StatusCode::NO_CONTENT);
    let (_, orphan) = app.jira(HARBOUR, "issue/SHIP-9", &ada.access).await;
    assert_eq!(orphan["fields"]["parent"], Value::Null);
    let (_, made) = create(&app, minimal(), &ada).await;
    assert_eq!(made["key"], "SHIP-13");
    assert_eq!(app.problems(), Vec::<String>::new());
}

#[tokio::test]
async fn without_permission_or_scope_nothing_is_written() {
    let (app, ada) = start().await;
    app.handle().set_settings(Some("ada"), Settings { read_only: true, ..Settings::default() });
    let put = json!({ "fields": { "summary": "x" } });
    let answers = [
        create(&app, minimal(), &ada).await,
        app.send("PUT", HARBOUR, "issue/SHIP-2", put.clone(), &ada).await,
        app.send("DELETE", HARBOUR, "issue/SHIP-12", Value::Null, &ada).await,
    ];
    for (status, body) in answers {
        assert_eq!(status, StatusCode::FORBIDDEN);
        assert!(
            body["errorMessages"][0].as_str().unwrap().starts_with("You do not have permission"),
            "{body}"
        );
    }
    app.handle().set_settings(Some("ada"), Settings::default());
    let ada = app.connect("ada", &["harbour"], "read:jira-work").await;
    for (method, path, body) in [("PUT", "issue/SHIP-2", put), ("DELETE", "issue/SHIP-12", Value::Null)] {
        let (status, body) = app.send(method, HARBOUR, path, body, &ada).await;
        assert_eq!((status, &body["code"]), (StatusCode::UNAUTHORIZED, &json!(401)));
    }
    assert_eq!(app.problems(), Vec::<String>::new());
}

#[tokio::test]
async fn creation_metadata_is_listed() {
    let (app, ada) = start().await;
    let (status, page) =
        app.jira(HARBOUR, "issue/createmeta/SHIP/issuetypes?maxResults=3", &ada.access).await;
    assert_eq!(status, StatusCode::OK, "{page}");
    assert_eq!((page["issueTypes"].as_array().unwrap().len(), &page["total"]), (3, &json!(5)));
    assert!(page.get("isLast").is_none());
    let (_, page) = app.jira(HARBOUR, "issue/createmeta/10000/issuetypes/10003", &ada.access).await;
    let field = |id: &str| page["fields"].as_array().unwrap().iter().find(|field| field["fieldId"] == id);
    assert_eq!(field("parent").unwrap()["required"], true);
    assert_eq!(field("priority").unwrap()["allowedValues"][0]["name"], "Highest");
    assert_eq!(field("customfield_10016").unwrap()["schema"]["customId"], 10016);
    assert!(field("status").is_none());
    for path in ["NONE/issuetypes", "SHIP/issuetypes/9"] {
        let (status, _) = app.jira(HARBOUR, &format!("issue/createmeta/{path}"), &ada.access).await;
        assert_eq!(status, StatusCode::BAD_REQUEST);
    }
    assert_eq!(app.problems(), Vec::<String>::new());
}
