//! One runner per project: a file lock, which the operating system releases however the runner ends.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::Path;

use anyhow::{Context, Result};

use crate::reaper::is_alive;

/// A runner's lock, held until this value and every duplicate of its file descriptor are closed.
#[derive(Debug)]
pub struct Lock(File);

/// The runner that holds the lock.
#[derive(Debug, PartialEq, Eq)]
pub struct Holder {
    /// Its process id.
    pub pid: i32,
    /// The URL of its gateway.
    pub url: String,
}

/// The result of [`Lock::acquire`].
#[derive(Debug)]
pub enum Outcome {
    /// The lock is ours.
    Taken(Lock),
    /// Another runner is up.
    Held(Holder),
    /// The runner is gone, but its child processes are still shutting down; [`wait`] blocks until they are.
    Ending,
}

impl Lock {
    /// Tries to lock the file at `path` for a runner that will serve `url`.
    pub fn acquire(path: &Path, url: &str) -> Result<Outcome> {
        let mut file = open(path)?;
        match file.try_lock() {
            Ok(()) => {
                file.set_len(0)?;
                write!(file, "{} {url}", std::process::id())?;
                Ok(Outcome::Taken(Self(file)))
            }
            Err(TryLockError::WouldBlock) => {
                let mut text = String::new();
                file.rewind()?;
                file.read_to_string(&mut text)?;
                let holder = text
                    .split_once(' ')
                    .and_then(|(pid, url)| Some(Holder { pid: pid.parse().ok()?, url: url.to_owned() }));
                Ok(match holder {
                    Some(holder) if is_alive(holder.pid) => Outcome::Held(holder),
                    _ => Outcome::Ending,
                })
            }
            Err(TryLockError::Error(error)) => {
                Err(error).with_context(|| format!("cannot lock {}", path.display()))
            }
        }
    }

    /// The locked file. A process that inherits it shares the lock.
    pub fn file(&self) -> &File {
        &self.0
    }
}

/// Blocks the thread until nobody holds the lock at `path`.
pub fn wait(path: &Path) -> Result<()> {
    open(path)?.lock().with_context(|| format!("cannot lock {}", path.display()))
}

fn open(path: &Path) -> Result<File> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(path)
        .with_context(|| format!("cannot open {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_runner_learns_who_holds_the_lock() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deeper/run.lock");
        let Outcome::Taken(first) = Lock::acquire(&path, "http://localhost:8000").unwrap() else {
            panic!("the lock should be free");
        };

        let Outcome::Held(holder) = Lock::acquire(&path, "http://localhost:9000").unwrap() else {
            panic!("the lock should be held");
        };
        let pid = i32::try_from(std::process::id()).unwrap();
        assert_eq!(holder, Holder { pid, url: "http://localhost:8000".to_owned() });

        drop(first);
        wait(&path).unwrap();
        assert!(matches!(Lock::acquire(&path, "").unwrap(), Outcome::Taken(_)));
    }

    #[test]
    fn a_duplicate_of_the_file_keeps_the_lock_and_a_dead_holder_is_not_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run.lock");
        let Outcome::Taken(first) = Lock::acquire(&path, "x").unwrap() else {
            panic!("the lock should be free");
        };
        let copy = first.file().try_clone().unwrap();
        drop(first);
        fs::write(&path, "999999999 x").unwrap();
        assert!(matches!(Lock::acquire(&path, "y").unwrap(), Outcome::Ending));
        drop(copy);
        // A process that another test is spawning right now inherits the descriptor until its `exec`.
        wait(&path).unwrap();
        assert!(matches!(Lock::acquire(&path, "y").unwrap(), Outcome::Taken(_)));
    }
}
