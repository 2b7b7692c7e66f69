//! Rebuilds a function when its source changes and swaps its executable while the rest keeps running.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Component, Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use nix::sys::signal::Signal;
use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher as _};
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::services::process::Process;
use crate::stack::{Stack, executables};

/// Watched paths, relative to the project's folder.
const SOURCES: [&str; 5] = ["functions", "shared", "migrations", "template.yaml", "Cargo.toml"];
/// Debounce: editors save in several steps, so a batch of changes ends when nothing has followed for this long.
const QUIET: Duration = Duration::from_millis(200);

/// Watches the sources of a project.
#[derive(Debug)]
pub struct Watcher {
    project: PathBuf,
    changes: mpsc::UnboundedReceiver<PathBuf>,
    // Dropping it stops the watch.
    _source: RecommendedWatcher,
}

/// The work that a set of changed files requires.
#[derive(Debug, Default, PartialEq, Eq)]
struct Plan {
    /// Executables of the functions to rebuild.
    functions: BTreeSet<String>,
    /// Whether to rebuild and apply the migrations.
    migrations: bool,
    /// Whether the change takes effect only after a restart.
    restart: bool,
}

impl Watcher {
    /// Starts watching `project`.
    pub fn start(project: &Path) -> Result<Self> {
        // Events carry real paths, even where the project is reached through a symbolic link.
        let project = project.canonicalize()?;
        let (sender, changes) = mpsc::unbounded_channel();
        let mut source = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            if let Ok(event) = event
                && !matches!(event.kind, EventKind::Access(_))
            {
                for path in event.paths {
                    // The receiver is gone once the stack stops.
                    let _ = sender.send(path);
                }
            }
        })?;
        // The project's folder itself, for the files in it, and the source folders, but not `target`, which changes
        // all the time. Watching the parent folder works even though editors replace files.
        source.watch(&project, RecursiveMode::NonRecursive)?;
        for folder in SOURCES.map(|name| project.join(name)).iter().filter(|path| path.is_dir()) {
            source
                .watch(folder, RecursiveMode::Recursive)
                .with_context(|| format!("cannot watch {}", folder.display()))?;
        }
        Ok(Self { project, changes, _source: source })
    }

    /// Rebuilds and restarts after each change; never returns.
    pub async fn run(&mut self, stack: &Stack) {
        loop {
            let plan = self.next(&executables(stack.functions())).await;
            if let Err(error) = self.carry_out(plan, stack).await {
                (stack.options().progress)(&format!("{error:#}"));
            }
        }
    }

    async fn next(&mut self, functions: &BTreeSet<&str>) -> Plan {
        let mut paths = BTreeSet::new();
        loop {
            match self.changes.recv().await {
                Some(path) => drop(paths.insert(path)),
                // The sender lives in `_source`, as long as `self` does.
                None => std::future::pending().await,
            }
            while let Ok(Some(path)) = timeout(QUIET, self.changes.recv()).await {
                paths.insert(path);
            }
            let plan = Plan::of(&paths, &self.project, functions);
            if plan != Plan::default() {
                return plan;
            }
            paths.clear();
        }
    }

    async fn carry_out(&self, plan: Plan, stack: &Stack) -> Result<()> {
        let say = &stack.options().progress;
        if plan.restart {
            say("template.yaml changed: stop with Ctrl-C and start again to apply the change");
        }
        if plan.migrations {
            self.build(&BTreeSet::from(["migrate".to_owned()]), stack).await?;
            stack.migrate().await?;
        }
        if plan.functions.is_empty() {
            return Ok(());
        }
        let since = Instant::now();
        let what = match plan.functions.first() {
            Some(one) if plan.functions.len() == 1 => one.clone(),
            _ => format!("{} functions", plan.functions.len()),
        };
        say(&format!("{what} changed, building …"));
        self.build(&plan.functions, stack).await?;
        for function in stack.functions().iter().filter(|function| plan.functions.contains(&function.binary))
        {
            stack.gateway().replace(&function.name).await?;
        }
        say(&format!("{what} swapped {:.1} s", since.elapsed().as_secs_f32()));
        Ok(())
    }

    async fn build(&self, executables: &BTreeSet<String>, stack: &Stack) -> Result<()> {
        let options = stack.options();
        let log = options.folder.join("logs/build.log");
        if log.exists() {
            fs::remove_file(&log)?;
        }
        let mut command = Command::new("cargo");
        command.current_dir(&self.project).args(["build", "--quiet"]);
        if options.binaries.ends_with("release") {
            command.arg("--release");
        }
        for executable in executables {
            command.args(["--bin", executable]);
        }
        // Under `cargo run` we inherit Cargo's variables for our own package; build scripts that depend on them
        // would run again.
        for (name, _) in std::env::vars_os() {
            let name = name.to_string_lossy();
            if ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_", "CARGO_CRATE_"]
                .iter()
                .any(|p| name.starts_with(p))
            {
                command.env_remove(&*name);
            }
        }
        let cargo = Process::spawn("cargo build", command, Signal::SIGTERM, &log, &options.reaper)?;
        let built = cargo.finish().await;
        if built.is_err() {
            let messages = fs::read_to_string(&log).unwrap_or_default();
            anyhow::bail!("{}\nThe build failed; the previous version keeps running.", messages.trim_end());
        }
        Ok(())
    }
}

