//! What a gateway is told, and what it tells.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// The AWS account that the functions believe to run in.
pub(super) const ACCOUNT_ID: &str = "000000000000";
/// The id of the HTTP API.
pub(super) const API_ID: &str = "local";

/// Is handed the name of a function and a line that it wrote to stdout or stderr.
pub type LogSink = Arc<dyn Fn(&str, &str) + Send + Sync>;
/// Is told the id of a process.
pub type Hook = Arc<dyn Fn(u32) + Send + Sync>;

/// How a gateway runs its functions.
#[derive(Clone)]
pub struct Options {
    /// The folder of the executables, named by [`super::Function::binary`].
    pub binaries: PathBuf,
    /// Environment variables of every function; they replace those of the template.
    pub environment: BTreeMap<String, String>,
    /// Where the functions' output goes, and what the gateway has to say about them.
    pub log: LogSink,
    /// How many instances of one function may run at once.
    pub max_instances: usize,
    /// How long an instance may be idle before it is ended.
    pub idle_timeout: Duration,
    /// Is told of every process that starts.
    pub on_spawn: Hook,
    /// Is told of every process that has ended.
    pub on_exit: Hook,
}

impl Options {
    /// Ten instances of each executable in `binaries`, five minutes idle, no log, no hooks.
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
    /// Without the environment, which holds secrets.
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
    /// Whether it works on a request.
    pub busy: bool,
}
