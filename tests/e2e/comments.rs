//! `get-comments`, `add-comment`, `edit-comment` and `delete-comment`.

use anyhow::{Context, Result};
use futures_util::future::try_join_all;
use juncture_tests::{Answer, Person, TestStack, run};
use reqwest::Method;
use sandbox::Fault;
use serde_json::{Value, json};

/// The end of the request line of Jira's `add comment`.
const ADD: &str = "/comment HTTP";

/// The path of the API of Jira Service Management.
const REQUEST: &str = "servicedeskapi";

async fn add(person: &Person<'_>, issue: &str, mut fields: Value) -> Result<Answer> {
    fields["issue_id_or_key"] = issue.into();
    person.write(Method::POST, "add-comment", fields).await
}

async fn add_once(person: &Person<'_>, key: &str, issue: &str, mut fields: Value) -> Result<Answer> {
    fields["issue_id_or_key"] = issue.into();
    person.write_once(key, "add-comment", fields).await
}

/// Adds a comment. Returns its id.
async fn added(person: &Person<'_>, issue: &str, body: &str) -> Result<String> {
    let answer = add(person, issue, json!({ "body": body })).await?.json(201);
    Ok(answer["comment"]["id"].as_str().context("no id")?.to_owned())
}

async fn edit(person: &Person<'_>, issue: &str, id: &str, mut fields: Value) -> Result<Answer> {
    fields["issue_id_or_key"] = issue.into();
    fields["comment_id"] = id.into();
    person.write(Method::PUT, "edit-comment", fields).await
}

async fn delete(person: &Person<'_>, issue: &str, id: &str) -> Result<Answer> {
    let query = [("issue_id_or_key", issue), ("comment_id", id)];
    person.query(Method::DELETE, "delete-comment", &query).await
}

async fn list(person: &Person<'_>, issue: &str, more: &[(&str, &str)]) -> Result<Value> {
    let query = [&[("issue_id_or_key", issue)], more].concat();
    Ok(person.read("get-comments", &query).await?.json(200))
}

fn bodies(list: &Value) -> Vec<&str> {
    let comments = list["comments"].as_array().into_iter().flatten();
    comments.map(|comment| comment["body"].as_str().unwrap_or("none")).collect()
}

/// How often Jira was asked to add a comment for a person, in either way.
fn adds(person: &Person<'_>) -> usize {
    let requests = person.jira_requests();
    requests.iter().filter(|request| request.method == "POST" && request.path.ends_with("/comment")).count()
}

#[test]
fn a_comment_is_added_and_read() {
    run(async {
        let stack = TestStack::shared().await?;
        let person = stack.connected_user().await?;
        let issue = person.task(&stack.project("SAID", 0)?, "Discuss").await?;
        let text = "Ask [@Sam](accountid:5b10a2844c20165700ede002) **about** the `tide`\n\n- now\n- later";
        let before = person.jira_requests().len();
        let comment = add(&person, &issue, json!({ "body": text })).await?.json(201)["comment"].clone();
        assert_eq!(person.jira_requests().len() - before, 1);
        assert_eq!(comment["author"], comment["update_author"]);
        assert_eq!((&comment["body"], &comment["visibility"]), (&json!(text), &Value::Null));
        assert_eq!(comment["is_internal"], false);
        assert!(comment["created"].as_str().is_some_and(|time| time.ends_with('Z')), "{comment}");
        let before = person.jira_requests().len();
        let read = list(&person, &issue, &[]).await?;
        assert_eq!(person.jira_requests().len() - before, 1);
        assert_eq!((&read["comments"], &read["total"]), (&json!([comment]), &json!(1)));
        assert_eq!(read["next_cursor"], Value::Null);
        let adf = list(&person, &issue, &[("body_format", "adf")]).await?;
        let mention = adf["comments"][0]["body"].pointer("/content/0/content/1").context("no mention")?;
        assert_eq!(mention["attrs"]["id"], "5b10a2844c20165700ede002");
        // The document can be sent as it was read.
        let body = adf["comments"][0]["body"].clone();
        let again = json!({ "body": body, "body_format": "adf" });
        assert_eq!(add(&person, &issue, again).await?.json(201)["comment"]["body"], body);
        Ok(())
    });
}

