//! `get-transitions` and `transition-issue`.

use anyhow::{Context, Result};
use juncture_tests::{Answer, Person, TestStack, run};
use reqwest::Method;
use sandbox::{Fault, ProjectShape, Workflow};
use serde_json::{Value, json};

fn classic() -> ProjectShape {
    ProjectShape { workflow: Workflow::Classic, ..ProjectShape::default() }
}

async fn transitions(person: &Person<'_>, issue: &str) -> Result<Answer> {
    person.read("get-transitions", &[("issue_id_or_key", issue)]).await
}

async fn move_to(person: &Person<'_>, issue: &str, mut fields: Value) -> Result<Answer> {
    fields["issue_id_or_key"] = issue.into();
    person.write(Method::POST, "transition-issue", fields).await
}

async fn status(person: &Person<'_>, issue: &str) -> Result<Value> {
    Ok(person.details(issue).await?.json(200)["issue"]["status"]["name"].clone())
}

/// The number of transitions that Jira was asked to make.
fn moves(person: &Person<'_>) -> usize {
    let is_move = |request: &&sandbox::LoggedRequest| {
        request.method == "POST" && request.path.ends_with("/transitions")
    };
    person.jira_requests().iter().filter(is_move).count()
}

#[test]
fn an_issue_moves_by_name_by_status_and_by_transition() {
    run(async {
        let stack = TestStack::shared().await?;
        let person = stack.connected_user().await?;
        let key = person.task(&stack.project("MOVES", 0)?, "Moves").await?;
        let before = person.jira_requests().len();
        let moved = move_to(&person, &key, json!({ "status": " done" })).await?.json(200);
        assert_eq!(person.jira_requests().len() - before, 2);
        let expected = json!({ "success": true, "transition_id": "31", "transition": "Done", "status": "Done",
            "status_id": "10001", "status_category": "done", "comment_id": null });
        assert_eq!(moved, expected);
        assert_eq!(status(&person, &key).await?, "Done");
        assert_eq!(person.details(&key).await?.json(200)["issue"]["resolution"]["name"], "Done");
        move_to(&person, &key, json!({ "status_id": "3" })).await?.json(200);
        assert_eq!(status(&person, &key).await?, "In Progress");
        move_to(&person, &key, json!({ "transition_id": "11" })).await?.json(200);
        assert_eq!(status(&person, &key).await?, "To Do");
        Ok(())
    });
}

#[test]
fn transitions_are_listed_with_what_they_ask_for() {
    run(async {
        let stack = TestStack::shared().await?;
        let person = stack.connected_user().await?;
        let key = person.task(&stack.shaped_project("SCREENS", classic())?, "Screens").await?;
        let listed = transitions(&person, &key).await?.json(200);
        let names: Vec<&Value> =
            listed["transitions"].as_array().context("no list")?.iter().map(|it| &it["name"]).collect();
        assert_eq!(names, ["Start Progress", "Resolve Issue", "Close Issue"]);
        assert_eq!((&listed["total"], &listed["transitions"][0]["fields"]), (&json!(3), &json!([])));
        let close = &listed["transitions"][2];
        assert_eq!((&close["status"], &close["status_category"]), (&json!("Done"), &json!("done")));
        assert_eq!(close["json_schema"]["required"], json!(["customfield_10031", "resolution"]));
        let resolution = &close["fields"][1];
        assert_eq!(resolution["allowed_values"][1], json!({ "id": "10001", "name": "Won't Do" }));
        let missing = transitions(&person, "SHIP-999999").await?;
        assert_eq!(missing.refusal(404), "Issue not found");
        Ok(())
    });
}

#[test]
fn of_several_transitions_the_one_is_made_whose_screen_takes_the_fields() {
    run(async {
        let stack = TestStack::shared().await?;
        let person = stack.connected_user().await?;
        let project = stack.shaped_project("SEVERAL", classic())?;
        for (fields, made) in [
            (json!({ "status": "Done", "resolution": "duplicate" }), "Resolve Issue"),
            (
                json!({ "status_id": "10001", "resolution": "10002", "fields": { "Fix versions": ["2.0"] } }),
                "Resolve Issue",
            ),
            (
                json!({ "status": "Done", "resolution": "Duplicate", "fields": { "Severity": "Major" } }),
                "Close Issue",
            ),
            (
                json!({ "status": "Done", "fields": { "resolution": "Duplicate", "customfield_10031": "Major" } }),
                "Close Issue",
            ),
        ] {
            let key = person.task(&project, "Several").await?;
            let moved = move_to(&person, &key, fields.clone()).await?.json(200);
            assert_eq!(moved["transition"], made, "{fields}");
            let issue = person.details(&key).await?.json(200)["issue"].clone();
            assert_eq!(issue["resolution"]["name"], "Duplicate", "{fields}");
        }
        Ok(())
    });
}

