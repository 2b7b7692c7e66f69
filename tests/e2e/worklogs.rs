//! `get-worklogs`, `add-worklog` and `delete-worklog`.

use anyhow::{Context, Result};
use juncture_tests::{Person, TestStack, run};
use reqwest::Method;
use sandbox::{Fault, LoggedRequest};
use serde_json::{Value, json};

/// The end of the request line of Jira's `add worklog`, without its query.
const ADD: &str = "/worklog?adjustEstimate";

async fn add(person: &Person<'_>, issue: &str, fields: Value) -> Result<Value> {
    let added = person.write(Method::POST, "add-worklog", with_issue(issue, fields)).await?.json(201);
    Ok(added["worklog"].clone())
}

fn with_issue(issue: &str, mut fields: Value) -> Value {
    fields["issue_id_or_key"] = issue.into();
    fields
}

async fn list(person: &Person<'_>, issue: &str, more: &[(&str, &str)]) -> Result<Value> {
    Ok(person.read("get-worklogs", &[&[("issue_id_or_key", issue)], more].concat()).await?.json(200))
}

async fn estimates(person: &Person<'_>, issue: &str) -> Result<(Value, Value)> {
    let tracking = &person.details(issue).await?.json(200)["issue"]["timeTracking"];
    Ok((tracking["remainingEstimate"].clone(), tracking["timeSpent"].clone()))
}

/// The requests to Jira's worklogs.
fn sent(person: &Person<'_>) -> Vec<LoggedRequest> {
    let mut requests = person.jira_requests();
    requests.retain(|request| request.path.contains("/worklog"));
    requests
}

#[test]
fn time_is_recorded_listed_and_deleted_with_one_call_each() {
    run(async {
        let stack = TestStack::shared().await?;
        let person = stack.connected_user().await?;
        let issue = person.task(&stack.project("LOGGED", 0)?, "Mend the sails").await?;
        let added = add(
            &person,
            &issue,
            json!({
                "time_spent": "PT1H30M", "started": "2024-01-01T10:00:00.5+01:00", "comment": "Mended the **foresail**.",
                "notify": false,
            }),
        )
        .await?;
        let id = added["id"].as_str().context("an id")?.to_owned();
        assert!(added["created"].is_string() && added["updated"].is_string(), "{added}");
        let expected = json!({
            "id": id, "author": person.account, "author_account_id": added["author_account_id"],
            "comment": "Mended the **foresail**.", "started": "2024-01-01T09:00:00.500Z", "time_spent": "PT1H30M",
            "time_spent_seconds": 5400, "created": added["created"], "updated": added["updated"], "visibility": null,
        });
        assert_eq!(added, expected);
        assert!(added["author_account_id"].is_string());
        assert_eq!(
            list(&person, &issue, &[]).await?,
            json!({ "worklogs": [added], "total": 1, "next_cursor": null })
        );
        let adf = list(&person, &issue.to_lowercase(), &[("body_format", "adf")]).await?;
        assert_eq!(adf["worklogs"][0]["comment"]["type"], "doc");
        let parameters = [("issue_id_or_key", issue.as_str()), ("worklog_id", id.as_str())];
        let deleted = person.query(Method::DELETE, "delete-worklog", &parameters).await?;
        assert_eq!(deleted.json(200), json!({ "success": true }));
        assert_eq!(list(&person, &issue, &[]).await?["total"], 0);
        let requests = sent(&person);
        let methods: Vec<&str> = requests.iter().map(|request| request.method.as_str()).collect();
        assert_eq!(methods, ["POST", "GET", "GET", "DELETE", "GET"], "one call each");
        assert_eq!(requests[0].query.as_deref(), Some("adjustEstimate=auto&notifyUsers=false"));
        let again =
            person.write(Method::DELETE, "delete-worklog", with_issue(&issue, json!({ "worklog_id": id })));
        assert!(again.await?.refusal(404).starts_with("Worklog or issue not found"));
        // Without a time, Jira sets its own; without a comment, there is none.
        let bare = add(&person, &issue, json!({ "time_spent": "PT8H", "comment": " " })).await?;
        assert_eq!((&bare["comment"], &bare["time_spent"]), (&json!(null), &json!("PT8H")));
        assert!(bare["started"].is_string());
        Ok(())
    });
}

