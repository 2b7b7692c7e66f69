//! What a function weighs and how fast it starts, beside an empty one, in one run.
//!
//! Each run executes a release binary against a Runtime API of its own and gives it one request that the function
//! refuses by itself, so that nothing upstream is measured. Runs of all functions alternate: what else the machine
//! is doing hits them all. Read the medians and the ratios.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::process::Command;
use tokio::sync::oneshot;

const RUNS: usize = 31;
const EMPTY: &str = "empty-function";

#[tokio::main]
async fn main() -> Result<()> {
    let folder =
        PathBuf::from(std::env::args().nth(1).context("usage: juncture-benches <folder> [function…]")?);
    let mut functions: Vec<String> = std::env::args().skip(2).collect();
    functions.insert(0, EMPTY.to_owned());
    let mut runs: BTreeMap<&str, Vec<Run>> = BTreeMap::new();
    for round in 0..RUNS {
        eprint!("\rround {} of {RUNS}", round + 1);
        for function in &functions {
            let run = start(&folder.join(function)).await.with_context(|| function.clone())?;
            runs.entry(function).or_default().push(run);
        }
    }
    eprintln!("\r{:20}\r", "");
    println!(
        "{:<28} {:>9} {:>12} {:>9} {:>12} {:>12}",
        "function", "size MB", "to next ms", "ratio", "to answer ms", "peak MiB"
    );
    let empty = median(runs.get(EMPTY).context("no empty function")?, |run| run.to_first_next);
    for function in &functions {
        let Some(runs) = runs.get(function.as_str()) else { continue };
        let size = std::fs::metadata(folder.join(function))?.len() as f64 / 1e6;
        let next = median(runs, |run| run.to_first_next);
        let answer = median(runs, |run| run.to_first_answer);
        let memory = median(runs, |run| run.peak_mib);
        println!(
            "{function:<28} {size:>9.2} {next:>12.2} {:>9.2} {answer:>12.2} {memory:>12.1}",
            next / empty
        );
    }
    Ok(())
}

/// One start of a function.
struct Run {
    /// Milliseconds from exec until it asks for its first invocation.
    to_first_next: f64,
    /// Milliseconds from exec until its first answer.
    to_first_answer: f64,
    /// `VmHWM` after the first answer.
    peak_mib: f64,
}

fn median(runs: &[Run], figure: impl Fn(&Run) -> f64) -> f64 {
    let mut figures: Vec<f64> = runs.iter().map(figure).collect();
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied().unwrap_or_default()
}

/// What the Runtime API sees of a function.
struct Watch {
    first_next: Mutex<Option<Instant>>,
    answered: Mutex<Option<oneshot::Sender<Instant>>>,
}

async fn start(binary: &Path) -> Result<Run> {
    let (sender, answered) = oneshot::channel();
    let watch = Arc::new(Watch { first_next: Mutex::new(None), answered: Mutex::new(Some(sender)) });
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let api = format!("http://{}", listener.local_addr()?);
    let router = Router::new()
        .route("/2018-06-01/runtime/invocation/next", get(next))
        .route("/2018-06-01/runtime/invocation/{id}/response", post(answer))
        .with_state(Arc::clone(&watch));
    let server = tokio::spawn(async move { axum::serve(listener, router).await });
    let started = Instant::now();
    let mut process = Command::new(binary)
        .env_clear()
        .envs(ENVIRONMENT.iter().copied())
        .env("AWS_LAMBDA_RUNTIME_API", api)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()?;
    let answered = tokio::time::timeout(Duration::from_secs(10), answered).await.context("no answer")??;
    let status = std::fs::read_to_string(format!("/proc/{}/status", process.id().context("it ended")?))?;
    process.kill().await?;
    server.abort();
    let first_next = watch.first_next.lock().ok().and_then(|first| *first).context("it never asked")?;
    let millis = |moment: Instant| moment.duration_since(started).as_secs_f64() * 1e3;
    let kib = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).context("no VmHWM")?;
    let kib: f64 = kib.trim().trim_end_matches(" kB").parse()?;
    Ok(Run { to_first_next: millis(first_next), to_first_answer: millis(answered), peak_mib: kib / 1024.0 })
}

async fn next(State(watch): State<Arc<Watch>>) -> (HeaderMap, Json<Value>) {
    let is_first = watch.first_next.lock().ok().is_some_and(|mut first| {
        let is_first = first.is_none();
        first.get_or_insert_with(Instant::now);
        is_first
    });
    if !is_first {
        std::future::pending::<()>().await;
    }
    let deadline =
        std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default().as_millis()
            + 10_000;
    let mut headers = HeaderMap::new();
    headers.insert("lambda-runtime-aws-request-id", HeaderValue::from_static("1"));
    headers.insert("lambda-runtime-invoked-function-arn", HeaderValue::from_static("arn:aws:lambda:x"));
    headers.insert("lambda-runtime-deadline-ms", HeaderValue::from(deadline as u64));
    (headers, Json(event()))
}

async fn answer(State(watch): State<Arc<Watch>>) -> StatusCode {
    let sender = watch.answered.lock().ok().and_then(|mut sender| sender.take());
    if let Some(sender) = sender {
        // Nobody waits any more: the run was given up.
        let _ = sender.send(Instant::now());
    }
    StatusCode::ACCEPTED
}

/// A GET without a key: a function of the backend API refuses it by itself.
fn event() -> Value {
    json!({
        "version": "2.0", "routeKey": "GET /x", "rawPath": "/x", "rawQueryString": "",
        "headers": { "host": "localhost" }, "isBase64Encoded": false,
        "requestContext": {
            "accountId": "0", "apiId": "x", "domainName": "localhost", "domainPrefix": "x",
            "requestId": "x", "routeKey": "GET /x", "stage": "$default",
            "time": "20/Nov/2026:00:00:00 +0000", "timeEpoch": 0,
            "http": { "method": "GET", "path": "/x", "protocol": "HTTP/1.1", "sourceIp": "127.0.0.1",
                      "userAgent": "x" }
        }
    })
}

const ENVIRONMENT: [(&str, &str); 11] = [
    ("AWS_LAMBDA_FUNCTION_NAME", "x"),
    ("AWS_LAMBDA_FUNCTION_VERSION", "1"),
    ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256"),
    ("DATABASE_URL", "postgresql://x:x@127.0.0.1:1/x"),
    ("UPSTASH_REDIS_REST_URL", "http://127.0.0.1:1"),
    ("UPSTASH_REDIS_REST_TOKEN", "x"),
    ("JUNCTURE_SECRET_KEY", "x"),
    ("TOKEN_ENCRYPTION_KEY", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="),
    ("DEFAULT_JIRA_CLIENT_ID", "x"),
    ("DEFAULT_JIRA_CLIENT_SECRET", "x"),
    ("DEFAULT_JIRA_SCOPES", "read:jira-work"),
];
