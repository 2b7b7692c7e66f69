//! Idle connections are refreshed before their grant expires.

use std::collections::BTreeSet;

use anyhow::{Context, Result};
use juncture_local::stack::StackOptions;
use juncture_tests::{Person, TestStack, binaries, run, template_with_shorter_runs};
use sandbox::{Class, Fault, GateSpec, Rule, When};
use serde_json::{Value, json};

const FUNCTION: &str = "RefreshIdleConnections";

/// Invokes the function like its schedule does.
async fn tick(stack: &TestStack) -> Result<Value> {
    stack.gateway().invoke(FUNCTION, &json!({})).await
}

/// A connection that has not been used for this many days.
async fn idle<'a>(stack: &'a TestStack, days: i32) -> Result<Person<'a>> {
    let person = stack.strict_person().await?;
    person.forget_access_token().await?;
    age(stack, &person, days).await?;
    Ok(person)
}

async fn age(stack: &TestStack, person: &Person<'_>, days: i32) -> Result<()> {
    const AGE: &str = r#"update "juncture-core".connection
        set refreshed_at = now() - make_interval(days => $2) where connection_id = $1"#;
    stack.database().await?.execute(AGE, &[&person.connection_id().await?, &days]).await?;
    Ok(())
}

async fn is_alive(stack: &TestStack, person: &Person<'_>) -> Result<bool> {
    let credentials = person.info("get-connection-credentials").await?.json(200);
    let stored = credentials["refresh_token"].as_str().context("a token")?;
    Ok(credentials["is_invalid"] == false && stack.atlassian().accepts_refresh_token(stored))
}

/// The report of a run that finished.
fn report(refreshed: usize, died: usize) -> Value {
    json!({ "refreshed": refreshed, "died": died, "failed": 0, "stopped": null, "due": 0, "oldest_days": 0 })
}

/// The report of a run that stopped early.
fn stopped(refreshed: usize, code: &str, due: usize, oldest_days: u32) -> Value {
    let mut report = report(refreshed, 0);
    report["stopped"] = json!(code);
    report["due"] = json!(due);
    report["oldest_days"] = json!(oldest_days);
    report
}

#[test]
fn the_idle_ones_are_refreshed_and_the_dead_are_reported() {
    run(async {
        let stack = TestStack::start(|_| ()).await?;
        let fresh = stack.strict_person().await?;
        age(&stack, &fresh, 59).await?;
        let (first, second) = (idle(&stack, 61).await?, idle(&stack, 89).await?);
        let dead = idle(&stack, 80).await?;
        assert!(stack.atlassian().revoke_grant(&dead.account));
        let before: Vec<_> =
            [&fresh, &first, &second].map(|person| stack.token_requests(&person.account)).into();
        let id = dead.connection_id().await?.to_string();
        assert_eq!(tick(&stack).await?, report(2, 1));
        let after: Vec<_> =
            [&fresh, &first, &second].map(|person| stack.token_requests(&person.account)).into();
        assert_eq!(after, [before[0], before[1] + 1, before[2] + 1]);
        for person in [&first, &second] {
            assert!(is_alive(&stack, person).await?);
        }
        assert_eq!(dead.validity().await?["is_invalid"], true);
        stack.logged(&["idle connection needs reauthorization", &id]).await?;
        // No connection is due any more.
        assert_eq!(tick(&stack).await?, report(0, 0));
        stack.stop().await
    });
}

