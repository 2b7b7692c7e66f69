//! The whole development stack: servers, migrations, gateway, demo product; started, and stopped in order.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, Result};
use nix::sys::signal::Signal;

use crate::atlassian::{self, Sandbox};
use crate::demo::{self, Demo};
use crate::gateway::{self, Function, Gateway, LogSink, Template};
use crate::ports::{Part, Ports, free_port};
use crate::reaper::Reaper;
use crate::secrets::Secrets;
use crate::services::pgbouncer::{self, PgBouncer};
use crate::services::postgres::{self, Postgres};
use crate::services::process::Process;
use crate::services::redis::{self, Redis};
use crate::services::secrets_manager::SecretsManager;
use crate::services::{account, tls::Authority};
use crate::settings::Settings;
use crate::upstash::Front;

/// Client id of the sandbox's one app.
const SANDBOX_CLIENT_ID: &str = "juncture-local";

/// Is told each step in one line.
pub type Progress = Arc<dyn Fn(&str) + Send + Sync>;

/// How a stack is to be started.
#[derive(Clone)]
pub struct StackOptions {
    /// The SAM template.
    pub template: PathBuf,
    /// The folder of the executables: one per function, and `migrate`.
    pub binaries: PathBuf,
    /// The folder of data and logs (`.local`). Logs of a former run in it are removed.
    pub folder: PathBuf,
    /// Ports, and hosted services to use in place of the local ones.
    pub settings: Settings,
    /// Keys and passwords of what is local.
    pub secrets: Secrets,
    /// Whether the data shall survive a restart.
    pub durable: bool,
    /// Whether the functions reach the private PostgreSQL through PgBouncer, over TLS.
    pub pooled: bool,
    /// Keeps the functions' settings, under this name, in place of their environment.
    pub secret: Option<(Arc<SecretsManager>, String)>,
    /// How the sandbox of Atlassian treats tokens.
    pub atlassian: atlassian::Settings,
    /// Ends what a killed runner leaves.
    pub reaper: Arc<Reaper>,
    /// Is handed what the functions write.
    pub log: LogSink,
    /// Is told what happens.
    pub progress: Progress,
}

impl StackOptions {
    /// A stack for a test: on free ports, its data in `folder`, fast and forgetful, silent. `binaries` also
    /// holds `juncture-local`.
    pub fn for_test(template: &Path, binaries: &Path, folder: &Path) -> Result<Self> {
        let mut settings = Settings::on(Ports::free()?);
        // Every test calls from this machine; those about limits set their own.
        for limit in ["RATE_LIMIT_PER_IP", "RATE_LIMIT_PER_KEY", "RATE_LIMIT_WRONG_KEYS"] {
            settings.set(limit, "1000000/60");
        }
        Ok(Self {
            template: template.to_owned(),
            binaries: binaries.to_owned(),
            folder: folder.to_owned(),
            settings,
            secrets: Secrets::generate()?,
            durable: false,
            pooled: false,
            secret: None,
            atlassian: atlassian::Settings::default(),
            reaper: Arc::new(Reaper::start(&binaries.join("juncture-local"), None)?),
            log: Arc::new(|_, _| ()),
            progress: Arc::new(|_| ()),
        })
    }

    fn logs(&self) -> PathBuf {
        self.folder.join("logs")
    }
}

/// A running stack. [`Stack::stop`] ends it in order; when it is dropped, the reaper ends it.
pub struct Stack {
    gateway: Gateway,
    functions: Vec<Function>,
    environment: BTreeMap<String, String>,
    demo: Demo,
    sandbox: Option<Sandbox>,
    front: Option<Front>,
    redis: Option<Redis>,
    pooler: Option<PgBouncer>,
    postgres: Option<Postgres>,
    options: StackOptions,
}

impl std::fmt::Debug for Stack {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Stack").field("url", &self.url()).finish_non_exhaustive()
    }
}

