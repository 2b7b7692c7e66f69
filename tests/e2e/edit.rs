//! `edit-issue`.

use anyhow::Result;
use juncture_tests::{TestStack, run};
use reqwest::Method;
use sandbox::Fault;
use serde_json::{Value, json};

/// Most Markdown constructs, as Juncture writes them.
const RICH: &str = "# Leak\n\nWater **stands** in the *bilge*:\n\n- after `rain`\n- after [tides](https://example.com/tides)\n\n\
    1. pump\n2. dry\n\n```rust\nfn main() {}\n```\n\n> so it goes\n\n---\n\n| a | b |\n| --- | --- |\n| 1 | 2 |";

#[test]
fn fields_change_together() {
    run(async {
        let stack = TestStack::shared().await?;
        let person = stack.connected_user().await?;
        let key = person.task(&stack.project("EDITED", 0)?, "Before").await?;
        let before = person.jira_requests().len();
        let account = stack.atlassian().accounts().into_iter().find(|account| account.key == "sam");
        let account = account.map(|sam| sam.account_id).unwrap_or_default();
        let fields = json!({ "summary": " After ", "description": RICH, "priority_id": "1",
            "issue_type_id": "10002", "assignee_account_id": account });
        let answer = person.edit(&key, fields).await?.json(200);
        assert_eq!(person.jira_requests().len() - before, 2, "the description is read before");
        assert_eq!(answer["success"], true);
        assert!(answer.get("warning").is_none());
        let issue = &answer["issue"];
        assert_eq!((&issue["key"], &issue["summary"]), (&json!(key), &json!("After")));
        assert_eq!(issue["description"], RICH);
        assert_eq!(
            (&issue["priority"]["name"], &issue["issueType"]["name"]),
            (&json!("Highest"), &json!("Bug"))
        );
        assert_eq!((&issue["priority"]["id"], &issue["issueType"]["id"]), (&json!("1"), &json!("10002")));
        assert_eq!(issue["assignee"]["displayName"], "Sam Single-Site");
        assert!(issue["updated"].as_str().is_some_and(|time| time.ends_with('Z')));
        assert_eq!(person.details(&key).await?.json(200)["issue"]["description"], RICH);
        Ok(())
    });
}

#[test]
fn fields_can_be_cleared() {
    run(async {
        let stack = TestStack::shared().await?;
        let person = stack.connected_user().await?;
        let key = person.task(&stack.project("EMPTIED", 0)?, "Empty me").await?;
        let own = json!({ "type": "doc", "version": 1,
            "content": [{ "type": "panel", "attrs": { "panelType": "info" },
                "content": [{ "type": "paragraph", "content": [{ "type": "text", "text": "mine" }] }] }] });
        for (field, full, nothing) in [
            ("description", json!("text"), json!("")),
            ("description", own, json!(null)),
            ("assignee_account_id", json!("5b10a2844c20165700ede002"), json!("null")),
            ("assignee_account_id", json!("5b10a2844c20165700ede002"), json!(null)),
        ] {
            let shown = field.trim_end_matches("_account_id");
            let filled = person.edit(&key, json!({ field: full })).await?.json(200);
            assert!(!filled["issue"][shown].is_null(), "{filled}");
            let emptied = person.edit(&key, json!({ field: nothing })).await?.json(200);
            assert_eq!(emptied["issue"][shown], Value::Null, "{field} {nothing}");
        }
        Ok(())
    });
}

#[test]
fn an_edit_with_text_in_it_never_clears_a_description() {
    run(async {
        let stack = TestStack::shared().await?;
        let person = stack.connected_user().await?;
        let key = person.task(&stack.project("STAYS", 0)?, "Keep me").await?;
        person.edit(&key, json!({ "description": "what was there" })).await?.json(200);
        for (text, read) in [
            ("<!-- nothing yet -->", "what was there"),
            ("\u{feff}\u{1b}[0m", "what was there"),
            ("[ERROR]: OutOfMemoryError\n[WARN]: disk", "\\[ERROR]: OutOfMemoryError \\[WARN]: disk"),
            ("#", "\\#"),
            ("***", "---"),
            ("> [!WARNING]\n> hot <!-- very -->", "> [!WARNING]\n> hot"),
        ] {
            let edited = person.edit(&key, json!({ "description": text })).await?.json(200);
            assert_eq!((&edited["success"], &edited["issue"]["description"]), (&json!(true), &json!(read)));
            assert_eq!(person.details(&key).await?.json(200)["issue"]["description"], read);
        }
        // With another field, only that one changes.
        let fields = json!({ "summary": "Kept", "description": "<!-- -->" });
        let edited = person.edit(&key, fields).await?.json(200);
        assert_eq!(edited["issue"]["summary"], "Kept");
        assert_eq!(edited["issue"]["description"], "> [!WARNING]\n> hot");
        let emptied = person.edit(&key, json!({ "description": " \u{3000}\n" })).await?.json(200);
        assert_eq!(emptied["issue"]["description"], Value::Null);
        Ok(())
    });
}

