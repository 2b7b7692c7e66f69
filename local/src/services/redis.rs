//! A private Redis: the installed `redis-server` on its own port with its own data.

use std::fs;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use nix::sys::signal::Signal;
use tokio::io::AsyncWriteExt;

use super::postgres::check_password;
use super::process::Process;
use crate::reaper::Reaper;

/// The number of databases: one for each stack that shares the server.
const DATABASES: u16 = 1024;

/// Options of a private Redis.
#[derive(Debug, Clone)]
pub struct Options {
    /// Folder of the data.
    pub data: PathBuf,
    /// File that the server's output is appended to.
    pub log: PathBuf,
    /// Port on 127.0.0.1.
    pub port: u16,
    /// Password; letters, digits, `-` and `_` only.
    pub password: String,
    /// Whether the data must survive a restart.
    pub durable: bool,
}

/// A database of a running Redis.
#[derive(Debug)]
pub struct Redis {
    process: Arc<Process>,
    url: String,
    version: String,
}

impl Redis {
    /// Starts the server and returns once it responds.
    pub async fn start(options: Options, reaper: &Arc<Reaper>) -> Result<Self> {
        check_password(&options.password)?;
        fs::create_dir_all(&options.data)
            .with_context(|| format!("cannot create {}", options.data.display()))?;
        let mut command = std::process::Command::new("redis-server");
        // Configured over stdin, so that the password does not show in the process list.
        command.arg("-").current_dir(&options.data);
        let mut process = Process::spawn_with(
            "Redis",
            command,
            Stdio::piped(),
            // Its clean shutdown: https://redis.io/docs/latest/operate/oss_and_stack/reference/signals/
            Signal::SIGTERM,
            &options.log,
            reaper,
        )
        .context("`make setup` installs it")?;
        let settings = format!(
            "port {}\nbind 127.0.0.1\nrequirepass {}\ndatabases {DATABASES}\nsave \"\"\nappendonly {}\n",
            options.port,
            options.password,
            if options.durable { "yes" } else { "no" },
        );
        if let Some(mut input) = process.input() {
            input.write_all(settings.as_bytes()).await.context("Redis does not read its settings")?;
        }
        let url = format!("redis://:{}@127.0.0.1:{}/", options.password, options.port);
        let client = redis::Client::open(url.as_str())?;
        let mut version = String::new();
        process
            .ready(async || {
                let Ok(mut connection) = client.get_multiplexed_async_connection().await else {
                    return Ok(false);
                };
                if redis::cmd("PING").query_async::<String>(&mut connection).await.is_err() {
                    return Ok(false);
                }
                let info: String = redis::cmd("INFO").arg("server").query_async(&mut connection).await?;
                version = info
                    .lines()
                    .find_map(|line| line.strip_prefix("redis_version:"))
                    .unwrap_or_default()
                    .to_owned();
                Ok(true)
            })
            .await?;
        Ok(Self { process: Arc::new(process), url, version })
    }

    /// Another database of the same server; the first is number 0.
    pub fn database(&self, number: u16) -> Result<Self> {
        ensure!(number < DATABASES, "Redis was started with {DATABASES} databases");
        let server = self.url.rsplit_once('/').map_or("", |(server, _)| server);
        Ok(Self {
            process: Arc::clone(&self.process),
            url: format!("{server}/{number}"),
            version: self.version.clone(),
        })
    }

    /// URL of the database, with the server's password.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The server's version, such as `7.0.15`.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// The server's process id.
    pub fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// Shuts the server down cleanly, unless another handle still uses it.
    pub async fn stop(self) -> Result<()> {
        self.process.release().await
    }
}