#[test]
fn a_comment_is_restricted_to_a_role_or_a_group() {
    run(async {
        let stack = TestStack::shared().await?;
        let person = stack.connected_user().await?;
        let issue = person.task(&stack.project("WHISPER", 0)?, "Discuss").await?;
        let dockers = "38a87f65-2fc0-4d5d-a7b4-5d84ab9cbd42";
        let group = json!({ "type": "group", "id": dockers, "name": "dockers" });
        let role = json!({ "type": "role", "id": "Developers", "name": "Developers" });
        for (sent, read) in [
            (json!({ "type": "group", "id": dockers }), &group),
            (json!({ "type": "group", "name": "dockers" }), &group),
            (group.clone(), &group),
            (json!({ "type": "role", "name": "Developers" }), &role),
        ] {
            let answer = add(&person, &issue, json!({ "body": "Psst", "visibility": sent })).await?.json(201);
            assert_eq!(answer["comment"]["visibility"], *read, "{sent}");
        }
        for (unknown, said) in [("Nobody", "does not exist"), ("Auditors", "not a member")] {
            let visibility = json!({ "type": "role", "name": unknown });
            let refused = add(&person, &issue, json!({ "body": "Psst", "visibility": visibility })).await?;
            let refused = refused.json(400);
            assert_eq!(refused["code"], "jira_refused");
            let message = refused["details"]["fields"]["commentLevel"].as_str().unwrap_or_default();
            assert!(message.contains(said), "{refused}");
        }
        assert_eq!(list(&person, &issue, &[]).await?["total"], 4);
        Ok(())
    });
}

#[test]
fn comments_are_listed_in_pages_and_in_both_orders() {
    run(async {
        let stack = TestStack::shared().await?;
        let person = stack.connected_user().await?;
        let issue = person.task(&stack.project("TALKED", 0)?, "Discuss").await?;
        for number in 1..=5 {
            added(&person, &issue, &format!("No. {number}")).await?;
        }
        let newest = ["No. 5", "No. 4", "No. 3", "No. 2", "No. 1"];
        assert_eq!(bodies(&list(&person, &issue, &[]).await?), newest);
        let oldest = list(&person, &issue, &[("order", "oldest")]).await?;
        assert!(bodies(&oldest).iter().rev().eq(&newest), "{oldest}");
        let mut read = Vec::new();
        let mut cursor: Option<String> = None;
        let before = person.jira_requests().len();
        for size in [2, 2, 1] {
            let page = match &cursor {
                None => list(&person, &issue, &[("limit", "2")]).await?,
                Some(cursor) => list(&person, &issue, &[("cursor", cursor)]).await?,
            };
            assert_eq!(page["total"], size, "{page}");
            read.extend(bodies(&page).into_iter().map(str::to_owned));
            cursor = page["next_cursor"].as_str().map(str::to_owned);
            if let Some(cursor) = &cursor {
                let other = [("issue_id_or_key", issue.as_str()), ("order", "oldest"), ("cursor", cursor)];
                assert!(person.read("get-comments", &other).await?.refusal(400).contains("cursor"));
            }
        }
        assert_eq!((read, cursor), (newest.map(str::to_owned).to_vec(), None));
        assert_eq!(person.jira_requests().len() - before, 3);
        Ok(())
    });
}

#[test]
fn a_whole_list_ends_where_jira_has_no_more() {
    run(async {
        let stack = TestStack::shared().await?;
        let person = stack.connected_user().await?;
        let comments = |from: usize, count: usize| -> Value {
            (from..from + count).map(|id| json!({ "id": id.to_string(), "body": null })).collect()
        };
        let inject = |start: usize, comments: Value, total: Value| {
            let body = json!({ "startAt": start, "maxResults": 50, "total": total, "comments": comments });
            let line = format!("startAt={start}&");
            let fault = Fault::Status { status: 200, body: Some(body) };
            stack.atlassian().inject(person.trouble(&line, fault));
        };
        // Jira sends fewer than are asked for, and a comment is added in between.
        inject(0, comments(0, 50), json!(101));
        inject(50, comments(49, 50), json!(102));
        inject(100, comments(99, 2), json!(102));
        let before = person.jira_requests().len();
        let whole = list(&person, "SHIP-1", &[]).await?;
        assert_eq!((&whole["total"], person.jira_requests().len() - before), (&json!(101), 3));
        stack.atlassian().clear_faults_of(&person.account);
        // Without a total, a page that brings nothing is the last.
        for last in [json!([]), comments(0, 50), json!([null, 7])] {
            inject(0, comments(0, 50), Value::Null);
            inject(50, last.clone(), Value::Null);
            assert_eq!(list(&person, "SHIP-1", &[]).await?["total"], 50, "{last}");
            stack.atlassian().clear_faults_of(&person.account);
        }
        Ok(())
    });
}

