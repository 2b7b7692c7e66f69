//! The metrics of a request, in its completion line and in the format that `CloudWatch` extracts.

use std::time::Duration;

use anyhow::{Result, ensure};
use juncture_tests::{Answer, TestStack, run};
use runtime::telemetry::{DIMENSION, NAMESPACE, metric_names};
use sandbox::{Class, Fault, GateSpec, Rule, When};
use serde_json::{Value, json};

/// Asserts fields of the completion line of a response; `null` means that the field is absent.
async fn assert_line(stack: &TestStack, answer: &Answer, expected: &[(&str, Value)]) -> Result<()> {
    let line = stack.completion(answer).await?;
    for (name, value) in expected {
        assert_eq!(&line[*name], value, "{name} in {line}");
    }
    Ok(())
}

#[test]
fn a_warm_call_costs_one_redis_request_and_a_refresh_one_exchange() {
    run(async {
        // A separate stack, because a process that was idle for ten seconds first probes its Postgres connection.
        let stack = TestStack::start(|_| ()).await?;
        let person = stack.strict_person().await?;
        let warm = person.access_token().await?;
        warm.json(200);
        let expected = [
            ("redis_requests", json!(1)),
            ("postgres_statements", json!(0)),
            ("jira_requests", json!(0)),
            ("token_requests", json!(0)),
            ("refreshes", Value::Null),
            ("requests", json!(1)),
        ];
        assert_line(&stack, &warm, &expected).await?;
        let projects = person.projects().await?;
        projects.json(200);
        let expected =
            [("redis_requests", json!(1)), ("postgres_statements", json!(0)), ("jira_requests", json!(1))];
        assert_line(&stack, &projects, &expected).await?;
        person.forget_access_token().await?;
        let refreshed = person.access_token().await?;
        refreshed.json(200);
        let expected =
            [("refreshes", json!(1)), ("token_requests", json!(1)), ("refreshes_failed", Value::Null)];
        assert_line(&stack, &refreshed, &expected).await?;
        let line = stack.completion(&refreshed).await?;
        // Redis: the cache, the lock, the new entry. Postgres: the row is read, written, and read again.
        assert_eq!((&line["redis_requests"], &line["postgres_statements"]), (&json!(3), &json!(3)), "{line}");
        stack.stop().await
    });
}

#[test]
fn waiting_for_a_refresh_is_logged() {
    run(async {
        let stack = TestStack::start(|_| ()).await?;
        let person = stack.strict_person().await?;
        person.forget_access_token().await?;
        let account = Some(person.account.clone());
        let gate = stack.atlassian().hold(GateSpec { class: Class::Token, account, when: When::Before });
        let front = stack.front().faults();
        let asked = || front.requests();
        let second = async {
            gate.arrived().await;
            let before = asked();
            let release = async {
                // The second caller has read the cache and tried to take the lock.
                while asked() < before + 2 {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
                gate.release();
            };
            tokio::join!(person.access_token(), release).0
        };
        let (first, second) = tokio::join!(person.access_token(), second);
        let (first, second) = (first?, second?);
        assert_eq!(first.json(200)["access_token"], second.json(200)["access_token"]);
        let expected = [("refreshes", json!(1)), ("refreshes_waited_for", Value::Null)];
        assert_line(&stack, &first, &expected).await?;
        let expected = [("refreshes", Value::Null), ("refreshes_waited_for", json!(1))];
        assert_line(&stack, &second, &expected).await?;
        stack.stop().await
    });
}

#[test]
fn refresh_outcomes_are_counted() {
    run(async {
        let stack = TestStack::shared().await?;
        let person = stack.strict_person().await?;
        person.forget_access_token().await?;
        let outage = Fault::Status { status: 503, body: None };
        stack.atlassian().inject(Rule::new(Class::Token, outage).account(&person.account).times(2));
        let failed = person.access_token().await?;
        assert_eq!(failed.status, 502, "{}", failed.body);
        let expected = [
            ("refreshes_failed", json!(1)),
            ("token_requests", json!(2)),
            ("connections_invalidated", Value::Null),
            ("server_errors", json!(1)),
            ("code", json!("provider_failed")),
            ("level", json!("ERROR")),
        ];
        assert_line(stack, &failed, &expected).await?;
        ensure!(stack.atlassian().revoke_grant(&person.account), "there was no grant");
        let rejected = person.access_token().await?;
        assert_eq!(rejected.status, 403, "{}", rejected.body);
        let expected = [
            ("refreshes_rejected", json!(1)),
            ("connections_invalidated", json!(1)),
            ("refreshes_failed", Value::Null),
            ("client_errors", json!(1)),
            ("code", json!("needs_reauthorization")),
        ];
        assert_line(stack, &rejected, &expected).await?;
        // It was already marked, so nothing is counted.
        let again = person.access_token().await?;
        let expected = [("connections_invalidated", Value::Null), ("refreshes_rejected", Value::Null)];
        assert_line(stack, &again, &expected).await
    });
}

#[test]
fn cloudwatch_finds_every_metric_in_the_line() {
    run(async {
        let stack = TestStack::shared().await?;
        let person = stack.strict_person().await?;
        for answer in [person.access_token().await?, stack.person(&["harbour"])?.access_token().await?] {
            let line = stack.completion(&answer).await?;
            assert_eq!(line[DIMENSION], "local");
            let aws = &line["_aws"];
            assert!(aws["Timestamp"].as_u64().is_some_and(|millis| millis > 1_700_000_000_000), "{aws}");
            let directives = aws["CloudWatchMetrics"].as_array().map_or(&[][..], Vec::as_slice);
            let [directive] = directives else { panic!("{aws}") };
            assert_eq!(
                (&directive["Namespace"], &directive["Dimensions"]),
                (&json!(NAMESPACE), &json!([[DIMENSION]]))
            );
            let metrics = directive["Metrics"].as_array().map_or(&[][..], Vec::as_slice);
            assert!(metrics.len() >= 6, "{directive}");
            for metric in metrics {
                let name = metric["Name"].as_str().unwrap_or_default();
                assert!(metric_names().any(|known| known == name), "{name} is not listed");
                assert!(line[name].is_number(), "{name} has no value in {line}");
                let unit = if name == "duration_ms" { "Milliseconds" } else { "Count" };
                assert_eq!(metric["Unit"], unit, "{name}");
            }
        }
        Ok(())
    });
}