#[test]
fn what_a_transition_asks_for_is_told_as_a_form() {
    run(async {
        let stack = TestStack::shared().await?;
        let person = stack.connected_user().await?;
        let key = person.task(&stack.shaped_project("ASKS", classic())?, "Asks").await?;
        let refused = move_to(&person, &key, json!({ "status": "Done" })).await?;
        assert_eq!(
            refused.refusal(400),
            "The transition \"Resolve Issue\" asks for: Resolution. Send them in fields"
        );
        let refused = refused.json(400);
        assert_eq!(
            (&refused["code"], &refused["details"]["transition_id"]),
            (&json!("fields_required"), &json!("5"))
        );
        let asked = &refused["details"]["form"]["json_schema"];
        assert_eq!(asked["required"], json!(["resolution"]));
        let refused = move_to(&person, &key, json!({ "transition_id": "2", "resolution": "Done" })).await?;
        assert!(refused.refusal(400).contains("asks for: Severity"), "{refused:?}");
        for (fields, said) in [
            (
                json!({ "status": "In Progress", "resolution": "Done" }),
                "\"resolution\" is not a field of this form",
            ),
            (
                json!({ "status": "Done", "resolution": "Solved" }),
                "must be one of: Done, Won't Do, Duplicate, Cannot Reproduce",
            ),
            (
                json!({ "status": "Done", "resolution": "Done", "fields": { "Severity": "Huge" } }),
                "must be one of: Minor",
            ),
        ] {
            let refused = move_to(&person, &key, fields).await?.refusal(400);
            assert!(refused.contains(said), "{refused}");
        }
        assert_eq!((moves(&person), status(&person, &key).await?), (0, json!("To Do")));
        Ok(())
    });
}

#[test]
fn where_an_issue_cannot_go_it_is_said_where_it_can() {
    run(async {
        let stack = TestStack::shared().await?;
        let person = stack.connected_user().await?;
        let key = person.task(&stack.shaped_project("NOWHERE", classic())?, "Stuck").await?;
        for (goal, said) in [
            (json!({ "status": "Closed" }), "The issue cannot be moved to \"Closed\" from its status"),
            (json!({ "status": "To Do" }), "The issue cannot be moved to \"To Do\" from its status"),
            // Long enough to be looked for in the log, where it must not be.
            (
                json!({ "status": "Waiting for the tide" }),
                "The issue cannot be moved to \"Waiting for the tide\" from its status",
            ),
            (json!({ "status_id": "77" }), "The issue cannot be moved to status 77 from its status"),
            (json!({ "transition_id": "3" }), "Transition 3 cannot be made from the issue's status"),
        ] {
            let refused = move_to(&person, &key, goal).await?;
            assert_eq!(refused.refusal(400), format!("{said}. It can be moved to: In Progress, Done"));
            let refused = refused.json(400);
            assert_eq!(refused["code"], "no_transition");
            let first = json!({ "transition_id": "4", "transition": "Start Progress", "status": "In Progress", "status_id": "3" });
            assert_eq!(refused["details"]["transitions"][0], first);
        }
        assert_eq!(moves(&person), 0);
        Ok(())
    });
}

#[test]
fn without_the_permission_a_move_is_forbidden() {
    run(async {
        let stack = TestStack::shared().await?;
        let person = stack.connected_user().await?;
        let key = person.task(&stack.project("LOCKED", 0)?, "Locked").await?;
        let mut settings = stack.atlassian().settings(Some(&person.account));
        settings.read_only = true;
        stack.atlassian().set_settings(Some(&person.account), settings);
        assert_eq!(transitions(&person, &key).await?.json(200), json!({ "transitions": [], "total": 0 }));
        let refused = move_to(&person, &key, json!({ "status": "Done" })).await?.json(403);
        assert_eq!(refused["code"], "jira_forbidden");
        assert!(refused.get("needs_reauthorization").is_none(), "{refused}");
        Ok(())
    });
}