#[test]
fn a_description_that_only_jira_finds_too_long_gets_our_message() {
    run(async {
        let stack = TestStack::shared().await?;
        let person = stack.connected_user().await?;
        let key = person.task(&stack.project("LONG", 0)?, "Long").await?;
        // Jira counts block ends too; the text alone is short enough.
        let many = "aaaa\n\n".repeat(7_000);
        let answer = person.edit(&key, json!({ "description": many })).await?;
        assert!(answer.refusal(400).starts_with("description is too long for Jira"), "{answer:?}");
        assert!(answer.json(400)["details"]["fields"]["description"].is_string(), "{answer:?}");
        let long = "あ\u{3000}".repeat(16_000);
        person.edit(&key, json!({ "description": long })).await?.json(200);
        Ok(())
    });
}

/// A document that Markdown cannot represent: coloured text, a file, a mention with attributes.
fn rich(word: &str) -> Value {
    let red = json!([{ "type": "textColor", "attrs": { "color": "#ff5630" } }]);
    let file = json!({ "type": "media", "attrs": { "type": "file", "id": "6e7c", "collection": "", "alt": "a.png" } });
    let mention =
        json!({ "type": "mention", "attrs": { "id": "5b1", "text": "@Ada", "accessLevel": "CONTAINER" } });
    json!({ "type": "doc", "version": 1, "content": [
        { "type": "paragraph", "content": [{ "type": "text", "text": "red", "marks": red }, { "type": "text", "text": " " }, mention] },
        { "type": "mediaSingle", "attrs": { "layout": "wide" }, "content": [file] },
        { "type": "paragraph", "content": [{ "type": "text", "text": word }] },
    ] })
}

#[test]
fn a_markdown_edit_keeps_what_markdown_cannot_represent() {
    run(async {
        let stack = TestStack::shared().await?;
        let person = stack.connected_user().await?;
        let key = person.task(&stack.project("RICH", 0)?, "Rich").await?;
        person.edit(&key, json!({ "description": rich("end") })).await?.json(200);
        let read = person.details(&key).await?.json(200)["issue"]["description"].clone();
        let read = read.as_str().unwrap_or_default().to_owned();
        assert_eq!(read, "red [@Ada](accountid:5b1)\n\n(attachment: a.png)\n\nend");
        let stored = async || -> Result<Value> {
            let details = person.details_with(&key, &[("description_format", "adf")]).await?;
            Ok(details.json(200)["issue"]["description"].clone())
        };
        assert_eq!(stored().await?, rich("end"));
        // If it is sent back unchanged, Jira gets no write.
        let before = person.jira_requests().len();
        person.edit(&key, json!({ "description": read })).await?.json(200);
        let sent = person.jira_requests().split_off(before);
        assert!(sent.iter().all(|request| request.method == "GET"), "{sent:?}");
        // An added sentence costs one more call, and changes nothing else.
        let before = person.jira_requests().len();
        let fields = json!({ "description": read.replace("end", "the end"), "description_format": "adf" });
        let edited = person.edit(&key, fields).await?.json(200);
        assert_eq!(person.jira_requests().len() - before, 2);
        assert_eq!(edited["issue"]["description"], rich("the end"));
        assert!(edited.get("lost").is_none(), "{edited}");
        // Losses are reported or rejected.
        let refused = person.edit(&key, json!({ "description": "other", "on_loss": "refuse" })).await?;
        assert!(refused.refusal(409).contains("media (1), mediaSingle (1), textColor (1)"), "{refused:?}");
        assert_eq!(refused.json(409)["code"], "would_lose");
        assert_eq!(refused.json(409)["details"]["lost"][0], json!({ "kind": "media", "count": 1 }));
        assert_eq!(stored().await?, rich("the end"));
        let edited = person.edit(&key, json!({ "description": "other" })).await?.json(200);
        assert_eq!(edited["lost"][2], json!({ "kind": "textColor", "count": 1 }));
        assert_eq!(edited["issue"]["description"], "other");
        // An edit without Markdown needs no read first.
        let before = person.jira_requests().len();
        person.edit(&key, json!({ "description": rich("end"), "summary": "Richer" })).await?.json(200);
        assert_eq!(person.jira_requests().len() - before, 1);
        Ok(())
    });
}

