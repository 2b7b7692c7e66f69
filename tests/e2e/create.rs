//! `create-ticket` without an `Idempotency-Key`.

use juncture_tests::{CREATE, TestStack, run};
use reqwest::Method;
use sandbox::Fault;
use serde_json::{Value, json};

#[test]
fn an_issue_is_created_and_described() {
    run(async {
        let stack = TestStack::shared().await?;
        let person = stack.connected_user().await?;
        let project = stack.project("CREATED", 0)?;
        let account = stack.atlassian().accounts().into_iter().find(|account| account.key == "sam");
        let fields = json!({ "jira_project_id": project, "summary": "New", "issue_type_id": "10001",
            "description": "Some **bold** words", "priority_id": "2",
            "assignee_account_id": account.map(|sam| sam.account_id) });
        let created = person.create(fields).await?.json(201);
        let ticket = &created["ticket"];
        assert!(created.get("warning").is_none(), "{created}");
        assert_eq!((&ticket["key"], &ticket["summary"]), (&json!("CREATED-1"), &json!("New")));
        assert_eq!((&ticket["status"], &ticket["priority"]), (&json!("To Do"), &json!("High")));
        assert_eq!((&ticket["status_id"], &ticket["status_category"]), (&json!("10000"), &json!("new")));
        assert_eq!(ticket["priority_id"], "2");
        assert_eq!(ticket["assignee"], "Sam Single-Site");
        for time in ["created", "updated"] {
            assert!(ticket[time].as_str().is_some_and(|time| time.ends_with('Z')), "{ticket}");
        }
        let issue = person.details("CREATED-1").await?.json(200);
        assert_eq!(issue["issue"]["description"], "Some **bold** words");
        // Null and empty values count as absent.
        let fields = json!({ "jira_project_id": "CREATED", "summary": "Bare", "issue_type_id": "10001",
            "description": "", "priority_id": null, "assignee_account_id": "null" });
        let created = person.create(fields).await?.json(201);
        assert_eq!(created["ticket"]["assignee"], Value::Null);
        Ok(())
    });
}

#[test]
fn characters_that_cannot_be_stored_are_left_out() {
    run(async {
        let stack = TestStack::shared().await?;
        let person = stack.connected_user().await?;
        let project = stack.project("PASTED", 0)?;
        let fields = json!({ "jira_project_id": project, "issue_type_id": "10001",
            "summary": "\u{1b}[31mpump\u{1b}[0m\tis cut: SMILE",
            "description": "\u{feff}# \u{1b}[1mlog\u{1b}[0m\n\nNUL \u{0}, one\u{85}two: SMILE" });
        // JavaScript can cut an emoji in half.
        let body = person.body(fields).to_string().replace("SMILE", "\\ud83d");
        let request = person.jira(Method::POST, "create-ticket").header("content-type", "application/json");
        let created = stack.send(request.body(body)).await?.json(201);
        assert_eq!(created["ticket"]["summary"], "pump is cut: \u{fffd}");
        let issue = person.details("PASTED-1").await?.json(200);
        assert_eq!(issue["issue"]["description"], "# log\n\nNUL \u{fffd}, one\\\ntwo: \u{fffd}");
        let fields = json!({ "jira_project_id": project, "issue_type_id": "10001", "summary": "Empty",
            "description": "<!-- fill me in -->" });
        person.create(fields).await?.json(201);
        assert_eq!(person.details("PASTED-2").await?.json(200)["issue"]["description"], Value::Null);
        Ok(())
    });
}

#[test]
fn the_selected_project_is_the_default() {
    run(async {
        let stack = TestStack::shared().await?;
        let person = stack.connected_user().await?;
        let project = stack.project("PICKED", 0)?;
        let fields = json!({ "summary": "New", "issue_type_id": "10001" });
        let refusal = person.create(fields.clone()).await?.refusal(400);
        assert_eq!(refusal, "No project selected and no project ID provided");
        let selection = person.body(json!({ "jira_project_id": project }));
        stack.backend_post("jira/select-project", &selection).await?.json(200);
        assert_eq!(person.create(fields).await?.json(201)["ticket"]["key"], "PICKED-1");
        Ok(())
    });
}

#[test]
fn an_issue_that_exists_is_never_an_error() {
    run(async {
        let stack = TestStack::shared().await?;
        let person = stack.connected_user().await?;
        let project = stack.project("UNREAD", 0)?;
        for (number, fault) in (1..).zip([
            Fault::Status { status: 500, body: None },
            Fault::Status { status: 404, body: None },
            Fault::Hang,
            Fault::Drop,
            Fault::MalformedJson,
        ]) {
            stack.atlassian().inject(person.trouble("GET", fault.clone()));
            let fields = json!({ "jira_project_id": project, "summary": "New", "issue_type_id": "10001" });
            let created = person.create(fields).await?.json(201);
            stack.atlassian().clear_faults_of(&person.account);
            let ticket = &created["ticket"];
            assert_eq!(ticket["key"], format!("UNREAD-{number}"), "{fault:?}");
            assert_eq!((&ticket["summary"], &ticket["status"]), (&json!("New"), &json!(null)));
            assert!(
                created["warning"].as_str().is_some_and(|text| text.contains("was created")),
                "{created}"
            );
        }
        Ok(())
    });
}

