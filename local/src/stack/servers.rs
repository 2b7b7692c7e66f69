//! The servers that the functions talk to: their ports, how each is started, and the settings that point to them.

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context as _, Result};

use super::migrations::migrate;
use super::options::{Progress, StackOptions};
use super::shared::{SharedServers, Stores, TEMPLATE};
use crate::ports::{Part, free_port};
use crate::services::pgbouncer::{self, PgBouncer};
use crate::services::postgres::{self, Postgres};
use crate::services::redis::{self, Redis};
use crate::services::tls::Authority;
use crate::settings::Settings;
use crate::upstash::Front;
use sandbox::Sandbox;

/// Client id of the app in the sandbox.
const SANDBOX_CLIENT_ID: &str = "juncture-local";

/// The listeners of the parts that run in this process.
pub(super) struct Listeners(BTreeMap<Part, TcpListener>);

impl Listeners {
    /// Binds the ports of the parts in this process, and checks the ports of the servers that bind their own.
    pub(super) fn bind(settings: &Settings, parts: &[Part]) -> Result<Self> {
        let unused = [
            (Part::Atlassian, settings.real_atlassian()),
            (Part::Upstash, settings.hosted_redis()),
            (Part::Redis, settings.hosted_redis()),
            (Part::Postgres, settings.hosted_database()),
        ];
        let used: Vec<Part> = parts.iter().copied().filter(|part| !unused.contains(&(*part, true))).collect();
        Ok(Self(settings.ports.listen(&used)?))
    }

    /// Takes the listener of a part, registered with the runtime; `None` if the part is not used.
    pub(super) fn take(&mut self, part: Part) -> Result<Option<tokio::net::TcpListener>> {
        self.0.remove(&part).map(tokio).transpose()
    }
}

/// Postgres, Redis and Atlassian, as far as they are not replaced by hosted services.
pub(super) struct Servers {
    pub(super) sandbox: Option<Sandbox>,
    pub(super) front: Option<Front>,
    pub(super) redis: Option<Redis>,
    pub(super) pooler: Option<PgBouncer>,
    pub(super) postgres: Option<Postgres>,
}

impl Servers {
    /// The parts that are started here.
    pub(super) const PARTS: [Part; 4] = [Part::Atlassian, Part::Upstash, Part::Redis, Part::Postgres];

    /// Starts them and returns once they are ready. `redirect_uri` is the callback URL of the sandbox's app.
    pub(super) async fn start(
        options: &StackOptions,
        listeners: &mut Listeners,
        redirect_uri: Option<&str>,
    ) -> Result<Self> {
        let sandbox = match listeners.take(Part::Atlassian)? {
            None => None,
            Some(listener) => Some(sandbox(options, listener, redirect_uri).await?),
        };
        let Stores { postgres, pooler, redis } = match &options.servers {
            Some(shared) => {
                let stores = shared.stores().await?;
                // The shared servers may have a pooler that this stack does not use.
                Stores { pooler: stores.pooler.filter(|_| options.pooled), ..stores }
            }
            None => private_stores(options).await?,
        };
        let listener = listeners.take(Part::Upstash)?;
        let front = match (listener, &redis) {
            (Some(listener), Some(redis)) => {
                let front = Front::start(listener, redis.url(), &options.secrets.upstash_token)?;
                let port = front.address().port();
                (options.progress)(&format!("Upstash front on {port} … ready"));
                Some(front)
            }
            _ => None,
        };
        Ok(Self { sandbox, front, redis, pooler, postgres })
    }

