//! How a stack is to be started.

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
    /// Servers to use in place of private ones; each stack gets databases of its own in them.
    pub servers: Option<Arc<SharedServers>>,
    /// Keeps the functions' settings, under this name, in place of their environment.
    pub secret: Option<(Arc<SecretsManager>, String)>,
    /// How the sandbox of Atlassian treats tokens.
    pub atlassian: sandbox::Settings,
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
            servers: None,
            secret: None,
            atlassian: sandbox::Settings::default(),
            reaper: Arc::new(Reaper::start(&binaries.join("juncture-local"), None)?),
            log: Arc::new(|_, _| ()),
            progress: Arc::new(|_| ()),
        })
    }

    /// Forgets what a former run in the same folder logged.
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
