//! The options of a stack.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, Result};

use super::shared::SharedServers;
use crate::gateway::LogSink;
use crate::ports::Ports;
use crate::reaper::Reaper;
use crate::secrets::Secrets;
use crate::services::secrets_manager::SecretsManager;
use crate::settings::Settings;

/// Called with each step as one line of text.
pub type Progress = Arc<dyn Fn(&str) + Send + Sync>;

/// The options of a stack.
#[derive(Clone)]
pub struct StackOptions {
    /// The SAM template.
    pub template: PathBuf,
    /// The folder of the executables: the functions' and `migrate`.
    pub binaries: PathBuf,
    /// The folder of data and logs (`.local`). Logs of an earlier run are deleted.
    pub folder: PathBuf,
    /// Ports, and the hosted services that replace local ones.
    pub settings: Settings,
    /// Keys and passwords of the local services.
    pub secrets: Secrets,
    /// Whether the data must survive a restart.
    pub durable: bool,
    /// Whether the functions reach the private PostgreSQL through PgBouncer, over TLS.
    pub pooled: bool,
    /// Servers to use instead of private ones; each stack gets its own databases in them.
    pub servers: Option<Arc<SharedServers>>,
    /// A secret, by name, that holds the functions' settings instead of their environment.
    pub secret: Option<(Arc<SecretsManager>, String)>,
    /// Settings of the Atlassian sandbox, such as token lifetimes.
    pub atlassian: sandbox::Settings,
    /// Terminates the child processes of a runner that was killed.
    pub reaper: Arc<Reaper>,
    /// Receives the functions' output.
    pub log: LogSink,
    /// Receives progress messages.
    pub progress: Progress,
}

impl StackOptions {
    /// Options for a test: free ports, data in `folder`, faster but not durable, no output. `binaries` must also
    /// contain `juncture-local`.
    pub fn for_test(template: &Path, binaries: &Path, folder: &Path) -> Result<Self> {
        let mut settings = Settings::on(Ports::free()?);
        // All tests share one IP address; tests of rate limits set their own.
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
            servers: None,
            secret: None,
            atlassian: sandbox::Settings::default(),
            reaper: Arc::new(Reaper::start(&binaries.join("juncture-local"), None)?),
            log: Arc::new(|_, _| ()),
            progress: Arc::new(|_| ()),
        })
    }

    /// Deletes the logs of an earlier run in the same folder.
    pub(super) fn remove_logs(&self) -> Result<()> {
        let logs = self.logs();
        if logs.exists() {
            fs::remove_dir_all(&logs).with_context(|| format!("cannot remove {}", logs.display()))?;
        }
        Ok(())
    }

    pub(super) fn logs(&self) -> PathBuf {
        self.folder.join("logs")
    }
}