#[test]
fn the_remaining_estimate_follows_the_callers_choice() {
    run(async {
        let stack = TestStack::shared().await?;
        let person = stack.connected_user().await?;
        let issue = person.task(&stack.project("ESTIM", 0)?, "Estimated").await?;
        let both = |remaining: &str, spent: &str| (json!(remaining), json!(spent));
        let set = json!({ "time_spent": "PT1H", "adjust_estimate": "new", "new_estimate": "PT10H" });
        add(&person, &issue, set).await?;
        assert_eq!(estimates(&person, &issue).await?, both("10h", "1h"));
        add(&person, &issue, json!({ "time_spent": "PT2H" })).await?;
        assert_eq!(estimates(&person, &issue).await?, both("8h", "3h"));
        add(&person, &issue, json!({ "time_spent": "PT1H", "adjust_estimate": "leave" })).await?;
        assert_eq!(estimates(&person, &issue).await?, both("8h", "4h"));
        let by = json!({ "time_spent": "PT1H", "adjust_estimate": "manual", "reduce_by": "PT180M" });
        let id = add(&person, &issue, by).await?["id"].clone();
        assert_eq!(estimates(&person, &issue).await?, both("5h", "5h"));
        let delete = async |id: &Value, more: Value| {
            let mut fields = with_issue(&issue, json!({ "worklog_id": id }));
            for (name, value) in more.as_object().into_iter().flatten() {
                fields[name] = value.clone();
            }
            person.write(Method::DELETE, "delete-worklog", fields).await
        };
        delete(&id, json!({ "adjust_estimate": "manual", "increase_by": "PT2H" })).await?.json(200);
        assert_eq!(estimates(&person, &issue).await?, both("7h", "4h"));
        let worklogs = list(&person, &issue, &[]).await?;
        delete(&worklogs["worklogs"][0]["id"], json!({})).await?.json(200);
        assert_eq!(estimates(&person, &issue).await?, both("8h", "3h"));
        let none = json!({ "adjust_estimate": "new", "new_estimate": "PT0S" });
        delete(&worklogs["worklogs"][1]["id"], none).await?.json(200);
        assert_eq!(estimates(&person, &issue).await?, both("0h", "1h"));
        Ok(())
    });
}

#[test]
fn a_list_comes_in_pages_and_by_period() {
    run(async {
        let stack = TestStack::shared().await?;
        let person = stack.connected_user().await?;
        let issue = person.task(&stack.project("PERIOD", 0)?, "Five days").await?;
        for day in 1..=5 {
            let started = format!("2024-01-0{day}T09:00:00Z");
            add(&person, &issue, json!({ "time_spent": format!("PT{day}H"), "started": started })).await?;
        }
        let days = |list: &Value| -> Vec<i64> {
            let worklogs = list["worklogs"].as_array().into_iter().flatten();
            worklogs.filter_map(|worklog| Some(worklog["time_spent_seconds"].as_i64()? / 3600)).collect()
        };
        let period =
            [("started_after", "2024-01-01T09:00:00Z"), ("started_before", "2024-01-05T10:00:00+01:00")];
        let mut page = list(&person, &issue, &[&period[..], &[("limit", "2")]].concat()).await?;
        assert_eq!((days(&page), &page["total"]), (vec![2, 3], &json!(2)));
        let cursor = page["next_cursor"].as_str().context("a cursor")?.to_owned();
        page = list(&person, &issue, &[&period[..], &[("cursor", &cursor)]].concat()).await?;
        assert_eq!((days(&page), &page["next_cursor"]), (vec![4], &json!(null)));
        let parameters = [("issue_id_or_key", issue.as_str()), ("cursor", &cursor)];
        let other = person.read("get-worklogs", &parameters).await?;
        assert!(other.refusal(400).contains("cursor does not belong to this list"));
        let whole = list(&person, &issue, &[]).await?;
        assert_eq!(days(&whole), [1, 2, 3, 4, 5]);
        // Jira may shorten a page.
        let short = json!({ "worklogs": [whole["worklogs"][0], null], "total": 3 });
        let fault = Fault::Status { status: 200, body: Some(short) };
        stack.atlassian().inject(person.trouble("startAt=0", fault).times(1));
        assert_eq!(list(&person, &issue, &[]).await?["total"], 4);
        Ok(())
    });
}

