//! The options of a gateway, and the callbacks through which it reports.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// The AWS account that the functions see.
pub(super) const ACCOUNT_ID: &str = "000000000000";
/// The id of the HTTP API.
pub(super) const API_ID: &str = "local";

/// Receives the name of a function and a line that it wrote to stdout or stderr.
pub type LogSink = Arc<dyn Fn(&str, &str) + Send + Sync>;
/// Receives a process id.
pub type Hook = Arc<dyn Fn(u32) + Send + Sync>;

/// How a gateway runs its functions.
#[derive(Clone)]
pub struct Options {
    /// The folder of the executables; [`super::Function::binary`] is the file name.
    pub binaries: PathBuf,
    /// Environment variables of every function; they take precedence over the template's.
    pub environment: BTreeMap<String, String>,
    /// Receives the functions' output, and the gateway's own messages about them.
    pub log: LogSink,
    /// How many instances of one function may run at once.
    pub max_instances: usize,
    /// How long an instance may be idle before it is stopped.
    pub idle_timeout: Duration,
    /// Called for every process that was started.
    pub on_spawn: Hook,
    /// Called for every process that has exited.
    pub on_exit: Hook,
}

impl Options {
    /// At most ten instances per function, five minutes idle, no log, no hooks.
    pub fn new(binaries: impl Into<PathBuf>) -> Self {
        Self {
            binaries: binaries.into(),
            environment: BTreeMap::new(),
            log: Arc::new(|_, _| ()),
            max_instances: 10,
            idle_timeout: Duration::from_secs(300),
            on_spawn: Arc::new(|_| ()),
            on_exit: Arc::new(|_| ()),
        }
    }
}

impl fmt::Debug for Options {
    /// Omits the environment, which contains secrets.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Options").field("binaries", &self.binaries).finish_non_exhaustive()
    }
}

/// A running process of a function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InstanceInfo {
    /// Its process id.
    pub pid: u32,
    /// The logical id of its function.
    pub function: String,
    /// Whether it is handling a request.
    pub busy: bool,
}