impl Stack {
    /// Starts everything and returns when it answers. On failure the caller's reaper ends what was started.
    pub async fn start(options: StackOptions) -> Result<Self> {
        let listeners = Listeners::bind(&options.settings)?;
        let logs = options.logs();
        if logs.exists() {
            fs::remove_dir_all(&logs).with_context(|| format!("cannot remove {}", logs.display()))?;
        }
        let ports = options.settings.ports.clone();
        let url = format!("http://localhost:{}", ports.of(Part::Gateway));
        let demo_url = format!("http://localhost:{}", ports.of(Part::Demo));
        let callback = format!("{url}/api/frontend/oauth/authorization-callback/jira");

        // An error in the template shows before anything is started.
        let origins = match options.settings.get("CORS_ALLOWED_ORIGINS") {
            Some(origins) => format!("{origins},{demo_url}"),
            None => demo_url.clone(),
        };
        let parameters = BTreeMap::from([
            ("SiteRedirectUri".to_owned(), demo_url.clone()),
            ("CorsAllowedOrigins".to_owned(), origins.clone()),
            // The demo product asks for connect tokens; who tries the API out by hand need not.
            ("RequireConnectToken".to_owned(), "false".to_owned()),
            ("AllowedReturnUrls".to_owned(), demo_url.clone()),
        ]);
        let template = Template::read(&options.template, &parameters)?;
        let functions = template.functions.clone();

        let sandbox = match listeners.atlassian {
            None => None,
            Some(listener) => Some(sandbox(&options, listener, &callback).await?),
        };
        let ((postgres, pooler), (redis, front)) =
            tokio::try_join!(database(&options), upstash(&options, listeners.upstash))?;

        let mut environment = BTreeMap::from([
            ("CORS_ALLOWED_ORIGINS".to_owned(), origins),
            ("DEFAULT_JIRA_REDIRECT_URI".to_owned(), callback),
            ("DEFAULT_JIRA_SITE_REDIRECT_URI".to_owned(), demo_url.clone()),
            ("JUNCTURE_FRONTEND_URL".to_owned(), url.clone()),
            ("JUNCTURE_SECRET_KEY".to_owned(), options.secrets.secret_key.clone()),
            // The template names a secret in AWS; here there is none, unless .env says so.
            ("JUNCTURE_SECRETS_ID".to_owned(), String::new()),
            ("TOKEN_ENCRYPTION_KEY".to_owned(), options.secrets.token_encryption_key.clone()),
        ]);
        let mut set = |name: &str, value: &str| environment.insert(name.to_owned(), value.to_owned());
        if let Some(sandbox) = &sandbox {
            set("ATLASSIAN_AUTH_URL", sandbox.url());
            set("ATLASSIAN_API_URL", sandbox.url());
            set("DEFAULT_JIRA_CLIENT_ID", SANDBOX_CLIENT_ID);
            set("DEFAULT_JIRA_CLIENT_SECRET", &options.secrets.jira_client_secret);
        }
        if let Some(postgres) = &postgres {
            set("DATABASE_URL", pooler.as_ref().map_or(postgres.url(), PgBouncer::url));
        }
        if let Some(front) = &front {
            set("UPSTASH_REDIS_REST_URL", &front.url());
            set("UPSTASH_REDIS_REST_TOKEN", &options.secrets.upstash_token);
        }
        for (name, value) in options.settings.values().filter(|(name, _)| *name != "CORS_ALLOWED_ORIGINS") {
            set(name, value);
        }

        // Not through the pooler: migrations hold a lock that belongs to one connection.
        let database = postgres.as_ref().map(Postgres::url).or(options.settings.get("DATABASE_URL"));
        migrate(&options, database.context("no database")?).await?;

        let gateway = Gateway::start(
            tokio(listeners.gateway)?,
            template,
            gateway::Options {
                environment: deployed(&options, &environment, &functions).await?,
                log: Arc::clone(&options.log),
                max_instances: 60,
                on_spawn: hook(&options.reaper, |reaper, pid| reaper.watch(pid, Signal::SIGTERM)),
                on_exit: hook(&options.reaper, Reaper::forget),
                ..gateway::Options::new(&options.binaries)
            },
        )?;
        (options.progress)(&format!("Gateway on {} … ready", ports.of(Part::Gateway)));
        let secret_key = environment.get("JUNCTURE_SECRET_KEY").context("no secret key")?;
        let demo = demo::start(
            tokio(listeners.demo)?,
            demo::Options {
                juncture_url: url,
                // While keys rotate, the first is the new one.
                secret_key: secret_key.split(',').next().unwrap_or_default().trim().to_owned(),
                product_url: demo_url,
            },
        )
        .await?;
        (options.progress)(&format!("Demo product on {} … ready", ports.of(Part::Demo)));
        Ok(Self { gateway, functions, environment, demo, sandbox, front, redis, pooler, postgres, options })
    }

    /// Base URL of Juncture's API.
    pub fn url(&self) -> String {
        format!("http://localhost:{}", self.options.settings.ports.of(Part::Gateway))
    }

    /// URL of the demo product, where the browser lands at last.
    pub fn demo_url(&self) -> String {
        format!("http://localhost:{}", self.options.settings.ports.of(Part::Demo))
    }

    /// What a backend presents to Juncture.
    pub fn secret_key(&self) -> &str {
        self.environment.get("JUNCTURE_SECRET_KEY").map_or("", String::as_str)
    }

    /// The settings of the functions, beside the template's: in their environment, or in the secret.
    pub fn environment(&self) -> &BTreeMap<String, String> {
        &self.environment
    }

    /// The functions of the template.
    pub fn functions(&self) -> &[Function] {
        &self.functions
    }

    /// The gateway.
    pub fn gateway(&self) -> &Gateway {
        &self.gateway
    }