#[test]
fn a_run_stops_in_time_and_the_next_one_continues_with_the_longest_idle() {
    run(async {
        // No refresh starts in the last 30 s.
        let (template, _) = template_with_shorter_runs(38)?;
        let stack = TestStack::start(|options: &mut StackOptions| {
            options.template = template;
            options.settings.set("IDLE_REFRESH_AFTER_DAYS", "30");
            // An old setting, which is now ignored.
            options.settings.set("IDLE_REFRESH_BATCH", "1");
        })
        .await?;
        let (last, first, second) =
            (idle(&stack, 31).await?, idle(&stack, 60).await?, idle(&stack, 40).await?);
        let requests = || [&first, &second, &last].map(|person| stack.token_requests(&person.account));
        let before = requests();
        // The first refresh takes 9 s: one attempt of 5 s, and 4 s of the next.
        for rule in [
            Rule::new(Class::Token, Fault::Hang).times(1),
            Rule::new(Class::Token, Fault::Latency { millis: 4000 }),
        ] {
            stack.atlassian().inject(rule.account(&first.account));
        }
        assert_eq!(tick(&stack).await?, stopped(1, "timed_out", 2, 40));
        assert_eq!(requests(), [before[0] + 2, before[1], before[2]]);
        assert!(is_alive(&stack, &first).await?);
        let completed =
            [FUNCTION, "request completed", r#""idle_connections_due":2,"idle_connections_oldest_days":40"#];
        stack.logged(&completed).await?;

        assert_eq!(tick(&stack).await?, report(2, 0));
        assert_eq!(requests(), [before[0] + 2, before[1] + 1, before[2] + 1]);
        stack.stop().await
    });
}

#[test]
fn a_run_continues_past_failures_and_pages() {
    run(async {
        // Two pages.
        const MANY: i32 = 200;
        const COPIES: &str = r#"
            with copy as (
                insert into "juncture-core".connection (connection_id, refresh_token, expires_at, refreshed_at)
                select gen_random_uuid(), 'v1:00000000:AAAA', expires_at, now() - interval '70 days'
                from "juncture-core".connection, generate_series(1, $2) where connection_id = $1
                returning connection_id
            )
            insert into "juncture-core".connection_external_map (external_id, provider, connection_id)
            select connection_id::text, 'jira', connection_id from copy"#;
        let stack = TestStack::start(|_| ()).await?;
        let person = idle(&stack, 65).await?;
        // Tokens that no key decrypts must not block others. All have been idle since the same moment.
        let model = person.connection_id().await?;
        stack.database().await?.execute(COPIES, &[&model, &MANY]).await?;
        for refreshed in [1, 0] {
            let mut expected = report(refreshed, 0);
            (expected["failed"], expected["due"]) = (json!(MANY), json!(MANY));
            expected["oldest_days"] = json!(70);
            assert_eq!(tick(&stack).await?, expected);
        }
        assert!(is_alive(&stack, &person).await?);
        stack.stop().await
    });
}

#[test]
fn a_rate_limit_ends_the_run_and_invalidates_nothing() {
    run(async {
        let stack = TestStack::start(|_| ()).await?;
        let people = [idle(&stack, 70).await?, idle(&stack, 65).await?];
        for (fault, code) in [
            (Fault::RateLimited { retry_after: Some(60), reason: None }, "provider_limited"),
            (
                Fault::Status { status: 401, body: Some(json!({ "error": "access_denied" })) },
                "provider_misconfigured",
            ),
        ] {
            let second = stack.token_requests(&people[1].account);
            stack.atlassian().inject(Rule::new(Class::Token, fault).account(&people[0].account));
            assert_eq!(tick(&stack).await?, stopped(0, code, 2, 70));
            stack.atlassian().clear_faults_of(&people[0].account);
            assert_eq!(stack.token_requests(&people[1].account), second, "the run went on after {code}");
        }
        assert_eq!(tick(&stack).await?, report(2, 0));
        for person in &people {
            assert!(is_alive(&stack, person).await?);
        }
        stack.stop().await
    });
}

#[test]
fn an_outage_ends_the_run_but_one_failing_connection_does_not() {
    run(async {
        let stack = TestStack::start(|_| ()).await?;
        let people = [
            idle(&stack, 70).await?,
            idle(&stack, 69).await?,
            idle(&stack, 68).await?,
            idle(&stack, 67).await?,
        ];
        let outage = || Rule::new(Class::Token, Fault::Status { status: 503, body: None });
        let last = stack.token_requests(&people[3].account);
        stack.atlassian().inject(outage());
        assert_eq!(tick(&stack).await?, stopped(0, "provider_failed", 4, 70));
        stack.atlassian().clear_faults();
        assert_eq!(stack.token_requests(&people[3].account), last, "the run went on after three failures");

        stack.atlassian().inject(outage().account(&people[0].account));
        let mut left_over = report(3, 0);
        (left_over["due"], left_over["oldest_days"]) = (json!(1), json!(70));
        assert_eq!(tick(&stack).await?, left_over);
        stack.atlassian().clear_faults();
        assert_eq!(tick(&stack).await?, report(1, 0));
        for person in &people {
            assert!(is_alive(&stack, person).await?);
        }
        stack.stop().await
    });
}

#[test]
fn an_adopted_row_with_a_long_external_id_blocks_no_other() {
    run(async {
        const RENAME: &str = r#"update "juncture-core".connection_external_map
            set external_id = repeat('x', 600) where connection_id = $1"#;
        let stack = TestStack::start(|_| ()).await?;
        let (nameless, other) = (idle(&stack, 70).await?, idle(&stack, 65).await?);
        stack.database().await?.execute(RENAME, &[&nameless.connection_id().await?]).await?;
        let mut expected = report(1, 0);
        (expected["failed"], expected["due"], expected["oldest_days"]) = (json!(1), json!(1), json!(70));
        assert_eq!(tick(&stack).await?, expected);
        assert!(is_alive(&stack, &other).await?);
        stack.stop().await
    });
}

#[test]
fn old_connections_count_from_their_newest_token_or_their_creation() {
    run(async {
        const BEFORE: &str = r#"
            alter table "juncture-core".connection drop column refreshed_at;
            delete from "juncture-core".migration where name = '0003_refreshed_at'"#;
        let stack = TestStack::start(|_| ()).await?;
        let (old, used) = (stack.strict_person().await?, stack.strict_person().await?);
        old.forget_access_token().await?;
        let database = stack.database().await?;
        database.batch_execute(BEFORE).await?;
        database
            .execute(r#"update "juncture-core".connection set created_at = now() - interval '80 days'"#, &[])
            .await?;
        let url = stack.postgres().url().to_owned();
        let output = std::process::Command::new(binaries().join("migrate"))
            .env_clear()
            .env("DATABASE_URL", url)
            .output()?;
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
        let before = [&old, &used].map(|person| stack.token_requests(&person.account));
        assert_eq!(tick(&stack).await?, report(1, 0));
        let after = [&old, &used].map(|person| stack.token_requests(&person.account));
        assert_eq!(after, [before[0] + 1, before[1]]);
        stack.stop().await
    });
}

#[test]
fn a_run_holds_one_connection_to_postgres() {
    run(async {
        const HELD: &str = "select pid from pg_stat_activity where application_name = 'juncture' and datname = current_database()";
        // Behind a pooler, the server only sees the pooler's connections.
        let stack = TestStack::start(|options| options.pooled = false).await?;
        let person = idle(&stack, 70).await?;
        let database = stack.database().await?;
        let held = async || -> Result<BTreeSet<i32>> {
            Ok(database.query(HELD, &[]).await?.iter().map(|row| row.get(0)).collect())
        };
        // The connections of the functions that created the connection, which are idle during the test.
        let before = held().await?;
        // At this point the run has read what is due and the row it refreshes, and has called Atlassian.
        let spec = GateSpec { class: Class::Token, account: Some(person.account.clone()), when: When::After };
        let gate = stack.atlassian().hold(spec);
        let look = async {
            gate.arrived().await;
            let during = held().await?;
            gate.release();
            anyhow::Ok(during.difference(&before).count())
        };
        let (report_of_run, during) = tokio::join!(tick(&stack), look);
        assert_eq!(report_of_run?, report(1, 0));
        assert_eq!(during?, 1);
        // Now it has written the new token, counted what is left, and kept its connection for the next run.
        let after: Vec<i32> = held().await?.difference(&before).copied().collect();
        assert_eq!(after.len(), 1);
        assert_eq!(tick(&stack).await?, report(0, 0));
        assert_eq!(held().await?.difference(&before).copied().collect::<Vec<i32>>(), after);
        stack.stop().await
    });
}
