//! The whole development stack: starts servers, migrations, gateway and demo product, and stops them in order.

mod migrations;
mod options;
mod servers;
mod shared;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result};
use nix::sys::signal::Signal;

use self::migrations::migrate;
use self::servers::{Listeners, Servers};
use crate::demo::{self, Demo};
use crate::gateway::{self, Function, Gateway, Template};
use crate::ports::Part;
use crate::reaper::Reaper;
use crate::services::account;
use crate::services::postgres::Postgres;
use crate::services::redis::Redis;
use crate::upstash::Front;
use sandbox::Sandbox;

pub use self::options::{Progress, StackOptions};
pub use self::shared::SharedServers;

/// A running stack. [`Stack::stop`] stops it in order; if it is dropped instead, the reaper terminates it.
pub struct Stack {
    gateway: Gateway,
    functions: Vec<Function>,
    environment: BTreeMap<String, String>,
    demo: Demo,
    servers: Servers,
    options: StackOptions,
}

impl std::fmt::Debug for Stack {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Stack").field("url", &self.url()).finish_non_exhaustive()
    }
}

impl Stack {
    /// Starts everything and returns once it is ready. On failure the caller's reaper terminates what was started.
    pub async fn start(options: StackOptions) -> Result<Self> {
        let mut listeners = Listeners::bind(&options.settings, &Part::ALL)?;
        options.remove_logs()?;
        let ports = options.settings.ports.clone();
        let url = format!("http://localhost:{}", ports.of(Part::Gateway));
        let demo_url = format!("http://localhost:{}", ports.of(Part::Demo));
        let callback = format!("{url}/api/frontend/oauth/authorization-callback/jira");

        // Parsed first, so that an error in the template shows before anything is started.
        let origins = match options.settings.get("CORS_ALLOWED_ORIGINS") {
            Some(origins) => format!("{origins},{demo_url}"),
            None => demo_url.clone(),
        };
        let parameters = BTreeMap::from([
            ("SiteRedirectUri".to_owned(), demo_url.clone()),
            ("CorsAllowedOrigins".to_owned(), origins.clone()),
            // The demo product sends connect tokens anyway; whoever tries the API by hand need not.
            ("RequireConnectToken".to_owned(), "false".to_owned()),
            ("AllowedReturnUrls".to_owned(), demo_url.clone()),
        ]);
        let template = Template::read(&options.template, &parameters)?;
        let functions = template.functions.clone();

        let servers = Servers::start(&options, &mut listeners, Some(&callback)).await?;
        let mut environment = servers.settings(&options);
        let mut set = |name: &str, value: &str| environment.insert(name.to_owned(), value.to_owned());
        set("CORS_ALLOWED_ORIGINS", &origins);
        set("DEFAULT_JIRA_REDIRECT_URI", &callback);
        set("DEFAULT_JIRA_SITE_REDIRECT_URI", &demo_url);
        set("JUNCTURE_FRONTEND_URL", &url);
        set("PRODUCT_NAME", demo::NAME);
        // The contract's behaviour, for pages that were built against it.
        set("REQUIRE_ACCOUNT_CONFIRMATION", "false");
        // The template names a secret in AWS, which does not exist locally, unless `.env` says otherwise.
        set("JUNCTURE_SECRETS_ID", "");
        for (name, value) in options.settings.values().filter(|(name, _)| *name != "CORS_ALLOWED_ORIGINS") {
            set(name, value);
        }

        // Shared servers hand out databases that are already migrated.
        if options.servers.is_none() {
            migrate(&options, servers.postgres.as_ref()).await?;
        }

        let gateway = Gateway::start(
            listeners.take(Part::Gateway)?.context("no listener for the gateway")?,
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
            listeners.take(Part::Demo)?.context("no listener for the demo product")?,
            demo::Options {
                juncture_url: url,
                // During a key rotation the new key comes first.
                secret_key: secret_key.split(',').next().unwrap_or_default().trim().to_owned(),
                product_url: demo_url,
            },
        )
        .await?;
        (options.progress)(&format!("Demo product on {} … ready", ports.of(Part::Demo)));
        Ok(Self { gateway, functions, environment, demo, servers, options })
    }

    /// Base URL of Juncture's API.
    pub fn url(&self) -> String {
        format!("http://localhost:{}", self.options.settings.ports.of(Part::Gateway))
    }