#[test]
fn an_unexpected_value_loses_no_comment() {
    run(async {
        let stack = TestStack::shared().await?;
        let person = stack.connected_user().await?;
        for odd in [json!(null), json!(7.5), json!(true), json!([null]), json!({ "odd": [1] })] {
            let comment = json!({
                "id": "1", "author": odd, "updateAuthor": odd, "body": odd, "created": odd, "updated": odd,
                "visibility": odd, "jsdPublic": if odd == true { json!("true") } else { odd.clone() },
            });
            let fine = json!({ "id": "2", "author": { "displayName": "Sam" }, "jsdPublic": true });
            let body = json!({ "comments": [comment, [odd], fine], "total": 3 });
            let fault = Fault::Status { status: 200, body: Some(body) };
            stack.atlassian().inject(person.trouble("/comment?", fault).times(1));
            let read = list(&person, "SHIP-1", &[]).await?;
            assert_eq!(read["total"], 2, "{odd}");
            let (first, last) = (&read["comments"][0], &read["comments"][1]);
            assert_eq!(
                (&first["id"], &first["body"], &first["author"]),
                (&json!("1"), &json!(null), &json!(null))
            );
            assert_eq!((&first["created"], &first["is_internal"]), (&json!(null), &json!(null)), "{odd}");
            // A restriction that cannot be read is not taken for none.
            assert_eq!(first["visibility"].is_null(), odd.is_null(), "{odd}");
            assert_eq!((&last["author"], &last["is_internal"]), (&json!("Sam"), &json!(false)));
        }
        for body in ["{", "[]", r#"{"comments":null}"#] {
            let fault = Fault::Reply { status: 200, headers: [].into(), body: body.to_owned() };
            stack.atlassian().inject(person.trouble("/comment?", fault).times(1));
            let answer = person.read("get-comments", &[("issue_id_or_key", "SHIP-1")]).await?;
            assert_eq!(answer.refusal(502), "Failed to fetch Jira comments", "{body}");
        }
        Ok(())
    });
}

#[test]
fn an_edit_keeps_what_markdown_cannot_say() {
    run(async {
        let stack = TestStack::shared().await?;
        let person = stack.connected_user().await?;
        let issue = person.task(&stack.project("REPHRASE", 0)?, "Discuss").await?;
        let red = json!([{ "type": "textColor", "attrs": { "color": "#ff0000" } }]);
        let paragraph = |text: &str, marks: &Value| json!({ "type": "paragraph", "content": [{ "type": "text", "text": text, "marks": marks }] });
        let content = [paragraph("Red", &red), paragraph("Plain", &json!([]))];
        let document = json!({ "type": "doc", "version": 1, "content": content });
        let comment = add(&person, &issue, json!({ "body": document })).await?.json(201)["comment"].clone();
        let id = comment["id"].as_str().context("no id")?;

        let before = person.jira_requests().len();
        let same = edit(&person, &issue, id, json!({ "body": comment["body"] })).await?.json(200);
        assert_eq!(person.jira_requests().len() - before, 1, "nothing changes, so it is only read");
        assert_eq!(same["comment"]["body"], "Red\n\nPlain");
        let before = person.jira_requests().len();
        let edited = json!({ "body": "Red\n\nOther", "body_format": "adf", "notify": false });
        let edited = edit(&person, &issue, id, edited).await?.json(200);
        assert_eq!(person.jira_requests().len() - before, 2);
        assert_eq!(edited["comment"]["body"]["content"][0], content[0], "{edited}");
        assert_eq!(edited["comment"]["id"], id);
        assert!(edited.get("lost").is_none(), "{edited}");
        let sent = person.jira_requests().pop().context("no request")?;
        assert_eq!(sent.query.as_deref(), Some("notifyUsers=false"));

        let lossy = json!({ "body": "Blue\n\nOther", "on_loss": "refuse" });
        let refused = edit(&person, &issue, id, lossy).await?.json(409);
        assert_eq!(refused["code"], "would_lose");
        assert_eq!(refused["details"]["lost"], json!([{ "kind": "textColor", "count": 1 }]));
        let lossy = edit(&person, &issue, id, json!({ "body": "Blue\n\nOther" })).await?.json(200);
        assert_eq!(lossy["lost"], json!([{ "kind": "textColor", "count": 1 }]));
        let document = edit(&person, &issue, id, json!({ "body": document })).await?.json(200);
        assert_eq!(document["comment"]["body"], "Red\n\nPlain");
        Ok(())
    });
}

