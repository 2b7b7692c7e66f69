//! `GET /health/ready`: whether every dependency of Juncture is available, and how quickly each responds.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use base::config::{FromSettings, Settings, SettingsError};
use http::StatusCode;
use juncture::callers::SecretKeys;
use juncture::error::{Error, ErrorCode, Result};
use juncture::migrations;
use juncture::parts::Parts;
use juncture::provider::jira::AtlassianProbe;
use runtime::{Request, Response, json, serve_probe};
use serde::Serialize;
use stores::postgres::Postgres;
use stores::upstash::{Command, Upstash};

struct App {
    keys: SecretKeys,
    postgres: Postgres,
    redis: Arc<Upstash>,
    atlassian: AtlassianProbe,
}

impl FromSettings for App {
    fn from_settings(settings: &Settings) -> Result<Self, SettingsError> {
        let parts = Parts::of(settings);
        Ok(Self {
            keys: parts.secret_keys()?,
            postgres: parts.postgres()?,
            redis: parts.redis()?,
            atlassian: parts.read()?,
        })
    }
}

/// Timeout for each dependency; long enough for a suspended Neon database to wake up.
const LIMIT: Duration = Duration::from_secs(5);

/// A dependency that takes longer than this counts as slow.
const SLOW: Duration = Duration::from_secs(1);

fn main() -> ExitCode {
    serve_probe(handle)
}

/// The overall status and that of each dependency.
#[derive(Serialize)]
struct Readiness {
    ready: bool,
    parts: Statuses,
}

#[derive(Serialize)]
struct Statuses {
    postgres: Part,
    migrations: Part,
    redis: Part,
    atlassian_auth: Part,
    atlassian_api: Part,
}

#[derive(Serialize)]
struct Part {
    status: Status,
    duration_ms: u64,
    /// What is wrong, in a message that any caller may see. Hosts and causes are only logged.
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<String>,
}

#[derive(Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Status {
    Ok,
    Slow,
    Failed,
}

async fn handle(app: Arc<App>, request: Request) -> Result<Response> {
    let App { keys, postgres, redis, atlassian } = &*app;
    keys.authorize(&request).await?;
    let ((postgres, migrations), redis, atlassian_auth, atlassian_api) = tokio::join!(
        // Sequential, because the pool has a single connection.
        async {
            let database = part("postgres", async { Ok(postgres.ping().await?) }).await;
            let migrations = part("migrations", compare(postgres, database.status)).await;
            (database, migrations)
        },
        part("redis", async { Ok(redis.run(Command::ping()).await.map(drop)?) }),
        part("atlassian_auth", async { Ok(atlassian.auth().await?) }),
        part("atlassian_api", async { Ok(atlassian.api().await?) }),
    );
    let parts = Statuses { postgres, migrations, redis, atlassian_auth, atlassian_api };
    let ready = parts.all().iter().all(|part| part.status != Status::Failed);
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    json(status, &Readiness { ready, parts })
}

impl Statuses {
    fn all(&self) -> [&Part; 5] {
        [&self.postgres, &self.migrations, &self.redis, &self.atlassian_auth, &self.atlassian_api]
    }
}

/// Checks one dependency, with a timeout.
async fn part(name: &'static str, question: impl Future<Output = Result<()>>) -> Part {
    let started = Instant::now();
    let outcome = tokio::time::timeout(LIMIT, question)
        .await
        .unwrap_or_else(|_| Err(Error::timed_out(format!("No answer within {} seconds", LIMIT.as_secs()))));
    let took = started.elapsed();
    let duration_ms = took.as_millis() as u64;
    match outcome {
        Ok(()) => {
            let status = if took > SLOW { Status::Slow } else { Status::Ok };
            Part { status, duration_ms, problem: None }
        }
        Err(error) => {
            let cause = error.cause_chain().unwrap_or_default();
            tracing::warn!(part = name, duration_ms, error = error.message(), cause, "dependency not ready");
            Part { status: Status::Failed, duration_ms, problem: Some(error.message().to_owned()) }
        }
    }
}

/// Checks that all migrations of this version are applied, and unchanged.
async fn compare(postgres: &Postgres, database: Status) -> Result<()> {
    if database == Status::Failed {
        return Err(Error::unavailable("The database", "it did not answer before"));
    }
    let migrations::Status { missing, changed } = migrations::status(postgres).await?;
    let problem = if !missing.is_empty() {
        format!("The database lacks migrations: {}. Run migrate.", missing.join(", "))
    } else if !changed.is_empty() {
        format!("Migrations were changed after they had been applied: {}.", changed.join(", "))
    } else {
        return Ok(());
    };
    Err(Error::new(ErrorCode::NotMigrated, problem))
}