#[test]
fn an_edit_of_an_issue_that_has_changed_since_is_a_conflict() {
    run(async {
        let stack = TestStack::shared().await?;
        let person = stack.connected_user().await?;
        let key = person.task(&stack.project("STALE", 0)?, "Stale").await?;
        let first = person.details(&key).await?.json(200)["issue"]["updated"].clone();
        let edit =
            |updated: &Value, summary: &str| json!({ "summary": summary, "expected_updated": updated });
        let second = person.edit(&key, edit(&first, "Second")).await?.json(200)["issue"]["updated"].clone();
        assert_ne!(first, second);
        for fields in [edit(&first, "Third"), json!({ "description": "a", "expected_updated": first })] {
            let stale = person.edit(&key, fields).await?;
            assert_eq!(stale.refusal(409), "Issue has been modified since last read");
            assert_eq!(stale.json(409)["code"], "jira_conflict");
        }
        let third = person.edit(&key, edit(&second, "Third")).await?.json(200);
        assert_eq!(third["issue"]["summary"], "Third");
        Ok(())
    });
}

#[test]
fn an_edit_that_jira_does_not_return_is_read_back() {
    run(async {
        let stack = TestStack::shared().await?;
        let person = stack.connected_user().await?;
        let key = person.task(&stack.project("SILENT", 0)?, "Before").await?;
        let silent = || {
            let fault = Fault::Status { status: 204, body: None };
            stack.atlassian().inject(person.trouble("PUT", fault).after().times(1));
        };
        silent();
        let answer = person.edit(&key, json!({ "summary": "After" })).await?.json(200);
        assert_eq!(answer["issue"]["summary"], "After");
        silent();
        stack.atlassian().inject(person.trouble("GET", Fault::Status { status: 500, body: None }));
        let answer = person.edit(&key, json!({ "summary": "Later" })).await?.json(200);
        assert_eq!((&answer["success"], &answer["issue"]), (&json!(true), &json!(null)));
        assert!(answer["warning"].as_str().is_some_and(|text| text.contains("was changed")), "{answer}");
        stack.atlassian().clear_faults_of(&person.account);
        assert_eq!(person.details(&key).await?.json(200)["issue"]["summary"], "Later");
        Ok(())
    });
}

#[test]
fn an_unreadable_response_is_not_a_success() {
    run(async {
        let stack = TestStack::shared().await?;
        let person = stack.connected_user().await?;
        let key = person.task(&stack.project("BABBLE", 0)?, "Before").await?;
        for fault in [
            Fault::Status { status: 200, body: None },
            Fault::Status { status: 200, body: Some(json!({ "an": ["other", "answer"] })) },
            Fault::Status { status: 200, body: Some(json!([])) },
            Fault::MalformedJson,
        ] {
            stack.atlassian().inject(person.trouble("PUT", fault.clone()).times(1));
            let answer = person.edit(&key, json!({ "summary": "After" })).await?;
            assert_eq!(answer.refusal(502), "Failed to update Jira issue", "{fault:?}");
            assert_eq!(answer.json(502)["code"], "outcome_unknown", "{fault:?}");
        }
        // Repeating the edit is harmless.
        person.edit(&key, json!({ "summary": "After" })).await?.json(200);
        assert_eq!(person.details(&key).await?.json(200)["issue"]["summary"], "After");
        Ok(())
    });
}