#[test]
fn a_malformed_move_never_reaches_jira() {
    run(async {
        let stack = TestStack::shared().await?;
        let person = stack.connected_user().await?;
        person.details("SHIP-1").await?.json(200);
        let before = person.jira_requests().len();
        for (fields, said) in [
            (json!({}), "Missing transition_id, status_id or status"),
            (json!({ "status": "" }), "Missing transition_id, status_id or status"),
            (json!({ "status": "Done", "status_id": "3" }), "Send only one of"),
            (json!({ "status": 3 }), "string"),
            (json!({ "status_id": "Done" }), "status_id is not a Jira status id"),
            (json!({ "transition_id": "1 or 1" }), "transition_id is not a Jira transition id"),
            (json!({ "status": "Done", "fields": 7 }), "fields must be an object"),
            (json!({ "status": "Done", "comment": 7 }), "comment must be a string of Markdown"),
            (json!({ "status": "Done", "comment": "a".repeat(32_768) }), "comment is 32768 characters"),
            (
                json!({ "status": "Done", "resolution": "Done", "fields": { "resolution": "Done" } }),
                "send it once",
            ),
            (json!({ "status": "Done", "colour": "red" }), "colour is not a field of transition-issue"),
        ] {
            let refused = move_to(&person, "SHIP-1", fields.clone()).await?.refusal(400);
            assert!(refused.contains(said), "{fields}: {refused}");
        }
        assert_eq!(person.jira_requests().len(), before);
        Ok(())
    });
}

#[test]
fn a_move_is_sent_once_and_its_outcome_is_found_out() {
    run(async {
        let stack = TestStack::shared().await?;
        let person = stack.connected_user().await?;
        let project = stack.project("OUTCOME", 0)?;
        // The move was made, but the response was lost: the issue's status tells.
        let key = person.task(&project, "Lost response").await?;
        stack.atlassian().inject(person.trouble("/transitions HTTP", Fault::Drop).after().times(1));
        let moved = move_to(&person, &key, json!({ "status": "Done" })).await?.json(200);
        assert_eq!((moved["status"].clone(), status(&person, &key).await?), (json!("Done"), json!("Done")));
        // The move never arrived.
        let key = person.task(&project, "Lost request").await?;
        let made = moves(&person);
        stack.atlassian().inject(person.trouble("POST", Fault::Status { status: 500, body: None }).times(1));
        let lost = move_to(&person, &key, json!({ "status": "Done" })).await?;
        assert_eq!((lost.refusal(502), moves(&person)), ("Failed to move Jira issue".to_owned(), made + 1));
        assert_eq!(lost.json(502)["code"], "outcome_unknown");
        assert_eq!(status(&person, &key).await?, "To Do");
        // A move to the status in which the issue is leaves no trace in it.
        stack.atlassian().inject(person.trouble("/transitions HTTP", Fault::Drop).after().times(1));
        let looped = move_to(&person, &key, json!({ "status": "To Do" })).await?;
        assert_eq!(looped.json(502)["code"], "outcome_unknown");
        // After a 429 nothing was done, so it is sent again.
        let limited =
            Fault::RateLimited { retry_after: Some(1), reason: Some("jira-per-issue-on-write".into()) };
        stack.atlassian().inject(person.trouble("POST", limited).times(1));
        move_to(&person, &key, json!({ "status": "Done" })).await?.json(200);
        let conflict = Fault::Status { status: 409, body: Some(json!({ "errorMessages": ["conflict"] })) };
        stack.atlassian().inject(person.trouble("POST", conflict).times(1));
        assert_eq!(
            move_to(&person, &key, json!({ "status": "To Do" })).await?.json(409)["code"],
            "jira_conflict"
        );
        Ok(())
    });
}

#[test]
fn transitions_with_unexpected_values_lose_only_those() {
    run(async {
        let stack = TestStack::shared().await?;
        let person = stack.connected_user().await?;
        let key = person.task(&stack.project("ODDMOVE", 0)?, "Odd").await?;
        let odd = json!({ "transitions": [
            null, "a", { "id": [], "name": 7, "to": "Done", "fields": 5 },
            { "id": 31, "to": { "id": 10_001, "name": "Done", "statusCategory": [] }, "fields": [] },
        ] });
        let fault = || Fault::Status { status: 200, body: Some(odd.clone()) };
        stack.atlassian().inject(person.trouble("GET", fault()).times(1));
        let listed = transitions(&person, &key).await?.json(200);
        assert_eq!((&listed["total"], &listed["transitions"][0]["id"]), (&json!(2), &json!(null)));
        let second = &listed["transitions"][1];
        assert_eq!((&second["status_id"], &second["status_category"]), (&json!("10001"), &json!(null)));
        stack.atlassian().inject(person.trouble("GET", fault()).times(1));
        let moved = move_to(&person, &key, json!({ "status_id": "10001" })).await?.json(200);
        assert_eq!((&moved["transition_id"], &moved["transition"]), (&json!("31"), &json!(null)));
        assert_eq!(status(&person, &key).await?, "Done");
        Ok(())
    });
}

