//! `create-ticket` with an `Idempotency-Key`.

use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use futures_util::future::try_join_all;
use juncture_tests::{CREATE, Person, TestStack, run};
use sandbox::Fault;
use serde_json::{Value, json};

fn ticket(project: &str, summary: &str) -> Value {
    json!({ "jira_project_id": project, "summary": summary, "issue_type_id": "10001" })
}

#[test]
fn everybody_gets_the_first_response() {
    run(async {
        let stack = TestStack::shared().await?;
        let person = stack.connected_user().await?;
        let project = stack.project("ONCE", 0)?;
        let first = person.create_once("key-1", ticket(&project, "One")).await?.json(201);
        assert_eq!(first["ticket"]["key"], "ONCE-1");
        for _ in 0..3 {
            assert_eq!(person.create_once("key-1", ticket(&project, "One")).await?.json(201), first);
        }
        assert_eq!(person.creates(), 1);
        let other = person.create_once("key-1", ticket(&project, "Two")).await?;
        assert!(other.refusal(422).contains("Idempotency-Key was used for another request"));
        let second = person.create_once("key-2", ticket(&project, "One")).await?.json(201);
        assert_eq!(second["ticket"]["key"], "ONCE-2");
        // For another person, the same key is a different key.
        let other = stack.connected_user().await?;
        let third = other.create_once("key-1", ticket(&project, "Three")).await?.json(201);
        assert_eq!(third["ticket"]["key"], "ONCE-3");
        for bad in ["", " ", "a b", &"x".repeat(256), "schlüssel"] {
            let refusal = person.create_once(bad, ticket(&project, "One")).await?.refusal(400);
            assert!(refusal.contains("Idempotency-Key"), "{bad:?}: {refusal}");
        }
        Ok(())
    });
}

#[test]
fn twenty_at_once_make_one_ticket() {
    run(async {
        let stack = TestStack::shared().await?;
        let person = stack.connected_user().await?;
        let project = stack.project("TWENTY", 0)?;
        let calls = (0..20).map(|_| person.create_once("key", ticket(&project, "One")));
        let answers = try_join_all(calls).await?;
        for answer in &answers {
            assert_eq!(answer.json(201), answers[0].json(201));
        }
        assert_eq!(person.creates(), 1);
        Ok(())
    });
}

#[test]
fn a_refusal_leaves_the_key_free() {
    run(async {
        let stack = TestStack::shared().await?;
        let person = stack.connected_user().await?;
        let project = stack.project("FREE", 0)?;
        let mut wrong = ticket(&project, "One");
        wrong["priority_id"] = "99".into();
        person.create_once("key", wrong).await?.refusal(400);
        let created = person.create_once("key", ticket(&project, "One")).await?.json(201);
        assert_eq!(created["ticket"]["key"], "FREE-1");
        Ok(())
    });
}

#[test]
fn an_issue_is_found_after_a_lost_response() {
    run(async {
        let stack = TestStack::shared().await?;
        for (key, issues, lag) in
            [("LOSTA", 0, 0), ("LOSTB", 3, 1_000), ("LOSTC", 0, 1_000), ("LOSTD", 250, 0)]
        {
            let person = stack.connected_user().await?;
            let mut settings = stack.atlassian().settings(Some(&person.account));
            settings.search_lag = lag;
            stack.atlassian().set_settings(Some(&person.account), settings);
            let project = stack.project(key, issues)?;
            stack.atlassian().inject(person.trouble(CREATE, Fault::Drop).after().times(1));
            let lost = person.create_once("key", ticket(&project, "Lost")).await?;
            assert!(lost.refusal(502).contains("same Idempotency-Key"), "{lost:?}");
            assert_eq!(lost.header("retry-after"), "5");
            // Other issues are created in between.
            for number in 0..3 {
                person.task(&project, &format!("Between {number}")).await?;
            }
            let sent = person.creates();
            let found = person.create_once("key", ticket(&project, "Lost")).await?.json(201);
            assert_eq!(found["ticket"]["key"], format!("{key}-{}", issues + 1));
            assert_eq!(found["ticket"]["status"], "To Do");
            assert_eq!(person.creates(), sent);
            assert_eq!(person.create_once("key", ticket(&project, "Lost")).await?.json(201), found);
        }
        Ok(())
    });
}

#[test]
fn a_request_that_never_arrived_is_resent() {
    run(async {
        let stack = TestStack::shared().await?;
        let person = stack.connected_user().await?;
        let project = stack.project("NEVER", 2)?;
        stack.atlassian().inject(person.trouble(CREATE, Fault::Drop).times(1));
        person.create_once("key", ticket(&project, "Never")).await?.refusal(502);
        let other = person.create_once("key", ticket(&project, "Other")).await?;
        assert!(other.refusal(422).contains("another request"));
        let calls = (0..5).map(|_| person.create_once("key", ticket(&project, "Never")));
        for answer in try_join_all(calls).await? {
            assert_eq!(answer.json(201)["ticket"]["key"], "NEVER-3");
        }
        assert_eq!(person.creates(), 2);
        Ok(())
    });
}

