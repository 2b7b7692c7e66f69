//! The servers of a stack: which listen where, and how each is started.

use std::net::TcpListener;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, Result};

use super::{SANDBOX_CLIENT_ID, StackOptions};
use crate::atlassian::{self, Sandbox};
use crate::ports::{Part, free_port};
use crate::services::pgbouncer::{self, PgBouncer};
use crate::services::postgres::{self, Postgres};
use crate::services::redis::{self, Redis};
use crate::services::tls::Authority;
use crate::settings::Settings;
use crate::upstash::Front;

/// One per part that listens in this process.
pub(super) struct Listeners {
    pub(super) gateway: TcpListener,
    pub(super) demo: TcpListener,
    pub(super) atlassian: Option<TcpListener>,
    pub(super) upstash: Option<TcpListener>,
}

impl Listeners {
    /// Binds what listens in this process, and tries the ports of the servers.
    pub(super) fn bind(settings: &Settings) -> Result<Self> {
        let unused = [
            (Part::Atlassian, settings.real_atlassian()),
            (Part::Upstash, settings.hosted_redis()),
            (Part::Redis, settings.hosted_redis()),
            (Part::Postgres, settings.hosted_database()),
        ];
        let used: Vec<Part> = Part::ALL.into_iter().filter(|part| !unused.contains(&(*part, true))).collect();
        let mut bound = settings.ports.listen(&used)?;
        let mut take = |part| bound.remove(&part);
        Ok(Self {
            gateway: take(Part::Gateway).context("no listener for the gateway")?,
            demo: take(Part::Demo).context("no listener for the demo product")?,
            atlassian: take(Part::Atlassian),
            upstash: take(Part::Upstash),
        })
    }
}

/// The listener for use in the runtime.
pub(super) fn tokio(listener: TcpListener) -> Result<tokio::net::TcpListener> {
    listener.set_nonblocking(true)?;
    Ok(tokio::net::TcpListener::from_std(listener)?)
}

/// Starts the sandbox of Atlassian.
pub(super) async fn sandbox(
    options: &StackOptions,
    listener: TcpListener,
    callback: &str,
) -> Result<Sandbox> {
    let sandbox = Sandbox::start(
        tokio(listener)?,
        atlassian::Options {
            client_id: SANDBOX_CLIENT_ID.to_owned(),
            client_secret: options.secrets.jira_client_secret.clone(),
            redirect_uris: [Some(callback), options.settings.get("DEFAULT_JIRA_REDIRECT_URI")]
                .into_iter()
                .flatten()
                .map(str::to_owned)
                .collect(),
            settings: options.atlassian.clone(),
            // A check of tests; people who try the stack out have nothing from it.
            openapi: if options.durable { None } else { atlassian::openapi_file() },
            state_file: options.durable.then(|| options.folder.join("atlassian.json")),
        },
    )
    .await?;
    let port = options.settings.ports.of(Part::Atlassian);
    (options.progress)(&format!("Atlassian sandbox on {port} … ready"));
    Ok(sandbox)
}

/// Starts PostgreSQL and, where it is asked for, its pooler; neither where a hosted one is used.
pub(super) async fn database(options: &StackOptions) -> Result<(Option<Postgres>, Option<PgBouncer>)> {
    if options.settings.hosted_database() {
        (options.progress)("PostgreSQL: the one in DATABASE_URL");
        return Ok((None, None));
    }
    let since = Instant::now();
    let port = options.settings.ports.of(Part::Postgres);
    let postgres = Postgres::start(
        postgres::Options {
            data: options.folder.join("postgres"),
            log: options.logs().join("postgres.log"),
            port,
            password: options.secrets.database_password.clone(),
            durable: options.durable,
            tls: None,
        },
        &options.reaper,
    )
    .await?;
    (options.progress)(&format!(
        "PostgreSQL {} on {port} … ready {:.1} s",
        postgres.version(),
        since.elapsed().as_secs_f32()
    ));
    if !options.pooled {
        return Ok((Some(postgres), None));
    }
    let pooler = PgBouncer::start(
        pgbouncer::Options {
            folder: options.folder.join("pgbouncer"),
            log: options.logs().join("pgbouncer.log"),
            port: free_port()?,
            authority: Arc::new(Authority::create(&options.folder.join("tls"))?),
        },
        &postgres,
        &options.reaper,
    )
    .await?;
    Ok((Some(postgres), Some(pooler)))
}

/// Starts Redis and its front, unless Upstash itself is used.
pub(super) async fn upstash(
    options: &StackOptions,
    listener: Option<TcpListener>,
) -> Result<(Option<Redis>, Option<Front>)> {
    let Some(listener) = listener else {
        (options.progress)("Redis: the one in UPSTASH_REDIS_REST_URL");
        return Ok((None, None));
    };
    let since = Instant::now();
    let port = options.settings.ports.of(Part::Redis);
    let redis = Redis::start(
        redis::Options {
            data: options.folder.join("redis"),
            log: options.logs().join("redis.log"),
            port,
            password: options.secrets.upstash_token.clone(),
            durable: options.durable,
        },
        &options.reaper,
    )
    .await?;
    let front = Front::start(tokio(listener)?, redis.url(), &options.secrets.upstash_token)?;
    (options.progress)(&format!(
        "Redis {} on {port}, its Upstash front on {} … ready {:.1} s",
        redis.version(),
        front.address().port(),
        since.elapsed().as_secs_f32()
    ));
    Ok((Some(redis), Some(front)))
}