#[test]
fn an_edit_never_lifts_a_restriction() {
    run(async {
        let stack = TestStack::shared().await?;
        let person = stack.connected_user().await?;
        let issue = person.task(&stack.project("SECRET", 0)?, "Discuss").await?;
        let visibility = json!({ "type": "role", "name": "Developers" });
        let fields = json!({ "body": "Psst", "visibility": visibility });
        let comment = add(&person, &issue, fields).await?.json(201)["comment"].clone();
        let id = comment["id"].as_str().context("no id")?;
        let document = json!({ "type": "doc", "version": 1,
            "content": [{ "type": "paragraph", "content": [{ "type": "text", "text": "Third" }] }] });
        for body in [json!("Second"), document] {
            let edited = edit(&person, &issue, id, json!({ "body": body })).await?.json(200);
            assert_eq!(edited["comment"]["visibility"], comment["visibility"], "{body}");
            assert_eq!(list(&person, &issue, &[]).await?["comments"][0]["visibility"], comment["visibility"]);
        }
        // Jira says afterwards that everybody or somebody else sees it.
        let other = json!({ "type": "role", "value": "Administrators" });
        for visibility in [json!(null), json!({}), other] {
            let body = json!({ "id": id, "visibility": visibility, "jsdPublic": true });
            let fault = Fault::Status { status: 200, body: Some(body) };
            stack.atlassian().inject(person.trouble("PUT", fault).times(1));
            let fields = json!({ "body": format!("Fourth {visibility}") });
            let exposed = edit(&person, &issue, id, fields).await?.json(502);
            assert_eq!(exposed["code"], "comment_public", "{visibility}");
            assert_eq!(exposed["details"], json!({ "comment_id": id, "deleted": false }));
        }
        // A restriction that cannot be read cannot be kept.
        let odd = json!({ "id": id, "visibility": { "type": "team", "value": "a" } });
        stack
            .atlassian()
            .inject(person.trouble("GET", Fault::Status { status: 200, body: Some(odd) }).times(1));
        let before = person.jira_requests().len();
        edit(&person, &issue, id, json!({ "body": "Fifth" })).await?.refusal(502);
        assert_eq!(person.jira_requests().len() - before, 1, "it is not edited");
        Ok(())
    });
}

#[test]
fn only_the_author_edits_and_deletes() {
    run(async {
        let stack = TestStack::shared().await?;
        let (author, other) = (stack.connected_user().await?, stack.connected_user().await?);
        let issue = author.task(&stack.project("MINE", 0)?, "Discuss").await?;
        let id = added(&author, &issue, "Mine").await?;
        let refused = edit(&other, &issue, &id, json!({ "body": "Yours" })).await?.json(400);
        assert_eq!(refused["code"], "jira_refused");
        assert!(refused["error"].as_str().is_some_and(|said| said.contains("may not edit it")), "{refused}");
        assert!(refused["details"]["fields"]["comment"].is_string(), "{refused}");
        let refused = delete(&other, &issue, &id).await?.json(400);
        assert!(
            refused["error"].as_str().is_some_and(|said| said.contains("may not delete it")),
            "{refused}"
        );

        let before = author.jira_requests().len();
        assert_eq!(delete(&author, &issue, &id).await?.json(200), json!({ "success": true }));
        assert_eq!(author.jira_requests().len() - before, 1);
        assert_eq!(delete(&author, &issue, &id).await?.refusal(404), "Issue or comment not found");
        let gone = edit(&author, &issue, &id, json!({ "body": "Gone" })).await?;
        assert_eq!(gone.refusal(404), "Issue or comment not found");
        let id = added(&author, &issue, "Mine again").await?;
        let body = json!({ "issue_id_or_key": issue, "comment_id": id });
        author.write(Method::DELETE, "delete-comment", body).await?.json(200);
        assert_eq!(list(&author, &issue, &[]).await?["total"], 0);
        Ok(())
    });
}

#[test]
fn invalid_input_is_refused_before_jira_is_asked() {
    run(async {
        let stack = TestStack::shared().await?;
        let person = stack.connected_user().await?;
        let before = person.jira_requests().len();
        let visibility = |value: Value| json!({ "body": "a", "visibility": value });
        for (fields, said) in [
            (json!({}), "Missing body"),
            (json!({ "body": null }), "Missing body"),
            (json!({ "body": " \n" }), "Missing body"),
            (json!({ "body": "<!-- a -->" }), "visible text"),
            (json!({ "body": 7 }), "body must be a string"),
            (json!({ "body": { "type": "doc" } }), "body: "),
            (json!({ "body": "a".repeat(32_768) }), "body is 32768 characters long"),
            (json!({ "body": "a", "internal": "yes" }), "'internal' must be true or false"),
            (json!({ "body": "a", "body_format": "html" }), "body_format must be markdown or adf"),
            (json!({ "body": "a", "text": "b" }), "text is not a field of add-comment"),
            (visibility(json!("Developers")), "visibility must be an object"),
            (visibility(json!({ "type": "role", "value": "a" })), "value is not a field of visibility"),
            (visibility(json!({ "type": "role", "name": 1e300 })), "visibility.name must be a string"),
            (
                json!({ "body": "a", "internal": true, "visibility": { "type": "role", "name": "a" } }),
                "internal or have a visibility, not both",
            ),
        ] {
            let refusal = add(&person, "SHIP-1", fields.clone()).await?.refusal(400);
            assert!(refusal.contains(said), "{fields}: {refusal}");
        }
        for issue in ["", "../1", "SHIP", "1e3"] {
            let refusal = add(&person, issue, json!({ "body": "a" })).await?.refusal(400);
            assert!(refusal.contains("issue_id_or_key"), "{issue}: {refusal}");
        }
        for id in ["", "1/2", "one", "-1", "99999999999999999999"] {
            let refusal = edit(&person, "SHIP-1", id, json!({ "body": "a" })).await?.refusal(400);
            assert!(refusal.contains("comment_id"), "{id}: {refusal}");
            let refusal = delete(&person, "SHIP-1", id).await?.refusal(400);
            assert!(refusal.contains("comment_id"), "{id}: {refusal}");
        }
        for (fields, said) in [
            (json!({ "body": "a", "on_loss": "ignore" }), "on_loss must be report or refuse"),
            (json!({ "body": "a", "notify": 1 }), "'notify' must be true or false"),
            (json!({ "body": "a", "visibility": null }), "visibility is not a field of edit-comment"),
        ] {
            let refusal = edit(&person, "SHIP-1", "1", fields.clone()).await?.refusal(400);
            assert!(refusal.contains(said), "{fields}: {refusal}");
        }
        for (query, said) in [
            (("order", "created"), "order must be newest or oldest"),
            (("body_format", "ADF"), "body_format must be markdown or adf"),
            (("limit", "0"), "limit must be"),
            (("cursor", "x"), "cursor does not belong"),
        ] {
            let refusal = person.read("get-comments", &[("issue_id_or_key", "SHIP-1"), query]).await?;
            assert!(refusal.refusal(400).contains(said), "{query:?}");
        }
        assert_eq!(person.jira_requests().len(), before);
        Ok(())
    });
}