#[test]
fn nothing_is_resent_while_jira_is_unavailable() {
    run(async {
        let stack = TestStack::shared().await?;
        let person = stack.connected_user().await?;
        let project = stack.project("DOUBT", 0)?;
        stack.atlassian().inject(person.trouble(CREATE, Fault::Drop).after().times(1));
        person.create_once("key", ticket(&project, "Lost")).await?.refusal(502);
        stack.atlassian().inject(person.trouble("search", Fault::Status { status: 500, body: None }));
        let unsure = person.create_once("key", ticket(&project, "Lost")).await?;
        assert!(unsure.refusal(502).contains("same Idempotency-Key"), "{unsure:?}");
        stack.atlassian().clear_faults_of(&person.account);
        let found = person.create_once("key", ticket(&project, "Lost")).await?.json(201);
        assert_eq!(found["ticket"]["key"], "DOUBT-1");
        assert_eq!(person.creates(), 1);
        Ok(())
    });
}

#[test]
fn empty_pages_do_not_prove_that_an_issue_is_missing() {
    run(async {
        let stack = TestStack::shared().await?;
        let person = stack.connected_user().await?;
        // More issues than are looked at if the search finds nothing.
        let project = stack.project("EMPTYPAGE", 101)?;
        stack.atlassian().inject(person.trouble(CREATE, Fault::Drop).after().times(1));
        person.create_once("key", ticket(&project, "Lost")).await?.refusal(502);
        let empty = json!({ "issues": [], "isLast": false, "nextPageToken": "more" });
        stack
            .atlassian()
            .inject(person.trouble("search/jql", Fault::Status { status: 200, body: Some(empty) }));
        let unsure = person.create_once("key", ticket(&project, "Lost")).await?;
        assert!(unsure.refusal(502).contains("same Idempotency-Key"), "{unsure:?}");
        stack.atlassian().clear_faults_of(&person.account);
        let found = person.create_once("key", ticket(&project, "Lost")).await?.json(201);
        assert_eq!(found["ticket"]["key"], "EMPTYPAGE-102");
        assert_eq!(person.creates(), 1);
        Ok(())
    });
}

#[test]
fn a_lost_issue_is_searched_for_in_the_project_it_was_sent_to() {
    run(async {
        let stack = TestStack::shared().await?;
        let person = stack.connected_user().await?;
        let select = |project: String| {
            let body = person.body(json!({ "jira_project_id": project }));
            async move { stack.backend_post("jira/select-project", &body).await }
        };
        select(stack.project("OLD", 0)?).await?.json(200);
        let fields = json!({ "summary": "Lost", "issue_type_id": "10001" });
        stack.atlassian().inject(person.trouble(CREATE, Fault::Drop).after().times(1));
        person.create_once("key", fields.clone()).await?.refusal(502);
        select(stack.project("NEW", 0)?).await?.json(200);
        let found = person.create_once("key", fields).await?.json(201);
        assert_eq!(found["ticket"]["key"], "OLD-1");
        assert_eq!(person.creates(), 1);
        Ok(())
    });
}

/// The Redis keys of a person's records.
async fn records(stack: &TestStack, person: &Person<'_>) -> Result<Vec<String>> {
    let id = person.connection_id().await?;
    let found = stack.redis(&["KEYS", &format!("juncture:once:{id}:*")]).await?;
    Ok(redis::from_redis_value(found)?)
}

#[test]
fn stored_responses_are_sealed() {
    run(async {
        let stack = TestStack::shared().await?;
        let person = stack.connected_user().await?;
        let project = stack.project("SEALED", 0)?;
        let first = person.create_once("key", ticket(&project, "A secret plan")).await?.json(201);
        let [record] = &records(stack, &person).await?[..] else { anyhow::bail!("not one record") };
        let kept: String = redis::from_redis_value(stack.redis(&["GET", record]).await?)?;
        for clear in ["SEALED-1", "secret plan", "To Do"] {
            assert!(!kept.contains(clear), "{kept}");
        }
        assert!(kept.contains("v1:") && kept.len() < 2048, "{kept}");
        assert_eq!(person.create_once("key", ticket(&project, "A secret plan")).await?.json(201), first);
        // An unreadable record does not count as missing.
        stack.redis(&["SET", record, "{}"]).await?;
        person.create_once("key", ticket(&project, "A secret plan")).await?.refusal(500);
        assert_eq!(person.creates(), 1);
        Ok(())
    });
}

