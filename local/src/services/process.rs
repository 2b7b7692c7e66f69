//! A server process: started in its own process group, registered with the reaper, stopped by its own signal.

use std::fs::{self, OpenOptions};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use nix::sys::signal::Signal;
use tokio::process::Child;
use tokio::time::{Instant, sleep, timeout, timeout_at};

use crate::reaper::{Reaper, send};

/// Time limit for a server to become ready, or to stop.
const PATIENCE: Duration = Duration::from_secs(30);

/// A running server. Dropping it leaves the process to the reaper.
#[derive(Debug)]
pub(crate) struct Process {
    name: &'static str,
    child: Child,
    pid: u32,
    signal: Signal,
    log: PathBuf,
    reaper: Arc<Reaper>,
}

impl Process {
    /// Starts `command` with its output appended to `log`; `signal` is the signal that stops it.
    pub(crate) fn spawn(
        name: &'static str,
        command: std::process::Command,
        signal: Signal,
        log: &Path,
        reaper: &Arc<Reaper>,
    ) -> Result<Self> {
        Self::spawn_with(name, command, Stdio::null(), signal, log, reaper)
    }

    /// Like [`Process::spawn`], with the given stdin.
    pub(crate) fn spawn_with(
        name: &'static str,
        mut command: std::process::Command,
        input: Stdio,
        signal: Signal,
        log: &Path,
        reaper: &Arc<Reaper>,
    ) -> Result<Self> {
        if let Some(folder) = log.parent() {
            fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
        }
        let output = OpenOptions::new()
            .create(true)
            .append(true)
            .open(log)
            .with_context(|| format!("cannot write {}", log.display()))?;
        // In its own process group: Ctrl-C in the terminal must not end it before the orderly stop does.
        command.process_group(0).stdin(input).stdout(output.try_clone()?).stderr(output);
        let child =
            tokio::process::Command::from(command).spawn().with_context(|| format!("cannot start {name}"))?;
        let pid = child.id().with_context(|| format!("{name} has no process id"))?;
        reaper.watch(pid, signal).context("the reaper does not respond")?;
        Ok(Self { name, child, pid, signal, log: log.to_owned(), reaper: Arc::clone(reaper) })
    }

    /// The stdin of a process that was spawned with a pipe.
    pub(crate) fn input(&mut self) -> Option<tokio::process::ChildStdin> {
        self.child.stdin.take()
    }

    pub(crate) fn pid(&self) -> u32 {
        self.pid
    }

    /// Polls `answers` until it returns true. Fails if the process exits first.
    pub(crate) async fn ready(&mut self, mut answers: impl AsyncFnMut() -> Result<bool>) -> Result<()> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let answer = tokio::select! {
                biased;
                status = self.child.wait() => {
                    self.forget();
                    bail!("{} exited during startup ({}):\n{}", self.name, status?, tail(&self.log));
                }
                answer = timeout_at(deadline, answers()) => answer,
            };
            if let Ok(answer) = answer
                && answer?
            {
                return Ok(());
            }
            if Instant::now() >= deadline {
                bail!("{} does not respond, see {}:\n{}", self.name, self.log.display(), tail(&self.log));
            }
            sleep(Duration::from_millis(20)).await;
        }
    }

    /// Waits for a process that exits by itself, such as `initdb`.
    pub(crate) async fn finish(mut self) -> Result<()> {
        let status = self.wait().await?;
        if !status.success() {
            bail!("{} failed ({status}):\n{}", self.name, tail(&self.log));
        }
        Ok(())
    }

    /// Stops the process and waits for it to exit; falls back to SIGKILL.
    pub(crate) async fn stop(mut self) -> Result<()> {
        self.signal(self.signal);
        if timeout(PATIENCE, self.wait()).await.is_err() {
            self.signal(Signal::SIGKILL);
            self.wait().await?;
        }
        Ok(())
    }

    /// Stops the process if this is the last handle.
    pub(crate) async fn release(self: Arc<Self>) -> Result<()> {
        match Arc::into_inner(self) {
            Some(process) => process.stop().await,
            None => Ok(()),
        }
    }

    fn signal(&self, signal: Signal) {
        // `id` is `None` once the process has been reaped; its pid may have been reused since.
        if let Some(pid) = self.child.id().and_then(|pid| i32::try_from(pid).ok()) {
            send(pid, signal);
        }
    }

    async fn wait(&mut self) -> Result<ExitStatus> {
        let status = self.child.wait().await.with_context(|| format!("cannot wait for {}", self.name))?;
        self.forget();
        Ok(status)
    }

    fn forget(&self) {
        // Best effort: a closed reaper has no children left to unregister.
        let _ = self.reaper.forget(self.pid);
    }
}

/// The last lines of a log, for an error message.
fn tail(log: &Path) -> String {
    let text = fs::read(log).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(12)..].join("\n")
}
