//! Removing a connection: no data is left, and nothing brings it back.

use anyhow::{Context, Result, ensure};
use futures_util::future::{join_all, try_join_all};
use juncture_local::upstash::Fault;
use juncture_tests::{Person, TestStack, run};
use reqwest::Method;
use sandbox::{Class, Decision, GateSpec, When};
use serde_json::{Value, json};
use uuid::Uuid;

const BEGIN: &str = "/api/frontend/oauth/initiate-oauth-flow";

/// The number of a connection's rows in the three tables.
async fn rows(stack: &TestStack, id: &Uuid) -> Result<i64> {
    const COUNT: &str = r#"select
        (select count(*) from "juncture-core".connection where connection_id = $1)
        + (select count(*) from "juncture-core".connection_external_map where connection_id = $1)
        + (select count(*) from "juncture-core".jira_connection where connection_id = $1)"#;
    Ok(stack.database().await?.query_one(COUNT, &[id]).await?.get(0))
}

/// The Redis keys that match a pattern.
async fn names(stack: &TestStack, pattern: &str) -> Result<Vec<String>> {
    let redis::Value::Array(names) = stack.redis(&["KEYS", pattern]).await? else { return Ok(Vec::new()) };
    names.into_iter().map(|name| Ok(redis::from_redis_value(name)?)).collect()
}

/// Asserts that nothing is stored for a connection except its tombstone.
async fn assert_gone(stack: &TestStack, person: &Person<'_>, id: &Uuid) -> Result<()> {
    assert_eq!(rows(stack, id).await?, 0);
    assert_eq!(names(stack, &format!("*{id}*")).await?, Vec::<String>::new());
    let cached = person.cache_key();
    for name in names(stack, &format!("*{}*", person.external_id)).await? {
        // A lock expires.
        ensure!(name == cached || name.starts_with("juncture:refresh-lock:"), "{name} is left");
    }
    let note: String = redis::from_redis_value(stack.redis(&["GET", &cached]).await?)?;
    let note: Value = serde_json::from_str(&note)?;
    assert_eq!(note, json!({ "v": note["v"], "gone": true }));
    assert_eq!(person.validity().await?["exists"], false);
    assert_eq!(person.access_token().await?.refusal(401), "Connection not found");
    assert_eq!(person.info("get-connection-credentials").await?.refusal(404), "Connection not found");
    Ok(())
}

#[test]
fn everything_that_is_stored_of_a_connection_goes() {
    run(async {
        let stack = TestStack::shared().await?;
        let person = stack.connected_user().await?;
        let project = stack.project("LEAVING", 0)?;
        person.task(&project, "Remembered").await?;
        let fields = json!({ "jira_project_id": project, "summary": "Once", "issue_type_id": "10001" });
        person.create_once("a-key", fields).await?.json(201);
        stack
            .backend_post("jira/select-project", &person.body(json!({ "jira_project_id": project })))
            .await?
            .json(200);
        person.access_token().await?.json(200);
        let waiting = person.connection_code().await?;
        let id = person.connection_id().await?;
        assert_eq!(rows(stack, &id).await?, 3);
        assert!(!names(stack, &format!("juncture:once:{id}:*")).await?.is_empty());

        assert_eq!(person.disconnect().await?.json(200), json!({ "success": true }));
        assert_gone(stack, &person, &id).await?;
        person.create_connection(&waiting, "harbour").await?.refusal(410);
        assert_eq!(person.projects().await?.refusal(404), "Connection not found");
        assert_eq!(person.disconnect().await?.refusal(404), "Connection not found");

        // A new consent creates a new connection, cached as usual.
        person.connect("harbour").await?;
        assert_ne!(person.connection_id().await?, id);
        person.access_token().await?.json(200);
        let cached = person.cache_key();
        let cached: String = redis::from_redis_value(stack.redis(&["GET", &cached]).await?)?;
        assert!(cached.contains("access_token") && !cached.contains("gone"), "{cached}");
        Ok(())
    });
}

/// Issues a connect token for this person.
async fn connect_token(stack: &TestStack, person: &Person<'_>) -> Result<String> {
    let answer = stack.backend_post("connect-token", &person.body(json!({ "provider": "jira" }))).await?;
    Ok(answer.json(200)["connect_token"].as_str().context("no token")?.to_owned())
}

