//! `get-changelog`.

use anyhow::Context;
use juncture_tests::{TestStack, run};
use reqwest::Method;
use sandbox::Fault;
use serde_json::{Value, json};

const SAM: &str = "5b10a2844c20165700ede002";

#[test]
fn every_edit_is_a_change_with_ids_and_texts() {
    run(async {
        let stack = TestStack::shared().await?;
        let person = stack.connected_user().await?;
        let key = person.task(&stack.project("HISTORY", 0)?, "Before").await?;
        let history = |key: String| {
            let person = &person;
            async move {
                Ok::<Value, anyhow::Error>(
                    person.read("get-changelog", &[("issue_id_or_key", &key)]).await?.json(200),
                )
            }
        };
        assert_eq!(history(key.clone()).await?, json!({ "changes": [], "total": 0, "next_cursor": null }));
        person.edit(&key, json!({ "summary": "After", "priority_id": "1" })).await?.json(200);
        person.edit(&key, json!({ "assignee_account_id": SAM })).await?.json(200);
        person
            .edit(&key, json!({ "assignee_account_id": "null", "issue_type_id": "10002" }))
            .await?
            .json(200);
        person.edit(&key, json!({ "description": "New **text**" })).await?.json(200);
        // An edit that changes nothing is no change.
        person.edit(&key, json!({ "summary": "After" })).await?.json(200);
        let before = person.jira_requests().len();
        let read = history(key.to_lowercase()).await?;
        assert_eq!(person.jira_requests().len() - before, 1);
        assert_eq!((&read["total"], &read["next_cursor"]), (&json!(4), &Value::Null));
        let item = |field: &str, from: [Value; 2], to: [Value; 2]| {
            let ([from, from_text], [to, to_text]) = (from, to);
            json!({ "field": field, "field_id": field, "from": from, "from_text": from_text, "to": to, "to_text": to_text })
        };
        let none = || [Value::Null, Value::Null];
        let expected = [
            json!([
                item("summary", [json!(null), json!("Before")], [json!(null), json!("After")]),
                item("priority", [json!("3"), json!("Medium")], [json!("1"), json!("Highest")]),
            ]),
            json!([item("assignee", none(), [json!(SAM), json!("Sam Single-Site")])]),
            json!([
                item("assignee", [json!(SAM), json!("Sam Single-Site")], none()),
                item("issuetype", [json!("10001"), json!("Task")], [json!("10002"), json!("Bug")]),
            ]),
            json!([item("description", none(), [json!(null), json!("New text")])]),
        ];
        let me = person.read("get-connected-account", &[]).await?.json(200);
        for (change, items) in read["changes"].as_array().context("no list")?.iter().zip(expected) {
            assert_eq!(change["items"], items);
            assert_eq!(change["author_account_id"], me["account_id"]);
            assert_eq!(change["author"], me["display_name"]);
            assert!(change["created"].as_str().is_some_and(|time| time.ends_with('Z') && time.len() == 24));
            assert!(change["id"].as_str().is_some_and(|id| id.parse::<u64>().is_ok()), "{change}");
        }
        Ok(())
    });
}

#[test]
fn a_link_is_a_change_without_a_field() {
    run(async {
        let stack = TestStack::shared().await?;
        let person = stack.connected_user().await?;
        let project = stack.project("HISTLINK", 0)?;
        let (from, to) = (person.task(&project, "One").await?, person.task(&project, "Other").await?);
        let link = json!({ "from": from, "relation": "is blocked by", "to": to });
        person.write(Method::POST, "link-issues", link).await?.json(201);
        for (issue, words, other) in [(&from, "is blocked by", &to), (&to, "blocks", &from)] {
            let read = person.read("get-changelog", &[("issue_id_or_key", issue)]).await?.json(200);
            let expected = json!([{ "field": "Link", "field_id": null, "from": null, "from_text": null,
                "to": other, "to_text": format!("This issue {words} {other}") }]);
            assert_eq!(read["changes"][0]["items"], expected);
        }
        Ok(())
    });
}

