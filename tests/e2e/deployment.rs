//! The migrator as a custom resource of `CloudFormation`: it responds whatever happens.

use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::put;
use juncture_local::gateway::runtime_api::{Endpoint, Reply};
use juncture_tests::{TestStack, run};
use serde_json::{Value, json};
use tokio::process::Command;
use url::Url;
use uuid::Uuid;

use crate::secrets::{Mood, moody};

const PASSWORD: &str = "hunter2";
/// The function's timeout in AWS.
const AMPLE: Duration = Duration::from_secs(120);
const TABLE: &str = r#"select to_regclass('"juncture-core".connection') is not null"#;

/// Stands in for the presigned S3 URL at which `CloudFormation` waits for a response.
struct CloudFormation {
    url: String,
    answers: Arc<Mutex<Vec<Value>>>,
}

#[derive(Clone)]
struct Desk {
    answers: Arc<Mutex<Vec<Value>>>,
    /// How many attempts to reject first.
    refusals: Arc<Mutex<usize>>,
}

impl CloudFormation {
    async fn after_refusals(refusals: usize) -> Result<Self> {
        let answers = Arc::<Mutex<Vec<Value>>>::default();
        let desk = Desk { answers: Arc::clone(&answers), refusals: Arc::new(Mutex::new(refusals)) };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}/stack?X-Amz-Signature={PASSWORD}", listener.local_addr()?);
        let router = axum::Router::new().route("/stack", put(take)).with_state(desk);
        tokio::spawn(async move { axum::serve(listener, router).await });
        Ok(Self { url, answers })
    }

    async fn ready() -> Result<Self> {
        Self::after_refusals(0).await
    }

    /// Invokes a new migrator with an event; [`Self::answer`] returns the outcome.
    async fn call(&self, event: &Event, database_url: &str, timeout: Duration) -> Result<(Reply, String)> {
        self.call_with(event, &[("DATABASE_URL", database_url)], timeout).await
    }

    /// Like [`Self::call`], with additional settings.
    async fn call_with(
        &self,
        event: &Event,
        settings: &[(&str, &str)],
        timeout: Duration,
    ) -> Result<(Reply, String)> {
        let init_error = |error: &str| panic!("the migrator did not start: {error}");
        let endpoint =
            Endpoint::open("arn:aws:lambda:us-east-1:1:function:migrate".to_owned(), init_error).await?;
        let process = Command::new(juncture_tests::binaries().join("migrate"))
            .env_clear()
            .env("AWS_LAMBDA_RUNTIME_API", &endpoint.address)
            .env("AWS_LAMBDA_FUNCTION_NAME", "migrate")
            .env("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST")
            .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256")
            .envs(settings.iter().copied())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()?;
        let event = event.json(&self.url).to_string();
        let reply = endpoint.invoke(event.into(), timeout).await?;
        // It exits once the Runtime API is gone, which ends its log.
        drop(endpoint);
        let output = process.wait_with_output().await?;
        Ok((reply, String::from_utf8_lossy(&output.stdout).into_owned()))
    }

    /// The only response since the last call.
    fn answer(&self) -> Result<Value> {
        let mut answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        ensure!(answers.len() == 1, "answers: {answers:?}");
        answers.pop().context("an answer")
    }

    /// Invokes the migrator. Returns its response, which must match the event and must not contain a secret.
    async fn outcome(&self, event: &Event, database_url: &str, timeout: Duration) -> Result<Value> {
        self.outcome_with(event, &[("DATABASE_URL", database_url)], timeout).await
    }

    /// Like [`Self::outcome`], with additional settings.
    async fn outcome_with(
        &self,
        event: &Event,
        settings: &[(&str, &str)],
        timeout: Duration,
    ) -> Result<Value> {
        let (reply, log) = self.call_with(event, settings, timeout).await?;
        ensure!(reply.is_ok(), "{reply:?}");
        let answer = self.answer()?;
        ensure!(!format!("{answer} {log}").contains(PASSWORD), "{answer} {log}");
        ensure!(answer["StackId"] == "arn:stack" && answer["LogicalResourceId"] == "Migrations", "{answer}");
        ensure!(answer["RequestId"] == event.id.to_string(), "{answer}");
        Ok(answer)
    }
}

async fn take(State(desk): State<Desk>, headers: HeaderMap, body: String) -> StatusCode {
    let mut refusals = desk.refusals.lock().unwrap_or_else(PoisonError::into_inner);
    if *refusals > 0 {
        *refusals -= 1;
        return StatusCode::SERVICE_UNAVAILABLE;
    }
    // The signature does not cover a content type.
    if headers.contains_key("content-type") {
        return StatusCode::FORBIDDEN;
    }
    let answer = serde_json::from_str(&body).unwrap_or_default();
    desk.answers.lock().unwrap_or_else(PoisonError::into_inner).push(answer);
    StatusCode::OK
}

