//! Settings in Secrets Manager: moto behind the AWS SDK, and our own server for failures that moto never has.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use axum::http::StatusCode;
use axum::routing::post;
use axum::{Json, Router};
use base::crypto::{Binding, Sealed, Sealer};
use juncture_local::services::secrets_manager::SecretsManager;
use juncture_tests::{Answer, Person, TestStack, run, secrets_manager};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::sync::watch;
use uuid::Uuid;

const KEY: &str = "JUNCTURE_SECRET_KEY";
const SEALING: &str = "TOKEN_ENCRYPTION_KEY";
const CLIENT_SECRET: &str = "DEFAULT_JIRA_CLIENT_SECRET";
const MAX_AGE: &str = "SECRETS_MAX_AGE_SECONDS";
const VALIDITY: &str = "/api/backend/connection-info/check-connection-validity?provider=jira&external_id=x";
const PATIENCE: Duration = Duration::from_secs(60);

/// A stack whose functions read all settings from their own secret.
pub(crate) struct Deployed {
    pub(crate) stack: TestStack,
    pub(crate) manager: Arc<SecretsManager>,
    /// The name of the secret.
    pub(crate) id: String,
}

impl Deployed {
    pub(crate) async fn start(max_age: &str) -> Result<Self> {
        let (manager, id) = (secrets_manager().await?, format!("juncture/{}", Uuid::new_v4()));
        let secret = Some((Arc::clone(&manager), id.clone()));
        let stack = TestStack::start(|options| {
            options.secret = secret;
            options.settings.set(MAX_AGE, max_age);
        })
        .await?;
        Ok(Self { stack, manager, id })
    }

    pub(crate) async fn values(&self) -> Result<Value> {
        Ok(serde_json::from_str(&self.manager.get(&self.id).await?)?)
    }

    /// Replaces one setting. Returns the old value.
    pub(crate) async fn set(&self, name: &str, value: &str) -> Result<String> {
        let mut values = self.values().await?;
        let before = values[name].as_str().unwrap_or_default().to_owned();
        values[name] = value.into();
        self.manager.put(&self.id, &values.to_string()).await?;
        Ok(before)
    }

    pub(crate) async fn with_key(&self, key: &str) -> Result<Answer> {
        with_key(&self.stack, key).await
    }

    /// Calls with a key until the response has this status.
    pub(crate) async fn eventually_with_key(&self, key: &str, status: u16) -> Result<Answer> {
        eventually(status, async || self.with_key(key).await).await
    }

    /// Makes every function start a new process for its next request.
    pub(crate) async fn restart(&self) -> Result<()> {
        restart(&self.stack).await
    }

    fn sandboxes(&self) -> BTreeSet<u32> {
        self.stack.gateway().instances().into_iter().map(|instance| instance.pid).collect()
    }
}

/// Calls the backend API with a key.
async fn with_key(stack: &TestStack, key: &str) -> Result<Answer> {
    stack.send(stack.request(Method::GET, VALIDITY).bearer_auth(key)).await
}

/// Makes every function start a new process for its next request.
async fn restart(stack: &TestStack) -> Result<()> {
    for function in stack.functions() {
        stack.gateway().replace(&function.name).await?;
    }
    Ok(())
}