#[test]
fn what_was_handed_out_before_makes_no_connection() {
    run(async {
        let stack = TestStack::shared().await?;
        // The same if there is no connection to remove yet.
        for was_connected in [true, false] {
            let person = stack.person(&["harbour"])?;
            if was_connected {
                person.connect("harbour").await?;
            }
            let token = connect_token(stack, &person).await?;
            let begun = json!({ "connect_token": connect_token(stack, &person).await? });
            let begun = stack.post(BEGIN, &begun).await?.json(200);
            let begun = begun["authorization_uri"].as_str().context("no address")?;
            let states = [person.consent().await?, person.decide(begun, Decision::Accept)?];
            let code = person.connection_code().await?;
            let tokens_before = stack.token_requests(&person.account);

            let removed = person.disconnect().await?;
            assert_eq!(removed.status, if was_connected { 200 } else { 404 }, "{removed:?}");
            let refused = stack.post(BEGIN, &json!({ "connect_token": token })).await?.json(410);
            assert_eq!(refused["code"], "connect_token_expired");
            for callback in states {
                assert!(stack.get(&callback).await?.page(410).contains("expired"));
            }
            assert_eq!(
                stack.token_requests(&person.account),
                tokens_before,
                "a code was exchanged for nothing"
            );
            person.create_connection(&code, "harbour").await?.refusal(410);
            stack.get(&format!("/finalize-connection/jira/{code}")).await?.page(410);
            assert_eq!(person.validity().await?["exists"], false);

            // A token issued from now on works.
            let token = connect_token(stack, &person).await?;
            let begun = stack.post(BEGIN, &json!({ "connect_token": token })).await?.json(200);
            let begun = begun["authorization_uri"].as_str().context("no address")?;
            let page = stack.get(&person.decide(begun, Decision::Accept)?).await?;
            let code = page.header("location").rsplit('/').next().context("no code")?.to_owned();
            person.create_connection(&code, "harbour").await?.json(200);
            assert_eq!(person.validity().await?["exists"], true);
        }
        Ok(())
    });
}

#[test]
fn a_return_that_was_under_way_when_the_connection_went_makes_none() {
    run(async {
        let stack = TestStack::shared().await?;
        let person = stack.connected_user().await?;
        let callback = person.consent().await?;
        // The state is used up, and the code is being exchanged.
        let spec =
            GateSpec { class: Class::Token, account: Some(person.account.clone()), when: When::Before };
        let gate = stack.atlassian().hold(spec);
        let removal = async {
            gate.arrived().await;
            let answer = person.disconnect().await;
            gate.release();
            answer
        };
        let (returned, removed) = tokio::join!(stack.get(&callback), removal);
        removed?.json(200);
        let returned = returned?;
        assert_eq!(returned.status, 303, "{returned:?}");
        let code = returned.header("location").rsplit('/').next().context("no code")?.to_owned();
        for _ in 0..2 {
            person.create_connection(&code, "harbour").await?.refusal(410);
        }
        assert_eq!(person.validity().await?["exists"], false);
        Ok(())
    });
}

#[test]
fn only_the_named_connection_goes() {
    run(async {
        let stack = TestStack::shared().await?;
        let (person, other) = (stack.connected_user().await?, stack.connected_user().await?);
        let known = other.access_token().await?.json(200);
        let query = url::form_urlencoded::Serializer::new("?".to_owned())
            .append_pair("external_id", &person.external_id)
            .append_pair("provider", "jira")
            .finish();
        let remove = || async { stack.send(stack.disconnection(&query)).await };
        assert_eq!(remove().await?.json(200), json!({ "success": true }));
        assert_eq!(remove().await?.refusal(404), "Connection not found");
        assert_eq!(other.access_token().await?.json(200), known);
        Ok(())
    });
}

#[test]
fn of_concurrent_removals_one_succeeds() {
    run(async {
        let stack = TestStack::shared().await?;
        let person = stack.connected_user().await?;
        let answers = try_join_all((0..10).map(|_| person.disconnect())).await?;
        let mut statuses: Vec<u16> = answers.iter().map(|answer| answer.status).collect();
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 404, 404, 404, 404, 404, 404, 404, 404, 404]);
        Ok(())
    });
}

#[test]
fn a_refresh_under_way_brings_nothing_back() {
    run(async {
        let stack = TestStack::shared().await?;
        for round in 0..20 {
            let person = stack.strict_person().await?;
            let id = person.connection_id().await?;
            person.forget_access_token().await?;
            if round % 2 == 0 {
                // Atlassian has issued new tokens, but the response has not arrived yet.
                let (account, when) = (Some(person.account.clone()), When::After);
                let gate = stack.atlassian().hold(GateSpec { class: Class::Token, account, when });
                let removal = async {
                    gate.arrived().await;
                    let answer = person.disconnect().await;
                    gate.release();
                    answer
                };
                let (token, removed) = tokio::join!(person.access_token(), removal);
                removed?.json(200);
                assert_eq!(token?.refusal(401), "Connection not found");
            } else {
                let callers = join_all((0..4).map(|_| person.access_token()));
                let (tokens, removed) = tokio::join!(callers, person.disconnect());
                removed?.json(200);
                for token in tokens {
                    let token = token?;
                    assert!(matches!(token.status, 200 | 401), "round {round}: {token:?}");
                }
            }
            assert_gone(stack, &person, &id).await?;
        }
        Ok(())
    });
}

