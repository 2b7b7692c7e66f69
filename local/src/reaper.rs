//! Makes sure that no child process outlives the runner, however it ends.
//!
//! The runner tells a helper process (`juncture-local reaper`) over a pipe which children it has. When the runner
//! is gone, whether by an orderly stop, a crash or `kill -9`, the kernel closes the pipe and the helper terminates
//! every child that is still registered.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Write};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;
use tokio::io::{AsyncBufRead, AsyncBufReadExt};
use tokio::time::{Instant, sleep};

/// How long children have between their stop signal and SIGKILL.
const GRACE: Duration = Duration::from_secs(5);

/// The runner's handle on the helper. Dropping it terminates every child that is still registered.
#[derive(Debug)]
pub struct Reaper {
    helper: Mutex<Child>,
    pipe: Mutex<Option<ChildStdin>>,
}

impl Reaper {
    /// Starts the helper from `executable`, which is `juncture-local`. The helper inherits `hold`, a locked file,
    /// so the lock is held until the helper exits.
    pub fn start(executable: &Path, hold: Option<&File>) -> io::Result<Self> {
        let stdout = match hold {
            Some(file) => Stdio::from(file.try_clone()?),
            None => Stdio::null(),
        };
        let mut helper = Command::new(executable)
            .arg("reaper")
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(stdout)
            .stderr(Stdio::null())
            // Ctrl-C in a terminal signals the whole foreground group; the helper must outlive the runner.
            .process_group(0)
            .spawn()
            .map_err(|error| {
                io::Error::new(error.kind(), format!("cannot start {}: {error}", executable.display()))
            })?;
        let pipe = helper.stdin.take();
        Ok(Self { helper: Mutex::new(helper), pipe: Mutex::new(pipe) })
    }

    /// Registers a child: once the runner is gone it gets `signal`, then SIGKILL if it is still there.
    pub fn watch(&self, pid: u32, signal: Signal) -> io::Result<()> {
        self.write(&format!("+{pid} {signal}\n"))
    }

    /// Unregisters a child that has exited and been reaped. Its pid may soon belong to another process.
    pub fn forget(&self, pid: u32) -> io::Result<()> {
        self.write(&format!("-{pid}\n"))
    }

    /// Terminates the remaining children and returns when the helper has exited.
    pub fn close(&self) -> io::Result<()> {
        drop(self.pipe.lock().unwrap_or_else(PoisonError::into_inner).take());
        self.helper.lock().unwrap_or_else(PoisonError::into_inner).wait().map(drop)
    }

    fn write(&self, line: &str) -> io::Result<()> {
        match self.pipe.lock().unwrap_or_else(PoisonError::into_inner).as_mut() {
            Some(pipe) => pipe.write_all(line.as_bytes()),
            None => Err(io::Error::new(io::ErrorKind::BrokenPipe, "the reaper is closed")),
        }
    }
}

/// The helper process: reads registrations until `input` ends, then terminates the children.
pub async fn run(input: impl AsyncBufRead + Unpin) -> io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    // Installing handlers makes the helper ignore these signals, which are meant for the runner.
    let _ignored =
        (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?, signal(SignalKind::hangup())?);
    let mut children = BTreeMap::new();
    let mut lines = input.lines();
    while let Ok(Some(line)) = lines.next_line().await {
        register(&mut children, &line);
    }
    end(children).await;
    Ok(())
}

fn register(children: &mut BTreeMap<i32, Signal>, line: &str) {
    if let Some((pid, signal)) = line.strip_prefix('+').and_then(|rest| rest.split_once(' ')) {
        if let (Ok(pid), Ok(signal)) = (pid.parse(), signal.parse()) {
            children.insert(pid, signal);
        }
    } else if let Some(Ok(pid)) = line.strip_prefix('-').map(str::parse) {
        children.remove(&pid);
    }
}

async fn end(children: BTreeMap<i32, Signal>) {
    for (&pid, &signal) in &children {
        send(pid, signal);
    }
    let deadline = Instant::now() + GRACE;
    while Instant::now() < deadline && children.keys().any(|&pid| is_alive(pid)) {
        sleep(Duration::from_millis(20)).await;
    }
    for &pid in children.keys().filter(|&&pid| is_alive(pid)) {
        send(pid, Signal::SIGKILL);
    }
}

/// Signals the process group that `pid` leads, or the process alone if it leads none.
pub(crate) fn send(pid: i32, signal: Signal) {
    // Zero and negative pids would address our own group, or every process.
    if pid > 1 && killpg(Pid::from_raw(pid), signal).is_err() {
        // Best effort: the process may already be gone.
        let _ = kill(Pid::from_raw(pid), signal);
    }
}

/// Whether a process is running. A zombie, which has exited but not been reaped, is not.
pub fn is_alive(pid: i32) -> bool {
    if pid < 1 || matches!(kill(Pid::from_raw(pid), None), Err(nix::errno::Errno::ESRCH)) {
        return false;
    }
    // The state follows the process name, which is in parentheses and may contain anything:
    // https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html
    match std::fs::read_to_string(format!("/proc/{pid}/stat")) {
        Ok(stat) => !stat.rsplit(") ").next().is_some_and(|rest| rest.starts_with(['Z', 'X'])),
        Err(_) => !Path::new("/proc/self/stat").exists(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn registrations_are_added_and_removed() {
        let mut children = BTreeMap::new();
        for line in ["+41 SIGINT", "+42 SIGTERM", "-41", "+x SIGINT", "+43 NOPE", "-", ""] {
            register(&mut children, line);
        }
        assert_eq!(children, BTreeMap::from([(42, Signal::SIGTERM)]));
    }

    #[test]
    fn a_zombie_is_not_alive() {
        let mut child = Command::new("true").spawn().unwrap();
        let pid = i32::try_from(child.id()).unwrap();
        assert!(is_alive(i32::try_from(std::process::id()).unwrap()));
        // The child exits by itself and stays a zombie until the `wait` below.
        while is_alive(pid) {
            std::thread::yield_now();
        }
        child.wait().unwrap();
        assert!(!is_alive(pid));
    }
}