#[test]
fn jiras_refusals_have_sentences() {
    run(async {
        let stack = TestStack::shared().await?;
        let person = stack.connected_user().await?;
        let issue = person.task(&stack.project("LIMITS", 0)?, "Discuss").await?;
        let text = json!({ "body": "Hello" });
        assert_eq!(add(&person, "SHIP-9999", text.clone()).await?.refusal(404), "Issue not found");
        let missing = person.read("get-comments", &[("issue_id_or_key", "SHIP-9999")]).await?;
        assert_eq!(missing.refusal(404), "Issue not found");

        // Jira counts the ends of paragraphs, too.
        let refusal = add(&person, &issue, json!({ "body": "aaa\n\n".repeat(10_000) })).await?.refusal(400);
        assert!(refusal.starts_with("body is too long for Jira"), "{refusal}");
        let said = "Das ist zu lang: höchstens 32.767 Zeichen.";
        for details in [
            json!({ "errorMessages": [], "errors": { "comment": said } }),
            json!({ "errorMessages": [said], "errors": {} }),
        ] {
            let fault = Fault::Status { status: 400, body: Some(details) };
            stack.atlassian().inject(person.trouble(ADD, fault).times(1));
            let refusal = add(&person, &issue, text.clone()).await?.refusal(400);
            assert!(refusal.starts_with("body is too long for Jira"), "{refusal}");
        }
        let mut settings = stack.atlassian().settings(Some(&person.account));
        settings.max_comments = 0;
        stack.atlassian().set_settings(Some(&person.account), settings.clone());
        let full = add(&person, &issue, text.clone()).await?.json(400);
        assert_eq!(full["code"], "jira_refused");
        assert!(full["error"].as_str().is_some_and(|said| said.contains("5,000")), "{full}");
        settings.max_comments = 5000;
        settings.read_only = true;
        stack.atlassian().set_settings(Some(&person.account), settings);
        let refusal = add(&person, &issue, text.clone()).await?.refusal(400);
        assert!(refusal.contains("may not comment on this issue"), "{refusal}");

        let limited = Fault::RateLimited { retry_after: Some(90), reason: None };
        stack.atlassian().inject(person.trouble("/comment", limited));
        for answer in [
            add(&person, &issue, text.clone()).await?,
            edit(&person, &issue, "1", text.clone()).await?,
            delete(&person, &issue, "1").await?,
        ] {
            answer.refusal(429);
            assert_eq!(answer.header("retry-after"), "90");
        }
        Ok(())
    });
}

#[test]
fn failures_of_jira_are_told() {
    run(async {
        let stack = TestStack::shared().await?;
        let person = stack.connected_user().await?;
        let issue = person.task(&stack.project("FAILS", 0)?, "Discuss").await?;
        let id = added(&person, &issue, "First").await?;
        let sends = |method: &str| {
            let requests = person.jira_requests();
            requests
                .iter()
                .filter(|request| request.method == method && request.path.contains("/comment"))
                .count()
        };
        for fault in [Fault::Status { status: 500, body: None }, Fault::Drop, Fault::MalformedJson] {
            stack.atlassian().inject(person.trouble(ADD, fault.clone()).times(1));
            let before = sends("POST");
            let lost = add(&person, &issue, json!({ "body": "Lost" })).await?.json(502);
            assert_eq!(lost["code"], "outcome_unknown", "{fault:?}");
            assert_eq!(sends("POST") - before, 1, "a write is sent once");
        }
        for fault in [Fault::Status { status: 503, body: None }, Fault::Drop] {
            stack.atlassian().inject(person.trouble("GET", fault.clone()).times(1));
            list(&person, &issue, &[]).await?;
            stack.atlassian().inject(person.trouble("PUT", fault.clone()).times(1));
            edit(&person, &issue, &id, json!({ "body": format!("{fault:?}") })).await?.json(200);
            stack.atlassian().inject(person.trouble("DELETE", fault.clone()).times(1));
            let before = sends("DELETE");
            let lost = delete(&person, &issue, &id).await?.json(502);
            assert_eq!((&lost["code"], sends("DELETE") - before), (&json!("outcome_unknown"), 1));
        }
        stack.atlassian().inject(person.trouble("PUT", Fault::MalformedJson).times(1));
        let unread = edit(&person, &issue, &id, json!({ "body": "Unread" })).await?.json(502);
        assert_eq!(unread["code"], "outcome_unknown");
        assert!(bodies(&list(&person, &issue, &[]).await?).contains(&"Unread"));
        Ok(())
    });
}

