//! Liveness and readiness.

use std::time::{Duration, Instant};

use anyhow::Result;
use juncture_local::upstash;
use juncture_tests::{Answer, TestStack, run};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use reqwest::Method;
use sandbox::{Class, Fault, Rule};
use serde_json::{Value, json};

const PARTS: [&str; 5] = ["postgres", "migrations", "redis", "atlassian_auth", "atlassian_api"];

async fn ready(stack: &TestStack) -> Result<Answer> {
    stack.send(stack.request(Method::GET, "/health/ready").bearer_auth(stack.secret_key())).await
}

/// Asserts the status of each part, which is `ok` unless listed in `unwell`, and that no internals are disclosed.
#[track_caller]
fn assert_parts(answer: &Answer, status: u16, unwell: &[(&str, &str)]) -> Value {
    let body = answer.json(status);
    assert_eq!(body["ready"], status == 200, "{body}");
    for part in PARTS {
        let expected = unwell.iter().find(|(name, _)| *name == part).map_or("ok", |(_, status)| status);
        let found = &body["parts"][part];
        assert!(found["duration_ms"].is_u64(), "{part}: {body}");
        // It may be slow on a loaded machine.
        let is_it = found["status"] == expected || (expected == "ok" && found["status"] == "slow");
        assert!(is_it, "{part} is not {expected}: {body}");
        assert_eq!(found["problem"].is_string(), expected == "failed", "{part}: {body}");
    }
    for inward in ["127.0.0.1", "localhost", "http:", "postgres:", "password"] {
        assert!(!answer.body.contains(inward), "{inward} in {}", answer.body);
    }
    body
}

#[test]
fn liveness_is_open_and_touches_nothing() {
    run(async {
        let stack = TestStack::start(|_| ()).await?;
        let front = stack.front();
        front.faults().set(Some(upstash::Fault::Refuse));
        let before = front.faults().requests();
        let answer = stack.get("/health").await?;
        assert_eq!(answer.json(200), json!({ "alive": true }));
        assert_eq!(answer.header("cache-control"), "no-store");
        assert_eq!(front.faults().requests(), before);
        let line = stack.completion(&answer).await?;
        assert_eq!((&line["postgres_statements"], &line["jira_requests"]), (&json!(0), &json!(0)), "{line}");
        assert!(line["_aws"].is_null(), "a probe is no request of a caller: {line}");
        stack.stop().await
    });
}

#[test]
fn readiness_asks_for_the_key_and_names_every_part() {
    run(async {
        let stack = TestStack::shared().await?;
        assert_eq!(stack.get("/health/ready").await?.refusal(401), "Invalid secret key");
        let answer = ready(stack).await?;
        assert_parts(&answer, 200, &[]);
        assert!(stack.completion(&answer).await?["_aws"].is_null());
        Ok(())
    });
}

#[test]
fn each_part_that_is_away_is_named() {
    run(async {
        let stack = TestStack::start(|_| ()).await?;
        let front = stack.front();
        let redis_faults = [upstash::Fault::Refuse, upstash::Fault::Status(500), upstash::Fault::Status(401)];
        for fault in redis_faults {
            front.faults().set(Some(fault));
            assert_parts(&ready(&stack).await?, 503, &[("redis", "failed")]);
        }
        front.faults().set(None);
        let outage = || Fault::Status { status: 503, body: None };
        for (class, part) in [(Class::Authorize, "atlassian_auth"), (Class::Resources, "atlassian_api")] {
            for fault in [Fault::Drop, Fault::Hang, outage()] {
                stack.atlassian().inject(Rule::new(class, fault));
                let body = assert_parts(&ready(&stack).await?, 503, &[(part, "failed")]);
                assert!(
                    body["parts"][part]["problem"].as_str().is_some_and(|text| text.contains("Atlassian"))
                );
                stack.atlassian().clear_faults();
            }
        }
        // A healthy Atlassian rejects the probe, which has no credentials.
        let refusal = Fault::Status { status: 403, body: None };
        stack.atlassian().inject(Rule::new(Class::Resources, refusal));
        assert_parts(&ready(&stack).await?, 200, &[]);
        stack.atlassian().clear_faults();
        stack.stop().await
    });
}

#[test]
fn a_slow_part_is_named_with_its_time_and_is_ready() {
    run(async {
        let stack = TestStack::start(|_| ()).await?;
        stack.atlassian().inject(Rule::new(Class::Resources, Fault::Latency { millis: 1500 }));
        let body = assert_parts(&ready(&stack).await?, 200, &[("atlassian_api", "slow")]);
        let took = body["parts"]["atlassian_api"]["duration_ms"].as_u64();
        assert!(took.is_some_and(|millis| millis >= 1500), "{body}");
        stack.stop().await
    });
}

#[test]
fn a_database_outage_is_reported_without_its_address() {
    run(async {
        let stack = TestStack::start(|options| options.servers = None).await?;
        let server = Pid::from_raw(i32::try_from(stack.postgres().pid())?);
        let away = [("postgres", "failed"), ("migrations", "failed")];
        // Connections are accepted and never answered.
        kill(server, Signal::SIGSTOP)?;
        assert_parts(&ready(&stack).await?, 503, &away);
        kill(server, Signal::SIGCONT)?;
        assert_parts(&ready(&stack).await?, 200, &[]);
        // Connections are refused.
        kill(server, Signal::SIGQUIT)?;
        // The server ends its sessions one by one, so the function's pooled connection may still work for a moment, and
        // may end between the two checks.
        let is_away = |answer: &Answer| {
            let body = answer.json(answer.status);
            away.iter().all(|(part, status)| body["parts"][part]["status"] == *status)
        };
        let mut answer = ready(&stack).await?;
        let patience = Instant::now() + Duration::from_secs(10);
        while !is_away(&answer) && Instant::now() < patience {
            answer = ready(&stack).await?;
        }
        let body = assert_parts(&answer, 503, &away);
        assert!(!body.to_string().contains("juncture"), "{body}");
        Ok(())
    });
}

#[test]
fn missing_and_changed_migrations_are_reported() {
    run(async {
        let stack = TestStack::start(|_| ()).await?;
        let database = stack.database().await?;
        let newest: String =
            database.query_one(r#"select max(name) from "juncture-core".migration"#, &[]).await?.get(0);
        let problem = |body: &Value| body["parts"]["migrations"]["problem"].as_str().map(str::to_owned);
        let steps = [
            (r#"insert into "juncture-core".migration values ('9999_from_the_future', 'x')"#, None),
            (
                r#"update "juncture-core".migration set checksum = 'x' where name = (select min(name) from "juncture-core".migration)"#,
                Some("Migrations were changed"),
            ),
            (
                r#"delete from "juncture-core".migration where name = (select max(name) from "juncture-core".migration where name < '9')"#,
                Some(newest.as_str()),
            ),
            (r#"drop schema "juncture-core" cascade"#, Some("0001_core")),
        ];
        for (step, says) in steps {
            database.batch_execute(step).await?;
            let answer = ready(&stack).await?;
            let Some(says) = says else {
                assert_parts(&answer, 200, &[]);
                continue;
            };
            let body = assert_parts(&answer, 503, &[("migrations", "failed")]);
            assert!(problem(&body).is_some_and(|text| text.contains(says)), "{says}: {body}");
        }
        stack.stop().await
    });
}
