//! Postgres or Redis is unavailable: everything that can be answered is answered, and nothing is lost.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use base::config::{FromSettings as _, Settings};
use base::deadline;
use futures_util::future::try_join_all;
use juncture_local::upstash::Fault;
use juncture_tests::{TestStack, run};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use sandbox::{Class, GateSpec, Rule, When};
use serde_json::json;
use stores::postgres::{Connection, Postgres, bounded, failed, within_budget};
use tokio_postgres::types::Type;

#[test]
fn without_redis_tokens_come_from_postgres() {
    run(async {
        let stack = TestStack::start(|_| ()).await?;
        let person = stack.strict_person().await?;
        let front = stack.front();
        let known = person.access_token().await?.json(200);
        for fault in [Fault::Refuse, Fault::Status(500), Fault::Hang] {
            front.faults().set(Some(fault));
            assert_eq!(person.access_token().await?.json(200), known, "{fault:?}");
            person.validity().await?;
            person.info("get-connection-credentials").await?.json(200);
        }
        // Without a cached token, the row is the lock: one refresh for all callers.
        front.faults().set(None);
        person.forget_access_token().await?;
        front.faults().set(Some(Fault::Refuse));
        let before = stack.token_requests(&person.account);
        let answers = try_join_all((0..20).map(|_| person.access_token())).await?;
        for answer in &answers {
            assert_eq!(answer.json(200), answers[0].json(200));
        }
        assert_eq!(stack.token_requests(&person.account) - before, 1);
        // Endpoints that need Redis say so, in JSON and within the deadline.
        let body = serde_json::json!({ "provider": "jira", "external_id": "x" });
        let answer = stack.post("/api/frontend/oauth/initiate-oauth-flow", &body).await?;
        assert!(answer.refusal(503).contains("Redis"));
        assert_eq!(answer.header("retry-after"), "1");
        front.faults().set(None);
        person.access_token().await?.json(200);
        stack.stop().await
    });
}

#[test]
fn without_redis_nothing_is_written_that_the_cache_would_belie() {
    run(async {
        let stack = TestStack::start(|_| ()).await?;
        let person = stack.connected_user().await?;
        let select = async |project: &str| {
            let body = person.body(serde_json::json!({ "jira_project_id": project }));
            stack.backend_post("jira/select-project", &body).await
        };
        select("10001").await?.json(200);
        let front = stack.front();
        front.faults().set(Some(Fault::Refuse));
        assert!(select("10002").await?.refusal(503).contains("Redis"));
        front.faults().set(None);
        assert_eq!(person.projects().await?.json(200)["selected_project_id"], "10001");
        let stored =
            stack.backend("jira/get-selected-project", &[("external_id", &person.external_id)]).await?;
        assert_eq!(stored.json(200)["jira_project_id"], "10001");
        select("10002").await?.json(200);
        assert_eq!(person.projects().await?.json(200)["selected_project_id"], "10002");
        stack.stop().await
    });
}

#[test]
fn without_redis_a_dead_grant_is_marked_once() {
    run(async {
        let stack = TestStack::start(|_| ()).await?;
        let person = stack.strict_person().await?;
        person.forget_access_token().await?;
        stack.atlassian().revoke_grant(&person.account);
        stack.front().faults().set(Some(Fault::Refuse));
        let before = stack.token_requests(&person.account);
        for answer in try_join_all((0..5).map(|_| person.access_token())).await? {
            answer.refusal(403);
        }
        assert_eq!(stack.token_requests(&person.account) - before, 1);
        assert_eq!(person.validity().await?["is_invalid"], true);
        stack.stop().await
    });
}

#[test]
fn without_redis_a_doubt_is_remembered_too() {
    run(async {
        const EARLIER: &str = r#"update "juncture-core".connection set
            refreshed_at = refreshed_at - interval '5 minutes', doubted_at = doubted_at - interval '5 minutes'"#;
        let stack = TestStack::start(|_| ()).await?;
        let person = stack.strict_person().await?;
        person.forget_access_token().await?;
        stack.front().faults().set(Some(Fault::Refuse));
        let suspended =
            json!({ "error": "unauthorized_client", "error_description": "The app is suspended" });
        let refusal = sandbox::Fault::Status { status: 403, body: Some(suspended) };
        stack.atlassian().inject(Rule::new(Class::Token, refusal).account(&person.account));
        for _ in 0..2 {
            assert_eq!(person.access_token().await?.json(502)["code"], "provider_failed");
            assert_eq!(person.validity().await?["is_invalid"], false);
        }
        stack.database().await?.execute(EARLIER, &[]).await?;
        assert_eq!(person.access_token().await?.json(403)["needs_reauthorization"], true);
        assert_eq!(person.validity().await?["is_invalid"], true);
        stack.stop().await
    });
}