    /// The sandbox of Atlassian, unless Atlassian itself is used.
    pub fn sandbox(&self) -> Option<&Sandbox> {
        self.sandbox.as_ref()
    }

    /// The front of Redis, unless Upstash itself is used.
    pub fn front(&self) -> Option<&Front> {
        self.front.as_ref()
    }

    /// The private PostgreSQL, unless a hosted one is used. Its URL leads past the pooler.
    pub fn postgres(&self) -> Option<&Postgres> {
        self.postgres.as_ref()
    }

    /// The private Redis, unless Upstash itself is used.
    pub fn redis(&self) -> Option<&Redis> {
        self.redis.as_ref()
    }

    /// Where data and logs are.
    pub fn folder(&self) -> &Path {
        &self.options.folder
    }

    /// How it was started.
    pub(crate) fn options(&self) -> &StackOptions {
        &self.options
    }

    /// Applies migrations that were added since the start.
    pub async fn migrate(&self) -> Result<()> {
        let database = self.postgres().map(Postgres::url).or(self.options.settings.get("DATABASE_URL"));
        migrate(&self.options, database.context("no database")?).await
    }

    /// Stops everything, what takes requests first.
    pub async fn stop(self) -> Result<()> {
        let say = self.options.progress;
        self.gateway.shutdown().await;
        drop((self.demo, self.sandbox, self.front));
        say("Gateway, functions and demo product stopped");
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
        let reaper = self.options.reaper;
        tokio::task::spawn_blocking(move || reaper.close()).await??;
        Ok(())
    }
}

/// Empties the folder of a stack that is not running: the data and logs go, the keys stay.
pub fn reset(folder: &Path) -> Result<()> {
    for name in ["postgres", "pgbouncer", "redis", "tls", "logs", "atlassian.json"] {
        account::remove(&folder.join(name))?;
    }
    Ok(())
}

/// One per part that listens in this process.
struct Listeners {
    gateway: TcpListener,
    demo: TcpListener,
    atlassian: Option<TcpListener>,
    upstash: Option<TcpListener>,
}

impl Listeners {
    /// Binds what listens in this process, and tries the ports of the servers.
    fn bind(settings: &Settings) -> Result<Self> {
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

fn tokio(listener: TcpListener) -> Result<tokio::net::TcpListener> {
    listener.set_nonblocking(true)?;
    Ok(tokio::net::TcpListener::from_std(listener)?)
}

fn hook(
    reaper: &Arc<Reaper>,
    tell: impl Fn(&Reaper, u32) -> std::io::Result<()> + Send + Sync + 'static,
) -> gateway::Hook {
    let reaper = Arc::clone(reaper);
    Arc::new(move |pid| {
        if let Err(error) = tell(&reaper, pid) {
            tracing::warn!(%error, pid, "the reaper does not answer");
        }
    })
}

async fn sandbox(options: &StackOptions, listener: TcpListener, callback: &str) -> Result<Sandbox> {
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

/// What the functions find in their environment: the settings, or where they are.
async fn deployed(
    options: &StackOptions,
    settings: &BTreeMap<String, String>,
    functions: &[Function],
) -> Result<BTreeMap<String, String>> {
    let Some((manager, id)) = &options.secret else { return Ok(settings.clone()) };
    // What Lambda itself reads stays where Lambda reads it, and what the template sets where it wins over the secret.
    let stays = |name: &str| {
        name.starts_with("AWS_") || functions.iter().any(|function| function.environment.contains_key(name))
    };
    let (mut environment, held): (BTreeMap<_, _>, BTreeMap<_, _>) =
        settings.clone().into_iter().partition(|(name, _)| stays(name));
    manager.put(id, &serde_json::to_string(&held)?).await?;
    environment.extend(manager.environment());
    environment.insert("JUNCTURE_SECRETS_ID".to_owned(), id.clone());
    Ok(environment)
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

async fn upstash(
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

async fn migrate(options: &StackOptions, database_url: &str) -> Result<()> {
    let since = Instant::now();
    let mut command = std::process::Command::new(options.binaries.join("migrate"));
    command.env("DATABASE_URL", database_url);
    // The one of .env belongs to the database of .env.
    let direct = options.settings.hosted_database().then(|| options.settings.get("DATABASE_DIRECT_URL"));
    command.env("DATABASE_DIRECT_URL", direct.flatten().unwrap_or_default());
    let log = options.logs().join("migrate.log");
    let process = Process::spawn("migrate", command, Signal::SIGTERM, &log, &options.reaper)?;
    process.finish().await.context("the migrations were not applied")?;
    (options.progress)(&format!("Migrations … applied {:.1} s", since.elapsed().as_secs_f32()));
    Ok(())
}

/// The executables of all functions, each once.
pub(crate) fn executables(functions: &[Function]) -> BTreeSet<&str> {
    functions.iter().map(|function| function.binary.as_str()).collect()
}
