//! `juncture-local run` starts the development stack, and `juncture-local reset` deletes its data.
//! `juncture-local servers <folder>` starts only Postgres, Redis and the Atlassian sandbox, for functions that run
//! elsewhere.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use anyhow::{Context, Result, bail};
use juncture_local::console::short;
use juncture_local::gateway::LogSink;
use juncture_local::lock::{self, Lock, Outcome};
use juncture_local::ports::Part;
use juncture_local::reaper::{self, Reaper};
use juncture_local::secrets::Secrets;
use juncture_local::settings::Settings;
use juncture_local::stack::{self, Backing, Stack, StackOptions};
use juncture_local::watch::Watcher;
use tokio::signal::unix::{Signal, SignalKind, signal};

#[tokio::main(flavor = "multi_thread")]
async fn main() -> ExitCode {
    let argument = std::env::args().nth(1).unwrap_or_default();
    let done = match argument.as_str() {
        "run" => run().await,
        "reset" => reset(),
        "servers" => match std::env::args().nth(2) {
            Some(folder) => servers(Path::new(&folder)).await,
            None => Err(anyhow::anyhow!("usage: juncture-local servers <folder>")),
        },
        // Spawned by `run`, not meant to be called by hand.
        "reaper" => reaper::run(tokio::io::BufReader::new(tokio::io::stdin())).await.map_err(Into::into),
        _ => Err(anyhow::anyhow!("usage: juncture-local run | reset | servers <folder>")),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<()> {
    let since = Instant::now();
    let mut stop = Stop::listen()?;
    let project = project()?;
    let folder = project.join(".local");
    let settings = Settings::load(&project.join(".env"), |name| std::env::var(name).ok())?;
    let url = format!("http://localhost:{}", settings.ports.of(Part::Gateway));
    let lock = acquire(&folder, &url)?;
    let program = std::env::current_exe()?;
    let reaper = Arc::new(Reaper::start(&program, Some(lock.file()))?);
    let options = StackOptions {
        template: project.join("template.yaml"),
        binaries: program.parent().context("the executable has no parent folder")?.to_owned(),
        settings,
        secrets: Secrets::load_or_create(&folder.join("secrets.env"))?,
        durable: true,
        pooled: false,
        servers: None,
        secret: None,
        atlassian: sandbox::Settings::default(),
        reaper: Arc::clone(&reaper),
        log: log_to(folder.join("logs/functions.log")),
        progress: Arc::new(|line| println!("{line}")),
        folder,
    };

    let started = tokio::select! {
        started = Stack::start(options) => Some(started),
        () = stop.wait() => None,
    };
    let stack = match started {
        Some(Ok(stack)) => stack,
        Some(Err(error)) => {
            reaper.close()?;
            return Err(error);
        }
        None => {
            println!("\nStopping during startup");
            return Ok(reaper.close()?);
        }
    };
    print!("{}", welcome(&stack, since));

    let mut watcher = Watcher::start(&project)?;
    tokio::select! {
        () = watcher.run(&stack) => {}
        () = stop.wait() => {}
    }
    println!("\nStopping");
    tokio::select! {
        stopped = stack.stop() => stopped?,
        // A second signal skips the orderly stop and leaves the rest to the reaper.
        () = stop.wait() => reaper.close()?,
    }
    println!("Stopped; the data is kept in .local");
    Ok(())
}

/// Starts the servers on free ports with their data in `folder`, writes `settings.json` there for the functions to
/// connect with, and runs until it is stopped.
async fn servers(folder: &Path) -> Result<()> {
    let mut stop = Stop::listen()?;
    let program = std::env::current_exe()?;
    let binaries = program.parent().context("the executable has no parent folder")?;
    let folder = std::path::absolute(folder)?;
    let mut options = StackOptions::for_test(Path::new(""), binaries, &folder)?;
    options.progress = Arc::new(|line| println!("{line}"));
    let reaper = Arc::clone(&options.reaper);
    let backing = match Backing::start(options).await {
        Ok(backing) => backing,
        Err(error) => {
            reaper.close()?;
            return Err(error);
        }
    };
    // Renamed into place: once the file exists it is complete, and every server is up.
    let unfinished = folder.join("settings.json.new");
    std::fs::write(&unfinished, serde_json::to_string_pretty(&backing.settings())?)?;
    std::fs::rename(&unfinished, folder.join("settings.json"))?;
    stop.wait().await;
    backing.stop().await
}

fn reset() -> Result<()> {
    let folder = project()?.join(".local");
    let _lock = acquire(&folder, "")?;
    stack::reset(&folder)?;
    println!("Deleted the data in .local; the keys in .local/secrets.env are kept");
    Ok(())
}

/// The closest folder with a `template.yaml`, from the current one upwards.
fn project() -> Result<PathBuf> {
    let here = std::env::current_dir()?;
    let found = here.ancestors().find(|folder| folder.join("template.yaml").is_file());
    Ok(found.context("no template.yaml in this folder or its parents")?.to_owned())
}

fn acquire(folder: &Path, url: &str) -> Result<Lock> {
    let path = folder.join("run.lock");
    loop {
        match Lock::acquire(&path, url)? {
            Outcome::Taken(lock) => return Ok(lock),
            Outcome::Held(holder) => {
                bail!("Juncture is already running: {} (process {})", holder.url, holder.pid)
            }
            Outcome::Ending => {
                println!("Waiting for the processes of the last run to exit …");
                lock::wait(&path)?;
            }
        }
    }
}

/// Appends the functions' log lines to a file as they are, and prints a short form to the terminal.
fn log_to(path: PathBuf) -> LogSink {
    let file = Mutex::new(None);
    Arc::new(move |function, line| {
        println!("{}", short(function, line));
        let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
        if file.is_none() {
            *file = OpenOptions::new().create(true).append(true).open(&path).ok();
        }
        if let Some(file) = file.as_mut() {
            // Best effort: a full disk does not stop the stack, and the terminal still shows the line.
            let _ = writeln!(file, "{line}");
        }
    })
}

fn welcome(stack: &Stack, since: Instant) -> String {
    let (url, key) = (stack.url(), stack.secret_key());
    format!(
        "\nJuncture is up, {seconds:.1} s\n\
         \n  API          {url}\
         \n  Demo         {demo}   (open it and click \"Connect Jira\")\
         \n  Secret key   {key}\
         \n  Logs         {logs}\n\
         \nTry:\n\
         \n  curl -H 'Authorization: Bearer {key}' \\\
         \n    '{url}/api/backend/connection-info/check-connection-validity?provider=jira&external_id=demo'\n\
         \nCtrl-C stops everything.\n\n",
        seconds = since.elapsed().as_secs_f32(),
        demo = stack.demo_url(),
        logs = stack.folder().join("logs").display(),
    )
}

/// The signals that ask the process to stop.
struct Stop([Signal; 3]);

impl Stop {
    fn listen() -> Result<Self> {
        let [interrupt, terminate, hangup] =
            [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()].map(signal);
        Ok(Self([interrupt?, terminate?, hangup?]))
    }

    async fn wait(&mut self) {
        let [interrupt, terminate, hangup] = &mut self.0;
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hangup.recv() => {}
        }
    }
}