/// Makes Postgres reject every update of a connection until the trigger `strike` is dropped.
pub(crate) async fn strike(database: &tokio_postgres::Client) -> Result<()> {
    Ok(database
        .batch_execute(
            r#"create function strike() returns trigger language plpgsql as
                   $$ begin raise exception 'on strike'; end $$;
               create trigger strike before update on "juncture-core".connection
                   for each row execute function strike()"#,
        )
        .await?)
}

#[test]
fn tokens_that_cannot_be_committed_wait_for_the_database() {
    run(async {
        let stack = TestStack::start(|_| ()).await?;
        let person = stack.strict_person().await?;
        person.forget_access_token().await?;
        let database = stack.database().await?;
        strike(&database).await?;
        let before = stack.token_requests(&person.account);
        let answer = person.access_token().await?;
        assert!(answer.refusal(503).contains("database"), "{answer:?}");
        assert!(!answer.body.contains("strike"));
        database.batch_execute(r#"drop trigger strike on "juncture-core".connection"#).await?;
        // The old token is used up; only the tokens kept in Redis can help.
        person.access_token().await?.json(200);
        assert_eq!(stack.token_requests(&person.account) - before, 1);
        let credentials = person.info("get-connection-credentials").await?.json(200);
        let stored = credentials["refresh_token"].as_str().context("a token")?;
        assert!(stack.atlassian().accepts_refresh_token(stored));
        stack.stop().await
    });
}

#[test]
fn without_postgres_the_cache_answers_and_the_rest_says_so() {
    run(async {
        let stack = TestStack::start(|options| options.servers = None).await?;
        let person = stack.strict_person().await?;
        let known = person.access_token().await?.json(200);
        let postgres = stack.postgres().pid();
        let tell = |signal| kill(Pid::from_raw(postgres as i32), signal);
        tell(Signal::SIGQUIT)?;
        let gone = async {
            while stack.database().await.is_ok() {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), gone).await?;
        assert_eq!(person.access_token().await?.json(200), known);
        for call in ["check-connection-validity", "get-connection-credentials"] {
            let answer = person.info(call).await?;
            assert!(answer.refusal(503).contains("database"), "{answer:?}");
        }
        Ok(())
    });
}

#[test]
fn a_connection_that_died_in_a_frozen_sandbox_is_replaced() {
    run(async {
        let stack = TestStack::start(|_| ()).await?;
        let person = stack.strict_person().await?;
        person.validity().await?;
        let database = stack.database().await?;
        for _ in 0..3 {
            let frozen = stack.gateway().instances();
            for instance in &frozen {
                kill(Pid::from_raw(i32::try_from(instance.pid)?), Signal::SIGSTOP)?;
            }
            database
                .execute(
                    "select pg_terminate_backend(pid) from pg_stat_activity
                        where application_name = 'juncture' and datname = current_database()",
                    &[],
                )
                .await?;
            for instance in &frozen {
                kill(Pid::from_raw(i32::try_from(instance.pid)?), Signal::SIGCONT)?;
            }
            assert_eq!(person.validity().await?["exists"], true);
        }
        stack.stop().await
    });
}

#[test]
fn whoever_vanishes_within_a_transaction_lets_go_of_its_locks() {
    const LOCK: &str = "select pg_advisory_xact_lock(hashtextextended($1, 0))";
    const BOUNDS: &str = "select current_setting('statement_timeout'), \
        current_setting('idle_in_transaction_session_timeout')";
    run(async {
        let stack = TestStack::shared().await?;
        let name = uuid::Uuid::new_v4().to_string();
        let wanted: [(&(dyn tokio_postgres::types::ToSql + Sync), Type); 1] = [(&name, Type::TEXT)];
        let settings = || Settings::from_pairs(stack.environment().clone());
        let soon = || Instant::now() + Duration::from_secs(1);
        let other = stack.database().await?;

        let (vanishing, waiting) =
            (Postgres::from_settings(&settings())?, Postgres::from_settings(&settings())?);
        let mut vanishing = vanishing.connection().await.map_err(|error| anyhow::anyhow!("{error}"))?;
        let transaction = vanishing.transaction().await?;
        let first = async { transaction.query_typed(LOCK, &wanted).await.map_err(|error| failed(&error)) };
        let begun = deadline::scope(soon(), bounded(&transaction, first)).await;
        begun.map_err(|error| anyhow::anyhow!("{error}"))?;
        // The client goes silent, and its connection stays open.
        let lock = other.query_typed("select pg_advisory_lock(hashtextextended($1, 0))", &wanted);
        tokio::time::timeout(Duration::from_secs(30), lock).await.context("the lock is held")??;
        assert!(transaction.commit().await.is_err());

        // The server also ends a statement that nobody is waiting for.
        let mut waiting = waiting.connection().await.map_err(|error| anyhow::anyhow!("{error}"))?;
        let usual = waiting.query_typed(BOUNDS, &[]).await?;
        let transaction = waiting.transaction().await?;
        let first = async { transaction.query_typed(LOCK, &wanted).await.map_err(|error| failed(&error)) };
        let refused = deadline::scope(soon(), bounded(&transaction, first)).await.err().context("a lock")?;
        assert!(refused.to_string().contains("statement timeout"), "{refused}");
        transaction.rollback().await?;
        // The pooler hands the connection to the next client with its usual settings.
        let after = waiting.query_typed(BOUNDS, &[]).await?;
        let read = |rows: &[tokio_postgres::Row]| -> (String, String) { (rows[0].get(0), rows[0].get(1)) };
        assert_eq!(read(&after), read(&usual));
        Ok(())
    });
}

#[test]
fn a_connection_returns_to_the_pool_only_after_success() {
    run(async {
        // Behind a pooler, the backend process id does not identify a client connection.
        let stack = TestStack::start(|options| options.pooled = false).await?;
        let postgres = Postgres::from_settings(&Settings::from_pairs(stack.environment().clone()))?;
        let take = async || postgres.connection().await.map_err(|error| anyhow::anyhow!("{error}"));
        let process = async |client: &Connection| -> Result<i32> {
            Ok(client.query_typed_one("select pg_backend_pid()", &[]).await?.get(0))
        };
        let first = take().await?;
        let kept = process(&first).await?;
        first.release();
        let client = take().await?;
        assert_eq!(process(&client).await?, kept);

        // A statement that is still running when nobody waits for it any more.
        let started = Instant::now();
        let statement = within_budget(client.batch_execute("select pg_sleep(20)"));
        assert!(deadline::scope(started + Duration::from_millis(200), statement).await.is_err());
        drop(client);
        let client = take().await?;
        let other = process(&client).await?;
        assert!(other != kept && started.elapsed() < Duration::from_secs(10), "it waited for the former");

        // A transaction that was never ended.
        let transaction = async {
            let mut client = client;
            let transaction = client.transaction().await?;
            transaction.batch_execute("select 1").await?;
            anyhow::ensure!(false, "something else went wrong");
            transaction.commit().await?;
            client.release();
            Ok(())
        };
        assert!(transaction.await.is_err());
        assert!(![kept, other].contains(&process(&take().await?).await?));
        stack.stop().await
    });
}

#[test]
fn a_slow_holder_keeps_its_lock() {
    run(async {
        let stack = TestStack::start(|_| ()).await?;
        let person = stack.strict_person().await?;
        person.forget_access_token().await?;
        let before = stack.token_requests(&person.account);
        let spec = GateSpec { class: Class::Token, account: Some(person.account.clone()), when: When::After };
        let gate = stack.atlassian().hold(spec);
        let others = async {
            gate.arrived().await;
            // Longer than the lock's lifetime, shorter than the holder's deadline.
            let key = format!("juncture:refresh-lock:jira:{}", person.external_id);
            let renewed = async {
                let mut last = i64::MAX;
                loop {
                    let redis::Value::Int(left) = stack.redis(&["PTTL", &key]).await? else { continue };
                    anyhow::ensure!(left > 0, "the lock was lost");
                    if left > last {
                        return Ok(());
                    }
                    last = left;
                    tokio::task::yield_now().await;
                }
            };
            tokio::time::timeout(Duration::from_secs(10), renewed).await??;
            gate.release();
            person.access_token().await
        };
        let (first, second) = tokio::join!(person.access_token(), others);
        assert_eq!(first?.json(200), second?.json(200));
        assert_eq!(stack.token_requests(&person.account) - before, 1);
        stack.stop().await
    });
}