#[test]
fn a_long_history_is_whole_or_in_pages() {
    run(async {
        let stack = TestStack::shared().await?;
        let person = stack.connected_user().await?;
        let issue = [("issue_id_or_key", "SHIP-1")];
        // Jira's pages, one after the other.
        let page = |range: std::ops::Range<usize>, is_last: bool| {
            let values: Vec<_> = range.map(|id| json!({ "id": id.to_string(), "items": [] })).collect();
            let body = json!({ "values": values, "isLast": is_last, "total": 230 });
            Fault::Status { status: 200, body: Some(body) }
        };
        let answers = |line: &str, fault: Fault| {
            stack.atlassian().inject(person.trouble(&format!("/changelog?{line}"), fault).times(1));
        };
        answers("startAt=0&maxResults=100", page(0..100, false));
        answers("startAt=100&maxResults=100", page(100..150, false));
        answers("startAt=150&maxResults=100", page(150..230, true));
        let whole = person.read("get-changelog", &issue).await?.json(200);
        assert_eq!((&whole["total"], &whole["next_cursor"]), (&json!(230), &Value::Null));
        let ids = |list: &Value| -> Vec<usize> {
            let changes = list["changes"].as_array().into_iter().flatten();
            changes.filter_map(|change| change["id"].as_str()?.parse().ok()).collect()
        };
        assert_eq!(ids(&whole), (0..230).collect::<Vec<_>>());

        answers("startAt=0&maxResults=70", page(0..70, false));
        answers("startAt=70&maxResults=70", page(70..140, true));
        let first = person.read("get-changelog", &[issue[0], ("limit", "70")]).await?.json(200);
        assert_eq!(ids(&first), (0..70).collect::<Vec<_>>());
        let cursor = first["next_cursor"].as_str().context("no cursor")?;
        let second = person.read("get-changelog", &[issue[0], ("cursor", cursor)]).await?.json(200);
        assert_eq!((ids(&second).len(), &second["next_cursor"]), (70, &Value::Null));
        let other = [("issue_id_or_key", "SHIP-2"), ("cursor", cursor)];
        assert!(person.read("get-changelog", &other).await?.refusal(400).contains("cursor"));
        Ok(())
    });
}

#[test]
fn an_unexpected_value_loses_no_change() {
    run(async {
        let stack = TestStack::shared().await?;
        let person = stack.connected_user().await?;
        for odd in [json!(null), json!(7.5), json!([null]), json!({ "odd": 1 })] {
            let item = json!({ "field": odd, "from": odd, "toString": odd, "to": 5 });
            let change = json!({ "id": 1, "author": odd, "created": odd, "items": [odd, item] });
            let body = json!({ "values": [odd, change, { "items": odd }], "isLast": true });
            let answer = Fault::Status { status: 200, body: Some(body) };
            stack.atlassian().inject(person.trouble("/changelog", answer).times(1));
            let read = person.read("get-changelog", &[("issue_id_or_key", "SHIP-1")]).await?.json(200);
            let skipped = usize::from(!odd.is_object());
            assert_eq!(read["total"], 3 - skipped, "{odd}");
            let change = &read["changes"][1 - skipped];
            assert_eq!((&change["id"], &change["created"]), (&json!("1"), &Value::Null));
            assert_eq!(change["items"][1 - skipped]["to"], "5", "{odd}: {change}");
        }
        Ok(())
    });
}

#[test]
fn every_error_has_its_message() {
    run(async {
        let stack = TestStack::shared().await?;
        let person = stack.connected_user().await?;
        let before = person.jira_requests().len();
        for (query, said) in [
            (vec![], "Missing issue_id_or_key"),
            (vec![("issue_id_or_key", "../x")], "issue_id_or_key is not a Jira issue"),
            (vec![("issue_id_or_key", "SHIP-1"), ("limit", "0")], "limit"),
            (vec![("issue_id_or_key", "SHIP-1"), ("cursor", "x")], "cursor"),
        ] {
            let refused = person.read("get-changelog", &query).await?.refusal(400);
            assert!(refused.contains(said), "{query:?}: {refused}");
        }
        assert_eq!(person.jira_requests().len(), before);
        let read = |issue: &'static str| {
            let person = &person;
            async move { person.read("get-changelog", &[("issue_id_or_key", issue)]).await }
        };
        assert_eq!(read("SHIP-999999").await?.refusal(404), "Issue not found");
        for fault in [Fault::Status { status: 500, body: None }, Fault::MalformedJson, Fault::Drop] {
            stack.atlassian().inject(person.trouble("/changelog", fault.clone()));
            let failed = read("SHIP-1").await?.refusal(502);
            assert_eq!(failed, "Failed to fetch the history of the Jira issue", "{fault:?}");
            stack.atlassian().clear_faults_of(&person.account);
        }
        // A single failure is retried.
        stack.atlassian().inject(person.trouble("/changelog", Fault::Drop).times(1));
        read("SHIP-1").await?.json(200);
        Ok(())
    });
}