#[test]
fn invalid_edits_never_reach_jira() {
    run(async {
        let stack = TestStack::shared().await?;
        let person = stack.connected_user().await?;
        person.details("SHIP-1").await?.json(200);
        let before = person.jira_requests().len();
        for nothing in [json!({}), json!({ "summary": null }), json!({ "priority_id": "", "colour": ["a"] })]
        {
            let refusal = person.edit("SHIP-1", nothing).await?.refusal(400);
            assert_eq!(refusal, "At least one field must be provided for update");
        }
        for (fields, said) in [
            (json!({ "summary": "" }), "summary"),
            (json!({ "summary": "a\nb" }), "single line"),
            (json!({ "summary": "a".repeat(256) }), "255"),
            (json!({ "summary": ["a"] }), "string"),
            (json!({ "description": "a".repeat(32_768) }), "32767"),
            (json!({ "description": ["a"] }), "Markdown"),
            (json!({ "description": { "type": "doc" } }), "version"),
            (json!({ "priority_id": "High" }), "priority_id"),
            (json!({ "summary": "a", "expected_updated": "yesterday" }), "expected_updated"),
            (json!({ "summary": "a", "on_loss": "ignore" }), "on_loss"),
            (json!({ "summary": "a", "description_format": "html" }), "description_format"),
            (json!({ "issue_type_id": 10001 }), "string"),
            (json!({ "assignee_account_id": "a/b" }), "account"),
        ] {
            let refusal = person.edit("SHIP-1", fields.clone()).await?.refusal(400);
            assert!(refusal.contains(said), "{fields}: {refusal}");
        }
        for nonsense in ["SHIP", "../1", "1 OR 1=1"] {
            let refusal = person.edit(nonsense, json!({ "summary": "x" })).await?.refusal(400);
            assert!(refusal.contains("issue_id_or_key"), "{refusal}");
        }
        for (body, missing) in [
            (json!({}), "Missing external_id"),
            (json!({ "external_id": person.external_id }), "Missing issue_id_or_key"),
        ] {
            let answer = stack.send(person.jira(Method::PUT, "edit-issue").json(&body)).await?;
            assert_eq!(answer.refusal(400), missing);
        }
        for (body, content_type, status) in [
            (String::new(), "application/json", 400),
            ("[]".to_owned(), "application/json", 400),
            ("{".to_owned(), "application/json", 400),
            ("{}".to_owned(), "text/plain", 400),
            (json!({ "description": "a".repeat(300_000) }).to_string(), "application/json", 413),
        ] {
            let request = person.jira(Method::PUT, "edit-issue").header("content-type", content_type);
            assert!(!stack.send(request.body(body)).await?.refusal(status).is_empty());
        }
        assert_eq!(person.jira_requests().len(), before);
        Ok(())
    });
}

#[test]
fn jiras_errors_have_the_contracts_messages() {
    run(async {
        let stack = TestStack::shared().await?;
        let person = stack.connected_user().await?;
        let key = person.task(&stack.project("REFUSED", 0)?, "Refuse me").await?;
        for (fields, field) in [
            (json!({ "priority_id": "99" }), "priority"),
            (json!({ "issue_type_id": "99" }), "issuetype"),
            (json!({ "assignee_account_id": "nobody" }), "assignee"),
        ] {
            let answer = person.edit(&key, fields).await?.json(400);
            assert_eq!(answer["error"], "Invalid field values provided");
            assert!(answer["details"]["fields"][field].is_string(), "{answer}");
        }
        assert_eq!(
            person.edit("SHIP-999999", json!({ "summary": "x" })).await?.refusal(404),
            "Issue not found"
        );
        let edit = || person.edit(&key, json!({ "summary": "x" }));
        let conflict = Fault::Status { status: 409, body: Some(json!({ "errorMessages": ["conflict"] })) };
        stack.atlassian().inject(person.trouble("PUT", conflict).times(1));
        assert_eq!(edit().await?.refusal(409), "Issue has been modified since last read");
        stack.atlassian().inject(person.trouble("PUT", Fault::Status { status: 500, body: None }));
        assert_eq!(edit().await?.refusal(502), "Failed to update Jira issue");
        stack.atlassian().clear_faults_of(&person.account);
        let limited =
            Fault::RateLimited { retry_after: Some(1), reason: Some("jira-per-issue-on-write".into()) };
        stack.atlassian().inject(person.trouble("PUT", limited).times(1));
        edit().await?.json(200);
        let mut settings = stack.atlassian().settings(Some(&person.account));
        settings.read_only = true;
        stack.atlassian().set_settings(Some(&person.account), settings);
        let forbidden = edit().await?.json(403);
        assert!(forbidden.get("needs_reauthorization").is_none(), "{forbidden}");
        Ok(())
    });
}