/// Sends a create, and kills the function as soon as Jira has received this many requests of the person with this
/// request line ending.
async fn create_and_die(
    stack: &TestStack,
    person: &Person<'_>,
    fields: Value,
    path: &str,
    times: usize,
) -> Result<()> {
    let deadly = async {
        let arrived = || person.jira_requests().iter().filter(|request| request.path.ends_with(path)).count();
        while arrived() < times {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let instances = stack.gateway().instances();
        let it = instances.iter().find(|it| it.function == "CreateTicket").context("no instance")?;
        ensure!(Command::new("kill").args(["-9", &it.pid.to_string()]).status()?.success());
        Ok(())
    };
    let (answer, killed) = tokio::join!(person.create_once("key", fields), deadly);
    killed?;
    // The gateway's own response.
    assert_eq!(answer?.status, 502);
    Ok(())
}

#[test]
fn an_issue_sent_by_a_killed_function_is_found() {
    run(async {
        let stack = TestStack::start(|_| ()).await?;
        let person = stack.connected_user().await?;
        let project = stack.project("DIED", 3)?;
        stack.atlassian().inject(person.trouble(CREATE, Fault::Hang).after().times(1));
        create_and_die(&stack, &person, ticket(&project, "Died"), "/issue", 1).await?;
        // Waits until the lock of the killed function expires.
        let found = person.create_once("key", ticket(&project, "Died")).await?.json(201);
        assert_eq!((&found["ticket"]["key"], person.creates()), (&json!("DIED-4"), 1));
        assert_eq!(person.create_once("key", ticket(&project, "Died")).await?.json(201), found);
        stack.stop().await
    });
}

#[test]
fn a_create_of_a_killed_function_is_resent_only_once_jira_must_be_done() {
    run(async {
        let stack = TestStack::start(|_| ()).await?;
        let person = stack.connected_user().await?;
        let project = stack.project("DIES", 3)?;
        stack.atlassian().inject(person.trouble(CREATE, Fault::Hang).times(1));
        create_and_die(&stack, &person, ticket(&project, "Dies"), "/issue", 1).await?;
        // Jira may still be processing it for 20 seconds. Until then a retry only searches for the issue; this one is
        // killed too.
        create_and_die(&stack, &person, ticket(&project, "Dies"), "/search/jql", 2).await?;
        assert_eq!(person.creates(), 1);
        // As if the 20 seconds had passed.
        let [record] = &records(&stack, &person).await?[..] else { anyhow::bail!("not one record") };
        let kept: String = redis::from_redis_value(stack.redis(&["GET", record]).await?)?;
        let mut kept: Value = serde_json::from_str(&kept)?;
        let doubt = &mut kept["sent"];
        assert_eq!(doubt["settled_at"].as_i64(), doubt["sent_at"].as_i64().map(|sent| sent + 20));
        doubt["settled_at"] = doubt["sent_at"].clone();
        stack.redis(&["SET", record, &kept.to_string()]).await?;
        let created = person.create_once("key", ticket(&project, "Dies")).await?.json(201);
        assert_eq!((&created["ticket"]["key"], person.creates()), (&json!("DIES-4"), 2));
        stack.stop().await
    });
}

#[test]
fn a_second_request_waits_for_the_first_and_then_gives_up() {
    run(async {
        let stack = TestStack::shared().await?;
        let person = stack.connected_user().await?;
        let project = stack.project("WAITS", 0)?;
        person.create_once("key", ticket(&project, "One")).await?.json(201);
        // As if the first request were still running: its lock exists, its record does not.
        let [record] = &records(stack, &person).await?[..] else { anyhow::bail!("not one record") };
        stack.redis(&["DEL", record]).await?;
        stack.redis(&["SET", &record.replace("once:", "once-lock:"), "somebody"]).await?;
        let answer = person.create_once("key", ticket(&project, "One")).await?;
        assert!(answer.refusal(409).contains("still under way"), "{answer:?}");
        assert_eq!(answer.header("retry-after"), "2");
        assert_eq!(person.creates(), 1);
        Ok(())
    });
}

#[test]
fn without_redis_nothing_is_sent() {
    run(async {
        let stack = TestStack::start(|_| ()).await?;
        let person = stack.connected_user().await?;
        let project = stack.project("AWAY", 0)?;
        person.create(ticket(&project, "One")).await?.json(201);
        let front = stack.front();
        front.faults().set(Some(juncture_local::upstash::Fault::Refuse));
        let answer = person.create_once("key", ticket(&project, "Two")).await?;
        assert!(answer.refusal(503).contains("Redis"), "{answer:?}");
        assert_eq!(person.creates(), 1);
        // Redis is not needed without the header.
        person.create(ticket(&project, "Two")).await?.json(201);
        stack.stop().await
    });
}