/// Calls until the response has this status.
async fn eventually(status: u16, mut ask: impl AsyncFnMut() -> Result<Answer>) -> Result<Answer> {
    let answered = async {
        loop {
            let answer = ask().await?;
            if answer.status == status {
                return Ok(answer);
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(PATIENCE, answered)
        .await
        .with_context(|| format!("no answer with status {status}"))?
}

async fn assert_alive(person: &Person<'_>) -> Result<()> {
    person.forget_access_token().await?;
    person.access_token().await?.json(200);
    assert_eq!(person.validity().await?["is_invalid"], false);
    Ok(())
}

#[test]
fn a_rotated_secret_key_is_taken_over_without_a_deployment() {
    run(async {
        // The secret is reloaded because of the unknown key, not because of its age.
        let deployed = Deployed::start("3600").await?;
        let old = deployed.values().await?[KEY].as_str().context("a key")?.to_owned();
        deployed.with_key(&old).await?.json(200);
        deployed.with_key("wrong-key").await?.refusal(401);
        let sandboxes = deployed.sandboxes();
        deployed.set(KEY, &format!("new-key,{old}")).await?;
        deployed.eventually_with_key("new-key", 200).await?;
        deployed.with_key(&old).await?.json(200);
        assert_eq!(deployed.sandboxes(), sandboxes, "a sandbox was replaced");
        deployed.stack.stop().await
    });
}

#[test]
fn a_removed_secret_key_stops_working() {
    run(async {
        let deployed = Deployed::start("1").await?;
        let old = deployed.values().await?[KEY].as_str().context("a key")?.to_owned();
        deployed.with_key(&old).await?.json(200);
        let sandboxes = deployed.sandboxes();
        deployed.set(KEY, "new-key").await?;
        deployed.eventually_with_key(&old, 401).await?;
        deployed.with_key("new-key").await?.json(200);
        assert_eq!(deployed.sandboxes(), sandboxes, "a sandbox was replaced");
        deployed.stack.stop().await
    });
}

#[test]
fn a_new_encryption_key_and_a_new_client_secret_are_taken_over() {
    run(async {
        let deployed = Deployed::start("3600").await?;
        let person = deployed.stack.strict_person().await?;
        assert_alive(&person).await?;
        // A wrong client secret is not mistaken for a dead connection, and correcting it is enough.
        let right = deployed.set(CLIENT_SECRET, "wrong-client-secret").await?;
        deployed.restart().await?;
        person.forget_access_token().await?;
        assert_eq!(person.access_token().await?.json(500)["code"], "provider_misconfigured");
        deployed.set(CLIENT_SECRET, &right).await?;
        eventually(200, async || person.access_token().await).await?;
        // A function with only the old key reads a value that another one sealed with the new key.
        let sandboxes = deployed.sandboxes();
        let old = deployed.values().await?[SEALING].as_str().context("a key")?.to_owned();
        let new = base::crypto::random_key()?;
        let sealer = Sealer::from_keys(&format!("{new},{old}"))?;
        let database = deployed.stack.database().await?;
        let id = person.connection_id().await?;
        let stored: String = database
            .query_one(
                r#"select refresh_token from "juncture-core".connection where connection_id = $1"#,
                &[&id],
            )
            .await?
            .get(0);
        let sealed = sealer.reseal(&Sealed::stored(stored), &Binding::new(id.to_string(), &[]))?;
        let sealed = sealed.context("sealed with the old key")?;
        deployed.set(SEALING, &format!("{new},{old}")).await?;
        database
            .execute(
                r#"update "juncture-core".connection set refresh_token = $2 where connection_id = $1"#,
                &[&id, &sealed.as_str()],
            )
            .await?;
        person.forget_access_token().await?;
        eventually(200, async || person.access_token().await).await?;
        assert_eq!(deployed.sandboxes(), sandboxes, "a sandbox was replaced");
        assert_alive(&person).await?;
        deployed.stack.stop().await
    });
}

#[test]
fn an_incomplete_secret_is_logged_and_fixed_without_a_deployment() {
    run(async {
        let deployed = Deployed::start("3600").await?;
        let good = deployed.values().await?.to_string();
        let mut lacking: Value = serde_json::from_str(&good)?;
        lacking[KEY] = "".into();
        let mut malformed: Value = serde_json::from_str(&good)?;
        malformed["DATABASE_URL"] = "mysql://hidden-user:hidden-password@h/d".into();
        for (text, expected) in [
            (None, "there is no secret"),
            (Some("[1]".to_owned()), "is not a flat JSON object of strings"),
            (
                Some(json!({ KEY: { "nested": "hidden-key" } }).to_string()),
                "is not a flat JSON object of strings",
            ),
            (Some(lacking.to_string()), "the setting JUNCTURE_SECRET_KEY is missing"),
            (Some(malformed.to_string()), "the setting DATABASE_URL must look like"),
        ] {
            match &text {
                None => deployed.manager.delete(&deployed.id).await?,
                Some(text) => deployed.manager.put(&deployed.id, text).await?,
            }
            deployed.restart().await?;
            let answer = deployed.with_key("any").await?;
            assert_eq!(answer.json(503)["code"], "not_configured");
            assert!(
                answer.refusal(503).contains("settings") && !answer.body.contains(KEY),
                "{}",
                answer.body
            );
            assert_eq!(answer.header("retry-after"), "5");
            deployed.stack.logged(&[expected]).await?;
            let logs = deployed.stack.logs().join("\n");
            assert!(!logs.contains("hidden-"), "{logs}");
            // A browser gets a page.
            let page = format!("/finalize-connection/jira/cc_{}", "a".repeat(43));
            if text.is_none() {
                deployed.stack.get(&page).await?.page(503);
            }
            let sandboxes = deployed.sandboxes();
            deployed.manager.put(&deployed.id, &good).await?;
            deployed.with_key(deployed.stack.secret_key()).await?.json(200);
            assert!(sandboxes.is_superset(&deployed.sandboxes()), "a sandbox was replaced");
        }
        deployed.stack.stop().await
    });
}

/// How a Secrets Manager fails.
#[derive(Clone)]
pub(crate) enum Mood {
    Hang,
    Fail,
    Deny,
    Answer(Value),
}

/// A Secrets Manager that can be made to fail.
pub(crate) async fn moody() -> Result<(watch::Sender<Mood>, String)> {
    let (mood, seen) = watch::channel(Mood::Hang);
    let answer = move || {
        let seen = seen.clone();
        async move {
            let mood = seen.borrow().clone();
            match mood {
                Mood::Hang => std::future::pending().await,
                Mood::Fail => {
                    (StatusCode::INTERNAL_SERVER_ERROR, Json(json!({ "__type": "InternalServiceError" })))
                }
                Mood::Deny => (
                    StatusCode::BAD_REQUEST,
                    Json(json!({ "__type": "AccessDeniedException", "Message": "no policy allows it" })),
                ),
                Mood::Answer(secret) => {
                    (StatusCode::OK, Json(json!({ "Name": "any", "SecretString": secret.to_string() })))
                }
            }
        }
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}", listener.local_addr()?);
    tokio::spawn(async move { axum::serve(listener, Router::new().route("/", post(answer))).await });
    Ok((mood, url))
}

/// A stack whose functions read their secret keys from this Secrets Manager.
async fn stack_with_secret_at(url: &str) -> Result<TestStack> {
    TestStack::start(|options| {
        for (name, value) in [
            ("JUNCTURE_SECRETS_ID", "any"),
            (KEY, ""),
            ("AWS_ENDPOINT_URL_SECRETS_MANAGER", url),
            ("AWS_ACCESS_KEY_ID", "test"),
            ("AWS_SECRET_ACCESS_KEY", "test"),
            ("AWS_REGION", "eu-central-1"),
        ] {
            options.settings.set(name, value);
        }
    })
    .await
}

#[test]
fn a_slow_or_failing_service_is_waited_for_in_bounds() {
    run(async {
        let (mood, url) = moody().await?;
        let stack = stack_with_secret_at(&url).await?;
        let ask = async || with_key(&stack, "the-key").await;
        for broken in [Mood::Hang, Mood::Fail] {
            mood.send_replace(broken);
            restart(&stack).await?;
            // Startup and request give up before Lambda or the gateway would.
            assert_eq!(ask().await?.json(503)["code"], "not_configured");
        }
        stack.logged(&["did not answer within"]).await?;
        stack.logged(&["InternalServiceError"]).await?;
        // The same process recovers, and keeps its settings when the service fails again.
        mood.send_replace(Mood::Answer(json!({ KEY: "the-key", MAX_AGE: "0" })));
        ask().await?.json(200);
        for broken in [Mood::Fail, Mood::Hang, Mood::Answer(json!({ KEY: " , " }))] {
            mood.send_replace(broken);
            ask().await?.json(200);
        }
        stack.logged(&["keeping the current ones"]).await?;
        stack.logged(&["the setting JUNCTURE_SECRET_KEY is missing"]).await?;
        mood.send_replace(Mood::Answer(json!({ KEY: "another-key", MAX_AGE: "0" })));
        ask().await?.refusal(401);
        stack.stop().await
    });
}

#[test]
fn new_secret_keys_are_valid_at_once_although_another_setting_is_malformed() {
    run(async {
        let deployed = Deployed::start("3600").await?;
        let old = deployed.values().await?[KEY].as_str().context("a key")?.to_owned();
        deployed.with_key(&old).await?.json(200);
        let sandboxes = deployed.sandboxes();
        let right = deployed.set("DATABASE_URL", "mysql://hidden-user:hidden-password@h/d").await?;
        deployed.set(KEY, "new-key").await?;
        // The unknown key makes the function read the secret again. Only the keys of it are taken.
        let answer = deployed.eventually_with_key("new-key", 200).await?;
        deployed.with_key(&old).await?.refusal(401);
        assert_eq!(deployed.stack.completion(&answer).await?["settings_rejected"], 1);
        deployed.stack.logged(&["the setting DATABASE_URL must look like"]).await?;
        // Keys that are malformed too stay as they are.
        deployed.set(KEY, " , ").await?;
        deployed.with_key("another-key").await?.refusal(401);
        deployed.with_key("new-key").await?.json(200);
        deployed.set("DATABASE_URL", &right).await?;
        deployed.set(KEY, "last-key").await?;
        deployed.eventually_with_key("last-key", 200).await?;
        assert_eq!(deployed.sandboxes(), sandboxes, "a sandbox was replaced");
        deployed.stack.stop().await
    });
}

#[test]
fn a_secret_that_cannot_be_read_ends_its_keys_after_a_while() {
    run(async {
        const KEPT: Duration = Duration::from_secs(3);
        let (mood, url) = moody().await?;
        let keep = KEPT.as_secs().to_string();
        let known = Mood::Answer(json!({ KEY: "the-key", MAX_AGE: "0", "SECRETS_KEEP_SECONDS": keep }));
        mood.send_replace(known.clone());
        let stack = stack_with_secret_at(&url).await?;
        let ask = async || with_key(&stack, "the-key").await;
        ask().await?.json(200);
        for broken in [Mood::Deny, Mood::Answer(json!([]))] {
            mood.send_replace(broken);
            let since = std::time::Instant::now();
            let answer = ask().await?;
            answer.json(200);
            assert_eq!(stack.completion(&answer).await?["secret_unreadable"], 1);
            let ended = eventually(503, &ask).await?;
            assert_eq!(ended.json(503)["code"], "not_configured");
            assert!(since.elapsed() > KEPT / 2, "the keys ended early");
            mood.send_replace(known.clone());
            ask().await?.json(200);
        }
        stack.stop().await
    });
}