#[test]
fn a_comment_is_added_once_per_key() {
    run(async {
        let stack = TestStack::shared().await?;
        let person = stack.connected_user().await?;
        let issue = person.task(&stack.project("ECHO", 0)?, "Discuss").await?;
        // Longer than what is stored of a response.
        let text = json!({ "body": "Echo ".repeat(6000).trim_end() });
        let calls = (0..5).map(|_| add_once(&person, "key", &issue, text.clone()));
        let answers = try_join_all(calls).await?;
        for answer in &answers {
            assert_eq!(answer.json(201), answers[0].json(201));
        }
        assert_eq!(answers[0].json(201)["comment"]["body"], text["body"]);
        assert_eq!(adds(&person), 1);
        let other = add_once(&person, "key", &issue, json!({ "body": "Other" })).await?;
        assert!(other.refusal(422).contains("another request"));
        add_once(
            &person,
            "free",
            &issue,
            json!({ "body": "a", "visibility": { "type": "role", "name": "x" } }),
        )
        .await?
        .refusal(400);
        add_once(&person, "free", &issue, json!({ "body": "Free again" })).await?.json(201);
        Ok(())
    });
}

#[test]
fn a_comment_is_found_after_a_lost_response() {
    run(async {
        let stack = TestStack::shared().await?;
        let person = stack.connected_user().await?;
        let issue = person.task(&stack.project("LOSTWORD", 0)?, "Discuss").await?;
        stack.atlassian().inject(person.trouble(ADD, Fault::Drop).after().times(1));
        let lost = add_once(&person, "key", &issue, json!({ "body": "Lost" })).await?;
        assert!(lost.refusal(502).contains("same Idempotency-Key"), "{lost:?}");
        assert_eq!(lost.header("retry-after"), "5");
        for number in 0..3 {
            added(&person, &issue, &format!("Between {number}")).await?;
        }
        let sent = adds(&person);
        // Nothing is sent while Jira cannot be asked.
        stack.atlassian().inject(person.trouble("properties", Fault::Status { status: 500, body: None }));
        let unsure = add_once(&person, "key", &issue, json!({ "body": "Lost" })).await?;
        assert!(unsure.refusal(502).contains("same Idempotency-Key"), "{unsure:?}");
        stack.atlassian().clear_faults_of(&person.account);
        let found = add_once(&person, "key", &issue, json!({ "body": "Lost" })).await?.json(201);
        assert_eq!(adds(&person), sent);
        let read = list(&person, &issue, &[("order", "oldest")]).await?;
        assert_eq!((&read["comments"][0], &read["total"]), (&found["comment"], &json!(4)));
        assert_eq!(add_once(&person, "key", &issue, json!({ "body": "Lost" })).await?.json(201), found);

        stack.atlassian().inject(person.trouble(ADD, Fault::Drop).times(1));
        add_once(&person, "never", &issue, json!({ "body": "Never arrived" })).await?.refusal(502);
        add_once(&person, "never", &issue, json!({ "body": "Never arrived" })).await?.json(201);
        assert_eq!(list(&person, &issue, &[]).await?["total"], 5);
        Ok(())
    });
}