    /// URL of the demo product, where the browser lands at the end of the flow.
    pub fn demo_url(&self) -> String {
        format!("http://localhost:{}", self.options.settings.ports.of(Part::Demo))
    }

    /// The secret key that a backend authenticates with.
    pub fn secret_key(&self) -> &str {
        self.environment.get("JUNCTURE_SECRET_KEY").map_or("", String::as_str)
    }

    /// The functions' settings beyond those of the template, whether in their environment or in the secret.
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

    /// The Atlassian sandbox, unless Atlassian itself is used.
    pub fn sandbox(&self) -> Option<&Sandbox> {
        self.servers.sandbox.as_ref()
    }

    /// The REST front for Redis, unless Upstash itself is used.
    pub fn front(&self) -> Option<&Front> {
        self.servers.front.as_ref()
    }

    /// The private PostgreSQL, unless a hosted one is used. Its URL bypasses the pooler.
    pub fn postgres(&self) -> Option<&Postgres> {
        self.servers.postgres.as_ref()
    }

    /// The private Redis, unless Upstash itself is used.
    pub fn redis(&self) -> Option<&Redis> {
        self.servers.redis.as_ref()
    }

    /// The folder of data and logs.
    pub fn folder(&self) -> &Path {
        &self.options.folder
    }

    /// The options it was started with.
    pub(crate) fn options(&self) -> &StackOptions {
        &self.options
    }

    /// Applies migrations that were added since the start.
    pub async fn migrate(&self) -> Result<()> {
        migrate(&self.options, self.postgres()).await
    }

    /// Stops everything, beginning with what accepts requests.
    pub async fn stop(self) -> Result<()> {
        let say = self.options.progress;
        self.gateway.shutdown().await;
        drop(self.demo);
        say("Gateway, functions and demo product stopped");
        self.servers.stop(&say).await?;
        let reaper = self.options.reaper;
        tokio::task::spawn_blocking(move || reaper.close()).await??;
        Ok(())
    }
}

/// Only the servers of a stack, without the gateway, for functions that run elsewhere.
pub struct Backing {
    servers: Servers,
    options: StackOptions,
}

impl Backing {
    /// Starts them and returns once they are ready. On failure the caller's reaper terminates what was started.
    pub async fn start(options: StackOptions) -> Result<Self> {
        let mut listeners = Listeners::bind(&options.settings, &Servers::PARTS)?;
        options.remove_logs()?;
        let servers = Servers::start(&options, &mut listeners, None).await?;
        Ok(Self { servers, options })
    }

    /// The settings that functions need to connect to them, including new keys. Settings that end users see, such
    /// as URLs, are left to the caller.
    pub fn settings(&self) -> BTreeMap<String, String> {
        self.servers.settings(&self.options)
    }

    /// Stops them in order.
    pub async fn stop(self) -> Result<()> {
        self.servers.stop(&self.options.progress).await?;
        let reaper = self.options.reaper;
        tokio::task::spawn_blocking(move || reaper.close()).await??;
        Ok(())
    }
}

/// Deletes the data and logs of a stack that is not running; the keys stay.
pub fn reset(folder: &Path) -> Result<()> {
    for name in ["postgres", "pgbouncer", "redis", "tls", "logs", "atlassian.json"] {
        account::remove(&folder.join(name))?;
    }
    Ok(())
}

fn hook(
    reaper: &Arc<Reaper>,
    tell: impl Fn(&Reaper, u32) -> std::io::Result<()> + Send + Sync + 'static,
) -> gateway::Hook {
    let reaper = Arc::clone(reaper);
    Arc::new(move |pid| {
        if let Err(error) = tell(&reaper, pid) {
            tracing::warn!(%error, pid, "the reaper does not respond");
        }
    })
}

/// The environment of the functions: the settings, or the location of the secret that holds them.
async fn deployed(
    options: &StackOptions,
    settings: &BTreeMap<String, String>,
    functions: &[Function],
) -> Result<BTreeMap<String, String>> {
    let Some((manager, id)) = &options.secret else { return Ok(settings.clone()) };
    // Two kinds of settings stay in the environment: what Lambda itself reads, and what the template sets, because
    // it would take precedence over the secret.
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

/// The executables of all functions, without duplicates.
pub(crate) fn executables(functions: &[Function]) -> BTreeSet<&str> {
    functions.iter().map(|function| function.binary.as_str()).collect()
}