#[test]
fn jiras_errors_have_the_contracts_messages() {
    run(async {
        let stack = TestStack::shared().await?;
        let person = stack.connected_user().await?;
        let project = stack.project("FUSSY", 0)?;
        let create = |more: Value| {
            let mut fields =
                json!({ "jira_project_id": project, "summary": "New", "issue_type_id": "10001" });
            for (name, value) in more.as_object().into_iter().flatten() {
                fields[name] = value.clone();
            }
            person.create(fields)
        };
        for (more, field) in [
            (json!({ "priority_id": "99" }), "priority"),
            (json!({ "assignee_account_id": "nobody" }), "assignee"),
            (json!({ "issue_type_id": "10003" }), "issuetype"),
        ] {
            let refused = create(more).await?.json(400);
            let sentence = "Invalid field values or missing required fields for Jira issue creation";
            assert_eq!(refused["error"], sentence);
            assert!(refused["details"]["fields"][field].is_string(), "{refused}");
        }
        for more in [json!({ "jira_project_id": "999999" }), json!({ "issue_type_id": "999" })] {
            let missing = create(more).await?.json(404);
            assert_eq!(missing["error"], "Project or issue type not found");
            assert!(missing["details"]["fields"].is_object(), "{missing}");
        }
        for (more, said) in [
            (json!({ "jira_project_id": "a b" }), "jira_project_id"),
            (json!({ "summary": "a\nb" }), "single line"),
            (json!({ "description": "a".repeat(32_768) }), "32767"),
            (json!({ "issue_type_id": "Task" }), "issue_type_id"),
        ] {
            assert!(create(more).await?.refusal(400).contains(said), "{said}");
        }
        let mut settings = stack.atlassian().settings(Some(&person.account));
        settings.read_only = true;
        stack.atlassian().set_settings(Some(&person.account), settings);
        let forbidden = create(json!({})).await?.json(403);
        assert_eq!(forbidden["error"], "Access denied to create issue");
        assert!(forbidden.get("needs_reauthorization").is_none());
        Ok(())
    });
}

#[test]
fn a_create_is_sent_once_except_after_a_429() {
    run(async {
        let stack = TestStack::shared().await?;
        let person = stack.connected_user().await?;
        let project = stack.project("SINGLE", 0)?;
        let create = || {
            person.create(json!({ "jira_project_id": project, "summary": "New", "issue_type_id": "10001" }))
        };
        for (sent, fault) in (1..).zip([
            Fault::Drop,
            Fault::Status { status: 500, body: None },
            Fault::Status { status: 503, body: None },
            Fault::MalformedJson,
            Fault::TruncatedBody,
        ]) {
            stack.atlassian().inject(person.trouble(CREATE, fault.clone()).after().times(1));
            let answer = create().await?;
            assert!(answer.refusal(502).contains("the ticket may exist"), "{fault:?}: {answer:?}");
            assert_eq!(answer.json(502)["code"], "outcome_unknown");
            // An automatic retry would create a second issue.
            assert_eq!(answer.header("retry-after"), "");
            assert_eq!(person.creates(), sent, "{fault:?}");
        }
        stack.atlassian().inject(person.trouble(CREATE, Fault::Hang).after().times(1));
        assert!(create().await?.refusal(504).contains("the ticket may exist"));
        let sent = person.creates();
        let limited = Fault::RateLimited { retry_after: Some(1), reason: Some("jira-burst-based".into()) };
        stack.atlassian().inject(person.trouble(CREATE, limited).times(1));
        create().await?.json(201);
        assert_eq!(person.creates() - sent, 2);
        Ok(())
    });
}

#[test]
fn a_new_issue_is_listed_immediately() {
    run(async {
        let stack = TestStack::shared().await?;
        let person = stack.connected_user().await?;
        let mut settings = stack.atlassian().settings(Some(&person.account));
        settings.search_lag = 1_000;
        stack.atlassian().set_settings(Some(&person.account), settings);
        let project = stack.project("LISTED", 2)?;
        person.task(&project, "Plain").await?;
        let fields = json!({ "jira_project_id": project, "summary": "Once", "issue_type_id": "10001" });
        person.create_once("key", fields).await?.json(201);
        let query = [("external_id", person.external_id.as_str()), ("jira_project_id", &project)];
        let list = stack.backend("jira/get-tickets-for-project", &query).await?.json(200);
        let keys: Vec<_> = list["tickets"].as_array().into_iter().flatten().map(|t| &t["key"]).collect();
        assert_eq!(keys, ["LISTED-4", "LISTED-3", "LISTED-2", "LISTED-1"]);
        Ok(())
    });
}
