//! A running process of a function: what Lambda calls an execution environment, or sandbox.

use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow};
use axum::body::Bytes;
use tokio::io::{AsyncBufReadExt as _, AsyncRead, BufReader};
use tokio::process::Command;
use tokio::sync::{Notify, oneshot, watch};
use tokio::time::timeout;
use uuid::Uuid;

use super::options::{ACCOUNT_ID, LogSink, Options};
use super::runtime_api::{Endpoint, Invocation};
use super::template::{Function, REGION};

/// Lambda's limit for the initialisation of a function
/// (<https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html>).
const INIT_TIMEOUT: Duration = Duration::from_secs(10);

/// Why an invocation failed.
#[derive(Debug)]
pub(super) enum Failure {
    /// It exceeded the function's `Timeout`; the instance has been killed.
    TimedOut,
    /// The process exited while handling the invocation.
    Crashed,
    /// The process exited before it received the invocation, so another instance can handle it.
    Untouched(Bytes),
    /// The function reported an error.
    Reported(String),
    /// No instance became free within the function's `Timeout`.
    Busy,
    /// The process could not be started.
    NotStarted(anyhow::Error),
}

/// A live process. Dropping it kills the process.
pub(super) struct Instance {
    pub(super) pid: u32,
    endpoint: Endpoint,
    kill: Arc<Notify>,
    exited: watch::Receiver<bool>,
}

impl Drop for Instance {
    fn drop(&mut self) {
        self.kill.notify_one();
    }
}

impl Instance {
    /// Starts the function's executable and waits until it polls for its first invocation. `live` counts the
    /// running processes.
    pub(super) async fn start(
        function: &Function,
        options: &Options,
        live: &watch::Sender<usize>,
    ) -> Result<Self> {
        let arn = format!("arn:aws:lambda:{REGION}:{ACCOUNT_ID}:function:{}", function.name);
        let (log, name) = (options.log.clone(), function.name.clone());
        let endpoint = Endpoint::open(arn, move |error| log(&name, &format!("init error: {error}"))).await?;
        let executable = options.binaries.join(&function.binary);
        let mut command = command(&executable, function, options, &endpoint.address);
        let mut child = command.spawn().with_context(|| format!("cannot start {}", executable.display()))?;
        let pid = child.id().context("the process has no id")?;
        (options.on_spawn)(pid);
        live.send_modify(|live| *live += 1);
        forward(child.stdout.take(), &function.name, &options.log);
        forward(child.stderr.take(), &function.name, &options.log);

        let kill = Arc::new(Notify::new());
        let (exited_sender, exited) = watch::channel(false);
        let (killed, on_exit, live) = (kill.clone(), options.on_exit.clone(), live.clone());
        tokio::spawn(async move {
            let ended = tokio::select! {
                status = child.wait() => status.map(drop),
                () = killed.notified() => child.kill().await,
            };
            // Fails only if the process no longer exists.
            drop(ended);
            on_exit(pid);
            exited_sender.send_replace(true);
            live.send_modify(|live| *live -= 1);
        });

        let mut instance = Self { pid, endpoint, kill, exited };
        let mut ready = instance.endpoint.ready.clone();
        let initialised = tokio::select! {
            () = instance.exit() => Err(anyhow!("the process exited before it polled for an invocation")),
            result = timeout(INIT_TIMEOUT, ready.wait_for(|ready| *ready)) => match result {
                Ok(_) => Ok(()),
                Err(_) => Err(anyhow!("initialisation took more than {} s", INIT_TIMEOUT.as_secs())),
            },
        };
        match initialised {
            Ok(()) => Ok(instance),
            Err(error) => {
                instance.stop().await;
                Err(error)
            }
        }
    }

    /// Whether the process is still running.
    pub(super) fn is_alive(&self) -> bool {
        !*self.exited.borrow()
    }

    /// Invokes the function with one event.
    pub(super) async fn invoke(
        &mut self,
        function: &Function,
        request_id: &str,
        trace_id: &str,
        payload: Bytes,
    ) -> Result<Bytes, Failure> {
        let (reply, mut answer) = oneshot::channel();
        let invocation = Invocation {
            request_id: request_id.to_owned(),
            trace_id: trace_id.to_owned(),
            payload: payload.clone(),
            timeout: function.timeout,
            reply,
        };
        if self.endpoint.invocations.send(invocation).await.is_err() {
            return Err(Failure::Untouched(payload));
        }
        let result = tokio::select! {
            biased;
            result = timeout(function.timeout, &mut answer) => result,
            () = self.exit() => {
                // The reply may have arrived at the same moment.
                match answer.try_recv() {
                    Ok(reply) => Ok(Ok(reply)),
                    Err(_) if self.endpoint.invocations.capacity() == 0 => return Err(Failure::Untouched(payload)),
                    Err(_) => return Err(Failure::Crashed),
                }
            }
        };
        match result {
            Ok(Ok(reply)) => reply.map_err(Failure::Reported),
            Ok(Err(_)) => Err(Failure::Crashed),
            Err(_) => {
                self.stop().await;
                Err(Failure::TimedOut)
            }
        }
    }

    /// Kills the process and waits until it is gone.
    pub(super) async fn stop(&mut self) {
        self.kill.notify_one();
        self.exit().await;
    }

    async fn exit(&mut self) {
        // An error means that the task watching the process has ended, and so has the process.
        drop(self.exited.wait_for(|exited| *exited).await);
    }
}

/// The command with the environment of a Lambda sandbox, and nothing from the developer's own
/// (<https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html>).
fn command(executable: &Path, function: &Function, options: &Options, runtime_api: &str) -> Command {
    let mut command = Command::new(executable);
    command
        .env_clear()
        .envs([
            ("AWS_REGION", REGION),
            ("AWS_DEFAULT_REGION", REGION),
            ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
            ("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand"),
            ("AWS_LAMBDA_LOG_FORMAT", &function.log_format),
            ("AWS_LAMBDA_LOG_GROUP_NAME", &format!("/aws/lambda/{}", function.name)),
            ("AWS_LAMBDA_LOG_STREAM_NAME", &format!("[$LATEST]{}", Uuid::new_v4().simple())),
            ("_HANDLER", "bootstrap"),
            ("LANG", "en_US.UTF-8"),
            ("PATH", "/usr/local/bin:/usr/bin:/bin:/opt/bin"),
            ("TZ", ":UTC"),
        ])
        .envs(&function.environment)
        .envs(&options.environment)
        // Reserved variables, which cannot be overridden on AWS either.
        .env("AWS_LAMBDA_FUNCTION_NAME", &function.name)
        .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", function.memory.to_string())
        .env("AWS_LAMBDA_RUNTIME_API", runtime_api)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        // Ctrl-C in the terminal is for the runner, which stops its instances itself.
        .process_group(0)
        .kill_on_drop(true);
    command
}

/// Forwards every line of `output` to the log.
fn forward(output: Option<impl AsyncRead + Unpin + Send + 'static>, function: &str, log: &LogSink) {
    let Some(output) = output else { return };
    let (function, log) = (function.to_owned(), log.clone());
    tokio::spawn(async move {
        let mut lines = BufReader::new(output).split(b'\n');
        while let Ok(Some(line)) = lines.next_segment().await {
            log(&function, String::from_utf8_lossy(&line).trim_end_matches('\r'));
        }
    });
}