#[test]
fn an_internal_comment_is_hidden_from_customers() {
    run(async {
        let stack = TestStack::shared().await?;
        let person = stack.connected_user().await?;
        let issue = person.task(&stack.service_project("DESK")?, "Help").await?;
        let before = person.jira_requests().len();
        let fields = json!({ "body": "He is **wrong**\n\n- again", "internal": true });
        let comment = add(&person, &issue, fields.clone()).await?.json(201)["comment"].clone();
        assert_eq!(person.jira_requests().len() - before, 2);
        assert_eq!((&comment["is_internal"], &comment["body"]), (&json!(true), &fields["body"]));
        let read = list(&person, &issue, &[]).await?;
        assert_eq!(read["comments"], json!([comment]), "it is formatted");
        let id = comment["id"].as_str().context("no id")?;
        let edited = edit(&person, &issue, id, json!({ "body": "He is right" })).await?.json(200);
        assert_eq!(edited["comment"]["is_internal"], true);
        let public = add(&person, &issue, json!({ "body": "Hello" })).await?.json(201);
        assert_eq!(public["comment"]["is_internal"], false);
        // Markdown may be longer than what it says.
        let long = "**a** ".repeat(7_000);
        let long = add(&person, &issue, json!({ "body": long, "internal": true })).await?.json(201);
        assert_eq!(long["comment"]["is_internal"], true);

        let once = add_once(&person, "key", &issue, fields.clone()).await?.json(201);
        let sent = adds(&person);
        assert_eq!(add_once(&person, "key", &issue, fields).await?.json(201), once);
        assert_eq!(adds(&person), sent);
        Ok(())
    });
}

#[test]
fn an_issue_that_is_no_request_has_no_internal_comments() {
    run(async {
        let stack = TestStack::shared().await?;
        let person = stack.connected_user().await?;
        let issue = person.task(&stack.project("NODESK", 0)?, "Task").await?;
        let text = json!({ "body": "Hello", "internal": true });
        let refusal = add(&person, &issue, text.clone()).await?.refusal(400);
        assert!(refusal.contains("this issue is none"), "{refusal}");
        assert_eq!(add(&person, "NODESK-9", text.clone()).await?.refusal(404), "Issue not found");
        assert_eq!(list(&person, &issue, &[]).await?["total"], 0);
        let request = person.task(&stack.service_project("READDESK")?, "Help").await?;
        let mut settings = stack.atlassian().settings(Some(&person.account));
        settings.read_only = true;
        stack.atlassian().set_settings(Some(&person.account), settings);
        assert_eq!(add(&person, &request, text.clone()).await?.json(403)["code"], "jira_forbidden");
        let fault = Fault::Status { status: 400, body: Some(json!({ "errorMessage": "no" })) };
        stack.atlassian().inject(person.trouble(REQUEST, fault).times(2));
        assert!(add(&person, &issue, text.clone()).await?.refusal(400).contains("this issue is none"));
        assert_eq!(add(&person, &request, text).await?.json(400)["code"], "jira_refused");
        Ok(())
    });
}

#[test]
fn without_its_scope_an_internal_comment_names_the_group() {
    run(async {
        let stack = TestStack::shared().await?;
        let person = stack.person(&["harbour"])?;
        let mut settings = stack.atlassian().settings(None);
        settings.withheld_scopes = ["write:servicedesk-request".to_owned()].into();
        stack.atlassian().set_settings(Some(&person.account), settings);
        person.connect("harbour").await?;
        let issue = person.task(&stack.service_project("NOSCOPE")?, "Help").await?;
        let refused = add(&person, &issue, json!({ "body": "Hello", "internal": true })).await?.json(403);
        assert_eq!(refused["code"], "missing_scope");
        assert!(refused["error"].as_str().is_some_and(|said| said.contains("service-desk")), "{refused}");
        added(&person, &issue, "Hello").await?;
        Ok(())
    });
}

#[test]
fn a_comment_that_comes_out_public_is_deleted() {
    run(async {
        let stack = TestStack::shared().await?;
        let person = stack.connected_user().await?;
        let issue = person.task(&stack.service_project("LEAK")?, "Help").await?;
        let mut settings = stack.atlassian().settings(Some(&person.account));
        settings.internal_comments_are_public = true;
        stack.atlassian().set_settings(Some(&person.account), settings.clone());
        let text = json!({ "body": "He is wrong", "internal": true });
        let leaked = add_once(&person, "key", &issue, text.clone()).await?.json(502);
        assert_eq!(
            (&leaked["code"], &leaked["details"]["deleted"]),
            (&json!("comment_public"), &json!(true))
        );
        assert!(leaked["details"]["comment_id"].is_string(), "{leaked}");
        assert!(leaked["error"].as_str().is_some_and(|said| said.contains("it was deleted")), "{leaked}");
        assert_eq!(list(&person, &issue, &[]).await?["total"], 0);
        // The same key does not expose it again.
        let sent = adds(&person);
        assert_eq!(
            add_once(&person, "key", &issue, text.clone()).await?.json(502)["code"],
            "outcome_unknown"
        );
        assert_eq!(adds(&person), sent);

        // The deletion is repeated, and its failure is told.
        stack
            .atlassian()
            .inject(person.trouble("DELETE", Fault::Status { status: 500, body: None }).times(1));
        assert_eq!(add(&person, &issue, text.clone()).await?.json(502)["details"]["deleted"], true);
        stack.atlassian().inject(person.trouble("DELETE", Fault::Status { status: 500, body: None }));
        let exposed = add(&person, &issue, text.clone()).await?.json(502);
        assert_eq!(
            (&exposed["code"], &exposed["details"]["deleted"]),
            (&json!("comment_public"), &json!(false))
        );
        let left = list(&person, &issue, &[]).await?;
        assert_eq!(
            (&left["total"], &left["comments"][0]["id"]),
            (&json!(1), &exposed["details"]["comment_id"])
        );
        let said = exposed["error"].as_str().unwrap_or_default();
        assert!(left["comments"][0]["id"].as_str().is_some_and(|id| said.contains(id)), "{exposed}");
        stack.atlassian().clear_faults_of(&person.account);
        settings.internal_comments_are_public = false;
        stack.atlassian().set_settings(Some(&person.account), settings);

        // Anything but a clear confirmation counts as public.
        for public in [json!(null), json!("false"), json!(0), json!({})] {
            let id = added(&person, &issue, "To be mistaken for the internal one").await?;
            let answer = json!({ "id": id, "public": public });
            let fault = Fault::Status { status: 201, body: Some(answer) };
            stack.atlassian().inject(person.trouble(REQUEST, fault).times(1));
            let leaked = add(&person, &issue, text.clone()).await?.json(502);
            assert_eq!(leaked["details"], json!({ "comment_id": id, "deleted": true }), "{public}");
        }
        for nameless in [json!({}), json!({ "public": false }), json!({ "id": "x", "public": false })] {
            let fault = Fault::Status { status: 201, body: Some(nameless.clone()) };
            stack.atlassian().inject(person.trouble(REQUEST, fault).times(1));
            let leaked = add(&person, &issue, text.clone()).await?.json(502);
            assert_eq!(leaked["details"], json!({ "comment_id": null, "deleted": false }), "{nameless}");
        }
        Ok(())
    });
}