#[test]
fn what_is_wrong_is_named_before_jira_is_asked() {
    run(async {
        let stack = TestStack::shared().await?;
        let person = stack.connected_user().await?;
        let fine = json!({ "issue_id_or_key": "SHIP-1", "time_spent": "PT1H" });
        let huge = "x".repeat(20_000);
        for (name, value, said) in [
            ("time_spent", json!(null), "Missing time_spent"),
            ("time_spent", json!("P1D"), "working day"),
            ("time_spent", json!("-PT1H"), "sign"),
            ("time_spent", json!("PT0M"), "at least a minute"),
            ("time_spent", json!("PT30S"), "whole minutes"),
            ("time_spent", json!("1h"), "ISO 8601"),
            ("time_spent", json!("PT99999999999999999999H"), "at most PT100000H"),
            ("time_spent", json!(3600), "must be a string"),
            ("time_spent", json!("PT1H\u{0}"), "control characters"),
            ("started", json!("yesterday"), "started must be an RFC 3339 time"),
            ("started", json!("2024-01-01T09:00:00.000+0000"), "started must be an RFC 3339 time"),
            ("started", json!("1969-12-31T23:59:59Z"), "from 1970 on"),
            ("started", json!("9999-12-31T23:59:59-01:00"), "started must be an RFC 3339 time"),
            ("started", json!(1_704_103_200_000_i64), "must be a string"),
            ("comment", json!(7), "comment must be a string of Markdown"),
            ("comment", json!("a".repeat(32_768)), "comment is 32768 characters long"),
            ("adjust_estimate", json!("Auto"), "auto, leave, new or manual"),
            ("adjust_estimate", json!("new"), "Missing new_estimate"),
            ("adjust_estimate", json!("manual"), "Missing reduce_by"),
            ("reduce_by", json!("PT1H"), "reduce_by is only for adjust_estimate manual"),
            ("notify", json!("yes"), "notify"),
            ("issue_id_or_key", json!("../1"), "issue_id_or_key is not a Jira issue"),
            ("visibility", json!({}), "visibility is not a field of add-worklog"),
        ] {
            let mut fields = fine.clone();
            fields[name] = value;
            let refused = person.write(Method::POST, "add-worklog", fields.clone()).await?.refusal(400);
            assert!(refused.contains(said), "{fields}: {refused}");
        }
        let long = json!({ "issue_id_or_key": "SHIP-1", "time_spent": huge });
        person.write(Method::POST, "add-worklog", long).await?.refusal(413);
        for (name, value, said) in [
            ("started_after", "2024-01-01", "started_after must be an RFC 3339 time"),
            ("started_before", "1704103200000", "started_before must be an RFC 3339 time"),
            ("body_format", "html", "body_format must be markdown or adf"),
            ("limit", "0", "limit must be"),
            ("cursor", "x", "cursor does not belong"),
        ] {
            let refused =
                person.read("get-worklogs", &[("issue_id_or_key", "SHIP-1"), (name, value)]).await?;
            assert!(refused.refusal(400).contains(said), "{name}={value}");
        }
        for (id, more, said) in [
            ("", "", "Missing worklog_id"),
            ("../1", "", "worklog_id is not a Jira worklog id"),
            ("1", "new", "Missing new_estimate"),
            ("1", "manual", "Missing increase_by"),
        ] {
            let parameters = [("issue_id_or_key", "SHIP-1"), ("worklog_id", id), ("adjust_estimate", more)];
            let refused = person.query(Method::DELETE, "delete-worklog", &parameters).await?.refusal(400);
            assert!(refused.contains(said), "{id} {more}: {refused}");
        }
        assert_eq!(sent(&person).len(), 0);
        Ok(())
    });
}