#[test]
fn connecting_selecting_and_removing_at_once_leave_all_or_nothing() {
    run(async {
        let stack = TestStack::shared().await?;
        for round in 0..10 {
            let person = stack.connected_user().await?;
            let id = person.connection_id().await?;
            let code = person.connection_code().await?;
            let body = person.body(json!({ "jira_project_id": "10000" }));
            let selections = join_all((0..3).map(|_| stack.backend_post("jira/select-project", &body)));
            let (created, selected, removed) =
                tokio::join!(person.create_connection(&code, "harbour"), selections, person.disconnect());
            let (created, removed) = (created?, removed?);
            assert!(matches!(created.status, 200 | 410), "round {round}: {created:?}");
            assert_eq!(removed.status, 200, "round {round}: {removed:?}");
            for selected in selected {
                let selected = selected?;
                assert!(matches!(selected.status, 200 | 404), "round {round}: {selected:?}");
            }
            let exists = person.validity().await?["exists"] == true;
            let token = person.access_token().await?;
            assert_eq!(token.status, if exists { 200 } else { 401 }, "round {round}: {token:?}");
            let left = if exists { person.connection_id().await? } else { id };
            assert_eq!(rows(stack, &left).await?, if exists { 3 } else { 0 }, "round {round}");
        }
        Ok(())
    });
}

#[test]
fn when_a_store_is_away_nothing_is_half_done() {
    run(async {
        const STRIKE: &str = r#"
            create function strike() returns trigger language plpgsql as
                $$ begin raise exception 'on strike'; end $$;
            create constraint trigger strike after delete on "juncture-core".connection
                deferrable initially deferred for each row execute function strike()"#;
        let stack = TestStack::start(|_| ()).await?;
        let person = stack.strict_person().await?;
        let id = person.connection_id().await?;
        let front = stack.front();
        for fault in [Fault::Refuse, Fault::Status(500), Fault::Hang] {
            front.faults().set(Some(fault));
            assert!(person.disconnect().await?.refusal(503).contains("Redis"), "{fault:?}");
            assert_eq!(rows(&stack, &id).await?, 3, "{fault:?}");
        }
        front.faults().set(None);
        person.access_token().await?.json(200);
        // The commit fails after the cache entry was removed.
        let database = stack.database().await?;
        database.batch_execute(STRIKE).await?;
        let refusal = person.disconnect().await?.refusal(503);
        assert!(refusal.contains("database") && !refusal.contains("strike"), "{refusal}");
        assert_eq!(rows(&stack, &id).await?, 3);
        person.access_token().await?.json(200);
        database.batch_execute(r#"drop trigger strike on "juncture-core".connection"#).await?;
        person.disconnect().await?.json(200);
        assert_gone(&stack, &person, &id).await?;
        stack.stop().await
    });
}

#[test]
fn invalid_and_unauthorized_requests_remove_nothing() {
    run(async {
        let stack = TestStack::shared().await?;
        let person = stack.connected_user().await?;
        for (query, said) in [
            ("", "Missing external_id or provider"),
            ("?external_id=x", "Missing external_id or provider"),
            ("?external_id=x&provider=github", "Unknown provider"),
            ("?external_id=x&external_id=y&provider=jira", "more than once"),
            ("?external_id=%00&provider=jira", "control characters"),
        ] {
            let refusal = stack.send(stack.disconnection(query)).await?.refusal(400);
            assert!(refusal.contains(said), "{query}: {refusal}");
        }
        for (body, said) in [
            (json!({}), "Missing external_id or provider"),
            (json!([]), "JSON object"),
            (json!({ "external_id": 7, "provider": "jira" }), "string"),
            (json!({ "external_id": "x", "provider": "Jira" }), "Unknown provider"),
            (json!({ "external_id": "x".repeat(513), "provider": "jira" }), "longer than"),
        ] {
            let refusal = stack.send(stack.disconnection("").json(&body)).await?.refusal(400);
            assert!(refusal.contains(said), "{body}: {refusal}");
        }
        let body = json!({ "external_id": person.external_id, "provider": "jira" });
        let path = "/api/backend/connection-info/connection";
        for key in ["", "wrong"] {
            let stranger = stack.request(Method::DELETE, path).bearer_auth(key).json(&body);
            assert_eq!(stack.send(stranger).await?.refusal(401), "Invalid secret key");
        }
        assert_eq!(person.validity().await?["exists"], true);
        Ok(())
    });
}