impl Plan {
    fn of(paths: &BTreeSet<PathBuf>, project: &Path, functions: &BTreeSet<&str>) -> Self {
        let mut plan = Self::default();
        for path in paths.iter().filter(|path| !is_scratch(path)) {
            let Ok(path) = path.strip_prefix(project) else { continue };
            let parts: Vec<&str> = path
                .components()
                .filter_map(|part| match part {
                    Component::Normal(name) => name.to_str(),
                    _ => None,
                })
                .collect();
            match parts[..] {
                ["migrations", _, ..] => plan.migrations = true,
                ["shared", _, ..] | ["functions", "Cargo.toml"] | ["Cargo.toml"] => {
                    plan.functions.extend(functions.iter().map(|&name| name.to_owned()));
                }
                ["functions", ref place @ ..] => match function_at(place) {
                    Some("migrate") => plan.migrations = true,
                    Some(name) if functions.contains(name) => drop(plan.functions.insert(name.to_owned())),
                    _ => {}
                },
                ["template.yaml"] => plan.restart = true,
                _ => {}
            }
        }
        plan
    }
}

/// The executable that a path below `functions/` belongs to: `<folder>/<name>.rs`, or any file in
/// `<folder>/<name>/`.
fn function_at<'a>(place: &[&'a str]) -> Option<&'a str> {
    match place {
        [_, file] => file.strip_suffix(".rs"),
        [_, name, _, ..] => Some(name),
        _ => None,
    }
}

/// Whether a file is an editor's temporary file.
fn is_scratch(path: &Path) -> bool {
    path.file_name().and_then(|name| name.to_str()).is_none_or(|name| {
        name.starts_with(['.', '#'])
            || name.ends_with(['~'])
            || name.ends_with(".tmp")
            // Vim's probe for write access.
            || name == "4913"
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(paths: &[&str]) -> Plan {
        let paths = paths.iter().map(|path| Path::new("/project").join(path)).collect();
        Plan::of(&paths, Path::new("/project"), &BTreeSet::from(["one", "two"]))
    }

    fn functions(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|&name| name.to_owned()).collect()
    }

    #[test]
    fn a_change_rebuilds_what_it_affects() {
        assert_eq!(plan(&["functions/folder/one.rs"]).functions, functions(&["one"]));
        assert_eq!(
            plan(&["functions/folder/one.rs", "functions/other/two/part.rs"]).functions,
            functions(&["one", "two"])
        );
        assert_eq!(plan(&["functions/Cargo.toml"]).functions, functions(&["one", "two"]));
        assert_eq!(plan(&["shared/juncture/src/lib.rs"]).functions, functions(&["one", "two"]));
        assert_eq!(plan(&["Cargo.toml"]).functions, functions(&["one", "two"]));
        assert!(plan(&["migrations/0001_first.sql"]).migrations);
        assert!(plan(&["functions/operations/migrate/main.rs"]).migrations);
        assert!(plan(&["template.yaml"]).restart);
    }

    #[test]
    fn other_files_change_nothing() {
        let others = [
            "README.md",
            "Cargo.lock",
            "functions/folder/three.rs",
            "functions/folder",
            "functions/one",
            "shared",
        ];
        let scratch =
            ["functions/folder/.one.rs.swp", "shared/juncture/src/lib.rs~", "shared/juncture/src/4913"];
        assert_eq!(plan(&others), Plan::default());
        assert_eq!(plan(&scratch), Plan::default());
    }

    #[tokio::test]
    async fn a_saved_file_is_noticed() {
        let project = tempfile::tempdir().unwrap();
        let source = project.path().join("functions/folder");
        fs::create_dir_all(&source).unwrap();
        let mut watcher = Watcher::start(project.path()).unwrap();
        fs::write(source.join("new"), "fn main() {}").unwrap();
        // As editors save: a new file replaces the old one.
        fs::rename(source.join("new"), source.join("one.rs")).unwrap();
        let plan = watcher.next(&BTreeSet::from(["one"])).await;
        assert_eq!(plan, Plan { functions: functions(&["one"]), ..Plan::default() });
    }
}