    /// The settings that point the functions to these servers, and the matching keys.
    pub(super) fn settings(&self, options: &StackOptions) -> BTreeMap<String, String> {
        let mut settings = BTreeMap::new();
        let mut set = |name: &str, value: &str| settings.insert(name.to_owned(), value.to_owned());
        set("JUNCTURE_SECRET_KEY", &options.secrets.secret_key);
        set("TOKEN_ENCRYPTION_KEY", &options.secrets.token_encryption_key);
        if let Some(sandbox) = &self.sandbox {
            set("ATLASSIAN_AUTH_URL", sandbox.url());
            set("ATLASSIAN_API_URL", sandbox.url());
            set("DEFAULT_JIRA_CLIENT_ID", SANDBOX_CLIENT_ID);
            set("DEFAULT_JIRA_CLIENT_SECRET", &options.secrets.jira_client_secret);
            // The sandbox's app has every scope.
            set("JIRA_SCOPE_GROUPS", "people, boards, planning, service-desk");
        }
        if let Some(postgres) = &self.postgres {
            set("DATABASE_URL", &self.database_url(postgres));
        }
        if let Some(front) = &self.front {
            set("UPSTASH_REDIS_REST_URL", &front.url());
            set("UPSTASH_REDIS_REST_TOKEN", &options.secrets.upstash_token);
        }
        settings
    }

    fn database_url(&self, postgres: &Postgres) -> String {
        self.pooler.as_ref().map_or_else(|| postgres.functions_url(), |pooler| pooler.url().to_owned())
    }

    /// Stops them in order.
    pub(super) async fn stop(self, say: &Progress) -> Result<()> {
        drop((self.sandbox, self.front));
        if let Some(pooler) = self.pooler {
            pooler.stop().await?;
            say("PgBouncer stopped");
        }
        let redis = async {
            if let Some(redis) = self.redis {
                redis.stop().await?;
                say("Redis stopped");
            }
            Ok::<_, anyhow::Error>(())
        };
        let postgres = async {
            if let Some(postgres) = self.postgres {
                postgres.stop().await?;
                say("PostgreSQL stopped");
            }
            Ok(())
        };
        tokio::try_join!(redis, postgres)?;
        Ok(())
    }
}

fn tokio(listener: TcpListener) -> Result<tokio::net::TcpListener> {
    listener.set_nonblocking(true)?;
    Ok(tokio::net::TcpListener::from_std(listener)?)
}

async fn sandbox(
    options: &StackOptions,
    listener: tokio::net::TcpListener,
    redirect_uri: Option<&str>,
) -> Result<Sandbox> {
    let sandbox = Sandbox::start(
        listener,
        sandbox::Options {
            client_id: SANDBOX_CLIENT_ID.to_owned(),
            client_secret: options.secrets.jira_client_secret.clone(),
            redirect_uris: [redirect_uri, options.settings.get("DEFAULT_JIRA_REDIRECT_URI")]
                .into_iter()
                .flatten()
                .map(str::to_owned)
                .collect(),
            settings: options.atlassian.clone(),
            // Only tests check requests against Jira's OpenAPI file; it is of no use to people who try out the stack.
            openapi: if options.durable { None } else { sandbox::openapi_file() },
            state_file: options.durable.then(|| options.folder.join("atlassian.json")),
        },
    )
    .await?;
    let port = options.settings.ports.of(Part::Atlassian);
    (options.progress)(&format!("Atlassian sandbox on {port} … ready"));
    Ok(sandbox)
}

/// Starts private servers.
pub(super) async fn private_stores(options: &StackOptions) -> Result<Stores> {
    let ((postgres, pooler), redis) = tokio::try_join!(database(options), redis(options))?;
    Ok(Stores { postgres, pooler, redis })
}

impl SharedServers {
    /// Starts them on the ports and in the folder of `options`, and returns once they are ready.
    pub async fn start(options: &StackOptions) -> Result<Self> {
        let stores = private_stores(options).await?;
        let postgres = stores.postgres.as_ref().context("a hosted PostgreSQL cannot be shared")?;
        let template = postgres.create_database(TEMPLATE, None).await?;
        migrate(options, Some(&template)).await?;
        Self::of(stores)
    }
}

async fn database(options: &StackOptions) -> Result<(Option<Postgres>, Option<PgBouncer>)> {
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
    postgres.create_functions_role().await?;
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

async fn redis(options: &StackOptions) -> Result<Option<Redis>> {
    if options.settings.hosted_redis() {
        (options.progress)("Redis: the one in UPSTASH_REDIS_REST_URL");
        return Ok(None);
    }
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
    (options.progress)(&format!(
        "Redis {} on {port} … ready {:.1} s",
        redis.version(),
        since.elapsed().as_secs_f32()
    ));
    Ok(Some(redis))
}