#[test]
fn jiras_refusals_have_their_own_words() {
    run(async {
        let stack = TestStack::shared().await?;
        let person = stack.connected_user().await?;
        let hour = json!({ "time_spent": "PT1H" });
        let missing = person.write(Method::POST, "add-worklog", with_issue("SHIP-999", hour.clone())).await?;
        assert!(missing.refusal(404).starts_with("Issue not found, or time tracking is off"));
        let missing = person.read("get-worklogs", &[("issue_id_or_key", "SHIP-999")]).await?;
        assert!(missing.refusal(404).starts_with("Issue not found, or time tracking is off"));
        let full =
            Fault::Status { status: 413, body: Some(json!({ "errorMessages": ["full"], "errors": {} })) };
        stack.atlassian().inject(person.trouble(ADD, full).times(1));
        let refused = person.write(Method::POST, "add-worklog", with_issue("SHIP-1", hour.clone())).await?;
        assert!(refused.refusal(400).starts_with("The issue has as many worklogs as Jira allows, 10,000"));
        // Jira counts the ends of paragraphs, too.
        let long = json!({ "time_spent": "PT1H", "comment": "aaa\n\n".repeat(10_000) });
        let refused = person.write(Method::POST, "add-worklog", with_issue("SHIP-1", long)).await?;
        assert!(refused.refusal(400).starts_with("comment is too long for Jira"));
        let mut settings = stack.atlassian().settings(Some(&person.account));
        settings.read_only = true;
        stack.atlassian().set_settings(Some(&person.account), settings);
        let refused = person.write(Method::POST, "add-worklog", with_issue("SHIP-1", hour)).await?.json(400);
        assert_eq!(refused["code"], "jira_refused", "{refused}");
        assert!(refused["details"]["messages"][0].as_str().is_some_and(|said| said.contains("permission")));
        Ok(())
    });
}

#[test]
fn a_worklog_is_added_once() {
    run(async {
        let stack = TestStack::shared().await?;
        let person = stack.connected_user().await?;
        let issue = person.task(&stack.project("ONCELOG", 0)?, "Logged once").await?;
        let fields = |time: &str| with_issue(&issue, json!({ "time_spent": time, "comment": "Once" }));
        for (key, started) in [("now", None), ("then", Some("2020-02-03T04:05:06Z"))] {
            let mut fields = fields("PT1H");
            if let Some(started) = started {
                fields["started"] = started.into();
            }
            let before = list(&person, &issue, &[]).await?["total"].as_u64().context("a total")?;
            stack.atlassian().inject(person.trouble(ADD, Fault::Drop).after().times(1));
            let lost = person.write_once(key, "add-worklog", fields.clone()).await?;
            assert!(lost.refusal(502).contains("same Idempotency-Key"), "{lost:?}");
            assert_eq!(lost.header("retry-after"), "5");
            add(&person, &issue, json!({ "time_spent": "PT5M" })).await?;
            let found = person.write_once(key, "add-worklog", fields.clone()).await?.json(201);
            assert_eq!(found["worklog"]["time_spent"], "PT1H", "{found}");
            assert_eq!(found["worklog"]["comment"], "Once");
            assert_eq!(person.write_once(key, "add-worklog", fields).await?.json(201), found);
            assert_eq!(list(&person, &issue, &[]).await?["total"], before + 2);
        }
        let reused = person.write_once("now", "add-worklog", fields("PT2H")).await?;
        assert!(reused.refusal(422).contains("another request"));
        Ok(())
    });
}

#[test]
fn a_long_comment_is_in_the_repeated_response_too() {
    run(async {
        let stack = TestStack::shared().await?;
        let person = stack.connected_user().await?;
        let issue = person.task(&stack.project("LONGLOG", 0)?, "Long").await?;
        let long = "word ".repeat(6_000).trim().to_owned();
        let fields = with_issue(&issue, json!({ "time_spent": "PT1H", "comment": long }));
        let first = person.write_once("key", "add-worklog", fields.clone()).await?.json(201);
        assert_eq!(first["worklog"]["comment"], long);
        let sent_before = sent(&person).len();
        assert_eq!(person.write_once("key", "add-worklog", fields).await?.json(201), first);
        assert_eq!(sent(&person).len(), sent_before);
        Ok(())
    });
}