#[test]
fn a_comment_is_added_after_the_move() {
    run(async {
        let stack = TestStack::shared().await?;
        let person = stack.connected_user().await?;
        let project = stack.project("MOVENOTE", 0)?;
        let key = person.task(&project, "Note").await?;
        let before = person.jira_requests().len();
        let moved = move_to(&person, &key, json!({ "status": "Done", "comment": "Released in **1.4**" }))
            .await?
            .json(200);
        assert_eq!(person.jira_requests().len() - before, 3);
        let comments = person.read("get-comments", &[("issue_id_or_key", &key)]).await?.json(200);
        assert_eq!(comments["comments"][0]["body"], "Released in **1.4**");
        assert_eq!(comments["comments"][0]["id"], moved["comment_id"]);
        // The move stands if the comment fails.
        for (fault, said) in [
            (
                Fault::Status { status: 400, body: Some(json!({ "errorMessages": ["no"] })) },
                "could not be added",
            ),
            (Fault::Drop, "did not confirm the comment"),
        ] {
            let key = person.task(&project, "Note").await?;
            stack.atlassian().inject(person.trouble("/comment HTTP", fault).times(1));
            let moved = move_to(&person, &key, json!({ "status": "Done", "comment": "a" })).await?.json(200);
            assert!(moved["warning"].as_str().is_some_and(|text| text.contains(said)), "{moved}");
            assert_eq!((&moved["comment_id"], status(&person, &key).await?), (&Value::Null, json!("Done")));
        }
        Ok(())
    });
}

#[test]
fn a_move_is_in_the_history() {
    run(async {
        let stack = TestStack::shared().await?;
        let person = stack.connected_user().await?;
        let key = person.task(&stack.project("MOVELOG", 0)?, "History").await?;
        move_to(&person, &key, json!({ "status": "Done" })).await?.json(200);
        let history = person.read("get-changelog", &[("issue_id_or_key", &key)]).await?.json(200);
        let item = &history["changes"][0]["items"][0];
        assert_eq!(
            (&item["field"], &item["from_text"], &item["to_text"]),
            (&json!("status"), &json!("To Do"), &json!("Done"))
        );
        Ok(())
    });
}

#[test]
fn a_text_of_the_screen_keeps_what_markdown_cannot_represent() {
    run(async {
        let stack = TestStack::shared().await?;
        let person = stack.connected_user().await?;
        let key = person.task(&stack.shaped_project("REOPEN", classic())?, "Reopened").await?;
        let text = |text: &str, marks: Value| json!({ "type": "text", "text": text, "marks": marks });
        let red = json!([{ "type": "textColor", "attrs": { "color": "#ff5630" } }]);
        let paragraph = |content: Value| json!({ "type": "paragraph", "content": [content] });
        let document = json!({ "type": "doc", "version": 1, "content": [
            paragraph(text("red", red.clone())), paragraph(text("end", json!([]))),
        ] });
        person.edit(&key, json!({ "fields": { "Notes": document } })).await?.json(200);
        for (notes, stays_red) in [("red\n\nthe end", true), ("red\n\nthe end", true), ("only this", false)] {
            move_to(&person, &key, json!({ "status": "Done", "resolution": "Done" })).await?.json(200);
            let before = person.jira_requests().len();
            let moved = move_to(&person, &key, json!({ "status": "To Do", "fields": { "Notes": notes } }));
            let moved = moved.await?.json(200);
            let sent = person.jira_requests().split_off(before);
            assert_eq!(sent.len(), 3, "the transitions, the stored text, the move");
            let probe = json!({ "fields": { "Notes": "x" }, "on_loss": "refuse" });
            let status = if stays_red { 409 } else { 200 };
            person.edit(&key, probe).await?.json(status);
            let lost = json!([{ "kind": "textColor", "count": 1 }]);
            assert_eq!(moved.get("lost"), (!stays_red).then_some(&lost), "{moved}");
        }
        Ok(())
    });
}