struct Event {
    id: Uuid,
    kind: &'static str,
    physical_id: Option<String>,
    /// The newest migration, before and after.
    newest: [&'static str; 2],
}

impl Event {
    fn create() -> Self {
        Self { id: Uuid::new_v4(), kind: "Create", physical_id: None, newest: ["", "0002"] }
    }

    fn later(kind: &'static str, physical_id: &str) -> Self {
        let physical_id = Some(physical_id.to_owned());
        Self { id: Uuid::new_v4(), kind, physical_id, newest: ["0001", "0002"] }
    }

    /// An update that rolls back another one.
    fn rollback() -> Self {
        Self { newest: ["0002", "0001"], ..Self::later("Update", "id") }
    }

    fn json(&self, response_url: &str) -> Value {
        let [before, after] = self.newest;
        let mut event = json!({
            "RequestType": self.kind,
            "ServiceToken": "arn:aws:lambda:us-east-1:1:function:migrate",
            "ResponseURL": response_url,
            "StackId": "arn:stack",
            "RequestId": self.id,
            "ResourceType": "Custom::Migrations",
            "LogicalResourceId": "Migrations",
            "ResourceProperties": { "ServiceToken": "arn", "Newest": after },
        });
        if self.kind == "Update" {
            event["OldResourceProperties"] = json!({ "ServiceToken": "arn", "Newest": before });
        }
        if let Some(id) = &self.physical_id {
            event["PhysicalResourceId"] = json!(id);
        }
        event
    }
}

/// The URL of an empty database on the shared stack's server, and a connection to it.
async fn empty_database() -> Result<(String, tokio_postgres::Client)> {
    let stack = TestStack::shared().await?;
    let name = format!("deployment_{}", Uuid::new_v4().simple());
    stack.database().await?.batch_execute(&format!("create database {name}")).await?;
    let mut url = Url::parse(stack.postgres().url())?;
    url.set_path(&name);
    let (client, connection) = tokio_postgres::connect(url.as_str(), tokio_postgres::NoTls).await?;
    tokio::spawn(connection);
    Ok((url.into(), client))
}

async fn is_migrated(database: &tokio_postgres::Client) -> Result<bool> {
    Ok(database.query_one(TABLE, &[]).await?.get(0))
}

#[test]
fn a_deployment_migrates_once_and_deleting_the_stack_keeps_the_data() {
    run(async {
        let (url, database) = empty_database().await?;
        let cloud_formation = CloudFormation::ready().await?;
        let created = cloud_formation.outcome(&Event::create(), &url, AMPLE).await?;
        assert_eq!(created["Status"], "SUCCESS", "{created}");
        assert!(is_migrated(&database).await?);
        let id = created["PhysicalResourceId"].as_str().context("an id")?;
        for kind in ["Update", "Update", "Delete"] {
            let answer = cloud_formation.outcome(&Event::later(kind, id), &url, AMPLE).await?;
            assert_eq!((&answer["Status"], &answer["PhysicalResourceId"]), (&json!("SUCCESS"), &json!(id)));
        }
        assert!(is_migrated(&database).await?);
        Ok(())
    });
}

#[test]
fn what_is_wrong_is_told_without_a_secret() {
    run(async {
        let (url, database) = empty_database().await?;
        let mut stranger = Url::parse(&url)?;
        stranger.set_password(Some(PASSWORD)).ok().context("a password")?;
        let nowhere = format!("postgres://postgres:{PASSWORD}@127.0.0.1:1/postgres");
        let cloud_formation = CloudFormation::ready().await?;
        for (url, expected) in [
            (stranger.as_str(), "password authentication failed"),
            (nowhere.as_str(), "refused"),
            ("", "DATABASE_URL is missing"),
            ("mysql://u:hunter2@h/d", "must look like postgresql://"),
        ] {
            let answer = cloud_formation.outcome(&Event::create(), url, AMPLE).await?;
            assert_eq!(answer["Status"], "FAILED", "{answer}");
            let reason = answer["Reason"].as_str().unwrap_or_default();
            assert!(reason.contains(expected), "{reason}");
        }
        cloud_formation.outcome(&Event::create(), &url, AMPLE).await?;
        database.batch_execute(r#"update "juncture-core".migration set checksum = 'other'"#).await?;
        let answer = cloud_formation.outcome(&Event::later("Update", "id"), &url, AMPLE).await?;
        assert!(
            answer["Reason"].as_str().is_some_and(|reason| reason.contains("was changed after")),
            "{answer}"
        );
        // CloudFormation deletes what it failed to create, and that must not fail.
        let answer = cloud_formation.outcome(&Event::later("Delete", "id"), &nowhere, AMPLE).await?;
        assert_eq!((&answer["Status"], &answer["PhysicalResourceId"]), (&json!("SUCCESS"), &json!("id")));
        Ok(())
    });
}

/// The settings that point the migrator to the test's Secrets Manager.
fn secret_at(url: &str) -> [(&str, &str); 5] {
    [
        ("JUNCTURE_SECRETS_ID", "juncture/test"),
        ("AWS_ENDPOINT_URL_SECRETS_MANAGER", url),
        ("AWS_ACCESS_KEY_ID", "test"),
        ("AWS_SECRET_ACCESS_KEY", "test"),
        ("AWS_REGION", "eu-central-1"),
    ]
}

#[test]
fn a_role_that_has_not_propagated_yet_is_waited_for() {
    run(async {
        let (url, database) = empty_database().await?;
        let (mood, endpoint) = moody().await?;
        mood.send_replace(Mood::Deny);
        let cloud_formation = CloudFormation::ready().await?;
        let (event, settings) = (Event::create(), secret_at(&endpoint));
        let created = cloud_formation.outcome_with(&event, &settings, AMPLE);
        let allowed = async {
            tokio::time::sleep(Duration::from_millis(1_500)).await;
            mood.send_replace(Mood::Answer(json!({ "DATABASE_URL": url })));
        };
        let (created, ()) = tokio::join!(created, allowed);
        let created = created?;
        assert_eq!(created["Status"], "SUCCESS", "{created}");
        assert!(is_migrated(&database).await?);
        Ok(())
    });
}

#[test]
fn lasting_access_denial_is_reported_with_its_possible_causes() {
    run(async {
        let (mood, endpoint) = moody().await?;
        mood.send_replace(Mood::Deny);
        let cloud_formation = CloudFormation::ready().await?;
        let (event, settings) = (Event::create(), secret_at(&endpoint));
        // With a timeout of 5 s it retries for 1.7 s.
        let (reply, log) = cloud_formation.call_with(&event, &settings, Duration::from_secs(5)).await?;
        ensure!(reply.is_ok(), "{reply:?}");
        let answer = cloud_formation.answer()?;
        let reason = answer["Reason"].as_str().unwrap_or_default();
        assert_eq!(answer["Status"], "FAILED", "{answer}");
        assert!(reason.contains("no policy allows it"), "{reason}");
        assert!(
            reason.contains("or there is no such secret in eu-central-1: make it with `make secrets`"),
            "{reason}"
        );
        assert_eq!(log.matches("secret not readable yet").count(), 1, "{log}");
        Ok(())
    });
}

#[test]
fn a_rollback_is_answered_without_touching_the_database() {
    run(async {
        let (url, database) = empty_database().await?;
        let cloud_formation = CloudFormation::ready().await?;
        let nowhere = format!("postgres://postgres:{PASSWORD}@127.0.0.1:1/postgres");
        for url in [&nowhere, &url] {
            let answer = cloud_formation.outcome(&Event::rollback(), url, AMPLE).await?;
            assert_eq!((&answer["Status"], &answer["PhysicalResourceId"]), (&json!("SUCCESS"), &json!("id")));
        }
        assert!(!is_migrated(&database).await?);
        // An update with the same migrations succeeds too.
        let again = Event { newest: ["0002", "0002"], ..Event::later("Update", "id") };
        let answer = cloud_formation.outcome(&again, &url, AMPLE).await?;
        assert_eq!(answer["Status"], "SUCCESS", "{answer}");
        assert!(is_migrated(&database).await?);
        Ok(())
    });
}

#[test]
fn a_slow_migration_is_reported_in_time_and_applied_later() {
    run(async {
        let (url, mut database) = empty_database().await?;
        let cloud_formation = CloudFormation::ready().await?;
        // Another migration hangs while holding the lock.
        let other = database.transaction().await?;
        other
            .batch_execute("select pg_advisory_xact_lock(hashtextextended('juncture migrations', 0))")
            .await?;
        let answer = cloud_formation.outcome(&Event::create(), &url, Duration::from_secs(8)).await?;
        let reason = answer["Reason"].as_str().unwrap_or_default();
        let is_told = reason.contains("took longer") || reason.contains("statement timeout");
        assert!(answer["Status"] == "FAILED" && is_told, "{answer}");
        other.rollback().await?;
        assert!(!is_migrated(&database).await?);
        let answer = cloud_formation.outcome(&Event::later("Update", "id"), &url, AMPLE).await?;
        assert_eq!(answer["Status"], "SUCCESS", "{answer}");
        assert!(is_migrated(&database).await?);
        Ok(())
    });
}

#[test]
fn a_response_is_retried_and_an_undeliverable_one_fails_the_call() {
    run(async {
        let (url, _database) = empty_database().await?;
        let busy = CloudFormation::after_refusals(2).await?;
        assert_eq!(busy.outcome(&Event::create(), &url, AMPLE).await?["Status"], "SUCCESS");
        let closed = CloudFormation::after_refusals(usize::MAX).await?;
        let gone = CloudFormation {
            url: format!("http://127.0.0.1:1/stack?X-Amz-Signature={PASSWORD}"),
            answers: Arc::default(),
        };
        for unreachable in [closed, gone] {
            let (reply, log) = unreachable.call(&Event::create(), &url, AMPLE).await?;
            let error = reply.err().context("a failed call, which Lambda repeats")?;
            assert!(error.contains("CloudFormation could not be answered"), "{error}");
            assert!(!format!("{error} {log}").contains(PASSWORD), "{error} {log}");
        }
        Ok(())
    });
}