#[test]
fn an_internal_comment_that_is_not_formatted_is_deleted() {
    run(async {
        let stack = TestStack::shared().await?;
        let person = stack.connected_user().await?;
        let issue = person.task(&stack.service_project("HALFDESK")?, "Help").await?;
        let text = json!({ "body": "He is **wrong**", "internal": true });
        let no = json!({ "errorMessages": [], "errors": { "comment": "no" } });
        let refused = Fault::Status { status: 400, body: Some(no) };
        let failed = Fault::Status { status: 500, body: None };
        for (fault, status, code) in [
            (refused.clone(), 400, "jira_refused"),
            (failed.clone(), 502, "comment_public"),
            (Fault::Drop, 502, "comment_public"),
            (Fault::Status { status: 200, body: Some(json!({ "id": "1" })) }, 502, "comment_public"),
            (Fault::MalformedJson, 502, "comment_public"),
        ] {
            stack.atlassian().inject(person.trouble("PUT", fault.clone()));
            let failed = add(&person, &issue, text.clone()).await?.json(status);
            assert_eq!(failed["code"], code, "{fault:?}");
            assert_eq!(list(&person, &issue, &[]).await?["total"], 0, "{fault:?}");
            stack.atlassian().clear_faults_of(&person.account);
        }
        // If neither the formatting nor the deletion is confirmed, nobody knows who sees it.
        for method in ["PUT", "DELETE"] {
            stack.atlassian().inject(person.trouble(method, failed.clone()));
        }
        let left = add(&person, &issue, text.clone()).await?.json(502);
        assert_eq!((&left["code"], &left["details"]["deleted"]), (&json!("comment_public"), &json!(false)));
        stack.atlassian().clear_faults_of(&person.account);
        let id = left["details"]["comment_id"].as_str().context("no id")?;
        delete(&person, &issue, id).await?.json(200);
        // What can be neither formatted nor deleted stays, and is internal.
        for method in ["PUT", "DELETE"] {
            stack.atlassian().inject(person.trouble(method, refused.clone()));
        }
        let left = add_once(&person, "key", &issue, text.clone()).await?.json(502);
        assert_eq!(left["code"], "outcome_unknown");
        let id = left["details"]["comment_id"].as_str().context("no id")?;
        let said = left["error"].as_str().context("no error")?;
        assert!(said.contains(&format!("comment {id} is there as plain text")), "{said}");
        stack.atlassian().clear_faults_of(&person.account);
        let read = list(&person, &issue, &[]).await?;
        assert_eq!(read["comments"][0]["id"], left["details"]["comment_id"]);
        assert_eq!(read["comments"][0]["is_internal"], true);

        // Nothing in Jira tells whether a lost comment exists.
        stack.atlassian().inject(person.trouble(REQUEST, Fault::Drop).after().times(1));
        let lost = add_once(&person, "lost", &issue, text.clone()).await?;
        assert!(lost.refusal(502).contains("Juncture cannot find out"), "{lost:?}");
        let sent = adds(&person);
        let still = add_once(&person, "lost", &issue, text).await?;
        assert_eq!(still.json(502)["code"], "outcome_unknown");
        assert_eq!(adds(&person), sent);
        Ok(())
    });
}
