//! The size and start time of functions, compared with an empty one.
//!
//! Each run executes a binary with its own Runtime API until it polls for its first invocation. The functions take
//! turns, so that other load on the machine affects all of them alike.

use std::collections::BTreeMap;
use std::future::pending;
use std::io::Write as _;
use std::path::Path;
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use axum::Router;
use axum::routing::get;
use flate2::Compression;
use flate2::write::DeflateEncoder;
use tokio::net::TcpListener;
use tokio::process::Command;
use tokio::sync::oneshot;

use crate::report::FunctionFigures;
use crate::stats::{Spread, rounded};
use crate::{Effort, say};

/// The smallest possible function.
pub(crate) const EMPTY: &str = "empty-function";

/// Measures the size and start time of functions.
pub(crate) async fn measure(
    folder: &Path,
    functions: &[&str],
    environment: &BTreeMap<String, String>,
    effort: Effort,
) -> Result<Vec<FunctionFigures>> {
    let rounds = match effort {
        Effort::Full => 31,
        Effort::Quick => 9,
    };
    let mut millis: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    let mut ratios: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    for round in 1..=rounds {
        say(&format!("starts, round {round} of {rounds}"));
        let empty = start(&folder.join(EMPTY), environment).await?;
        for function in std::iter::once(EMPTY).chain(functions.iter().copied()) {
            let found =
                start(&folder.join(function), environment).await.with_context(|| function.to_owned())?;
            millis.entry(function).or_default().push(found.as_secs_f64() * 1e3);
            ratios.entry(function).or_default().push(found.as_secs_f64() / empty.as_secs_f64());
        }
    }
    let mut figures = Vec::new();
    for (function, millis) in &millis {
        say(&format!("weighing {function}"));
        let (binary, zip) = weigh(&folder.join(function))?;
        let ratios = ratios.get(function).map(Vec::as_slice).unwrap_or_default();
        figures.push(FunctionFigures {
            name: (*function).to_owned(),
            binary_mb: rounded(binary as f64 / 1e6),
            zip_mb: rounded(zip as f64 / 1e6),
            start_ms: Spread::of(millis),
            start_ratio: Spread::of(ratios),
        });
    }
    Ok(figures)
}

/// The size of a file, and its size after deflate.
fn weigh(file: &Path) -> Result<(usize, u64)> {
    let binary = std::fs::read(file)?;
    let mut zip = DeflateEncoder::new(std::io::sink(), Compression::best());
    zip.write_all(&binary)?;
    zip.try_finish()?;
    Ok((binary.len(), zip.total_out()))
}

/// Measures the time from exec to the first poll for an invocation.
async fn start(binary: &Path, environment: &BTreeMap<String, String>) -> Result<Duration> {
    let (sender, asked) = oneshot::channel();
    let sender = Arc::new(Mutex::new(Some(sender)));
    let next = async move || {
        // It polls once, because it never gets a response.
        if let Some(sender) = sender.lock().ok().and_then(|mut sender| sender.take()) {
            // The receiver is gone if the run was abandoned.
            let _ = sender.send(Instant::now());
        }
        pending::<()>().await;
    };
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let api = listener.local_addr()?.to_string();
    let router = Router::new().route("/2018-06-01/runtime/invocation/next", get(next));
    let server = tokio::spawn(async move { axum::serve(listener, router).await });
    let started = Instant::now();
    let mut process = Command::new(binary)
        .env_clear()
        .envs(environment)
        .env("AWS_LAMBDA_FUNCTION_NAME", "x")
        .env("AWS_LAMBDA_FUNCTION_VERSION", "1")
        .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256")
        .env("AWS_LAMBDA_RUNTIME_API", api)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()?;
    let asked = tokio::time::timeout(Duration::from_secs(10), asked).await.context("it never polled")??;
    process.kill().await?;
    server.abort();
    Ok(asked.duration_since(started))
}