#[test]
fn a_worklog_that_never_arrived_is_sent_again() {
    run(async {
        let stack = TestStack::shared().await?;
        let person = stack.connected_user().await?;
        let issue = person.task(&stack.project("NEVERLOG", 0)?, "Never logged").await?;
        stack.atlassian().inject(person.trouble(ADD, Fault::Drop).times(1));
        let fields = with_issue(&issue, json!({ "time_spent": "PT1H" }));
        person.write_once("key", "add-worklog", fields.clone()).await?.refusal(502);
        person.write_once("key", "add-worklog", fields).await?.json(201);
        assert_eq!(list(&person, &issue, &[]).await?["total"], 1);
        Ok(())
    });
}

#[test]
fn writes_are_repeated_only_after_a_rate_limit() {
    run(async {
        let stack = TestStack::shared().await?;
        let person = stack.connected_user().await?;
        let issue = person.task(&stack.project("TROUBLE", 0)?, "Trouble").await?;
        let count = |method: &str| sent(&person).iter().filter(|request| request.method == method).count();
        let limited = Fault::RateLimited { retry_after: Some(1), reason: None };
        stack.atlassian().inject(person.trouble(ADD, limited.clone()).times(1));
        let id = add(&person, &issue, json!({ "time_spent": "PT1H" })).await?["id"].clone();
        assert_eq!(count("POST"), 2);
        let failing = Fault::Status { status: 500, body: None };
        stack.atlassian().inject(person.trouble(ADD, failing.clone()).times(1));
        let fields = with_issue(&issue, json!({ "time_spent": "PT1H" }));
        let failed = person.write(Method::POST, "add-worklog", fields.clone()).await?.json(502);
        assert_eq!((&failed["code"], count("POST")), (&json!("outcome_unknown"), 3));
        stack.atlassian().inject(person.trouble(ADD, Fault::MalformedJson).times(1));
        let failed = person.write(Method::POST, "add-worklog", fields).await?.json(502);
        assert_eq!((&failed["code"], count("POST")), (&json!("outcome_unknown"), 4));
        stack.atlassian().inject(person.trouble("DELETE", failing.clone()).times(1));
        let deletion = with_issue(&issue, json!({ "worklog_id": id }));
        let failed = person.write(Method::DELETE, "delete-worklog", deletion).await?.json(502);
        assert_eq!((&failed["code"], count("DELETE")), (&json!("outcome_unknown"), 1));
        stack.atlassian().inject(person.trouble("/worklog?startAt", failing).times(2));
        assert_eq!(list(&person, &issue, &[]).await?["total"], 2);
        assert_eq!(count("GET"), 3, "a read is repeated");
        Ok(())
    });
}

#[test]
fn an_odd_value_loses_no_worklog() {
    run(async {
        let stack = TestStack::shared().await?;
        let person = stack.connected_user().await?;
        for odd in [json!(null), json!(7.5), json!("x"), json!([null]), json!({ "odd": [1] })] {
            let worklog = json!({
                "id": "1", "author": odd, "comment": odd, "started": odd, "timeSpentSeconds": odd, "created": odd,
                "updated": odd, "visibility": odd,
            });
            let fine = json!({ "id": 2, "timeSpentSeconds": "3600", "visibility": { "type": "role", "value": "Crew" } });
            let body = json!({ "worklogs": [worklog, odd, fine], "total": 3 });
            let fault = Fault::Status { status: 200, body: Some(body) };
            stack.atlassian().inject(person.trouble("/worklog?startAt", fault).times(1));
            let list = list(&person, "SHIP-1", &[]).await?;
            let last = list["worklogs"].as_array().and_then(|list| list.last()).context("a list")?;
            assert_eq!(list["worklogs"][0]["time_spent"], json!(null), "{odd}: {list}");
            assert_eq!((&last["id"], &last["time_spent"]), (&json!("2"), &json!("PT1H")));
            assert_eq!(last["visibility"], json!({ "type": "role", "id": null, "name": "Crew" }));
            // A restriction that cannot be read is not taken for none.
            assert_eq!(list["worklogs"][0]["visibility"].is_null(), odd.is_null(), "{odd}: {list}");
        }
        Ok(())
    });
}
