//! A stack to test against, and ways to look inside it.

use std::io::Read as _;
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use juncture_local::ports::free_port;
use juncture_local::reaper::Reaper;
use juncture_local::services::postgres::Postgres;
use juncture_local::services::secrets_manager::{self, SecretsManager};
use juncture_local::stack::{SharedServers, Stack, StackOptions};
use juncture_local::upstash::Front;
use reqwest::{Method, RequestBuilder};
use sandbox::{Class, Handle};
use serde_json::Value;
use tokio::runtime::Runtime;
use tokio::sync::OnceCell;
use tokio_postgres::NoTls;

use crate::answer::Answer;
use crate::{contract, leaks};

/// One runtime for all tests of a process, because a stack outlives the test that started it.
#[expect(clippy::expect_used, reason = "without a runtime there is nothing to test")]
static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().expect("a runtime"));

static SHARED: OnceCell<TestStack> = OnceCell::const_new();

static SERVERS: OnceCell<Arc<SharedServers>> = OnceCell::const_new();

/// How long to wait for Redis, or for a log line.
const PATIENCE: Duration = Duration::from_secs(30);

/// Set to `1` to put `PgBouncer` and TLS between the functions and Postgres.
const POOLED: &str = "JUNCTURE_TEST_POOLED";

/// Set to `moto` to keep the functions' settings in moto's Secrets Manager.
const SECRETS: &str = "JUNCTURE_TEST_SECRETS";

static SECRETS_MANAGER: OnceCell<Arc<SecretsManager>> = OnceCell::const_new();

/// The Secrets Manager that all tests share; each test has its own secrets in it.
pub async fn secrets_manager() -> Result<Arc<SecretsManager>> {
    let start = || async {
        let options = secrets_manager::Options {
            program: repository().join(".local/venv-moto/bin/moto_server"),
            log: binaries().join("juncture-test").join(format!("moto-{}.log", std::process::id())),
            port: free_port()?,
        };
        let reaper = Arc::new(Reaper::start(&binaries().join("juncture-local"), None)?);
        anyhow::Ok(Arc::new(SecretsManager::start(options, &reaper).await?))
    };
    SECRETS_MANAGER.get_or_try_init(start).await.cloned()
}

/// Starts Postgres, with `PgBouncer` if requested, and Redis once for all stacks of a process.
async fn servers() -> Result<Arc<SharedServers>> {
    let start = || async { anyhow::Ok(Arc::new(SharedServers::start(&options("servers")?).await?)) };
    SERVERS.get_or_try_init(start).await.cloned()
}

/// Options with a separate folder for data and logs.
fn options(folder: &str) -> Result<StackOptions> {
    let folder = binaries().join("juncture-test").join(format!("{}-{folder}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let mut options = StackOptions::for_test(&repository().join("template.yaml"), &binaries(), &folder)?;
    options.pooled = std::env::var_os(POOLED).is_some_and(|value| value == "1");
    Ok(options)
}

/// Runs a test to completion. Fails with its error, if a secret was logged meanwhile, or if there was a request that
/// Atlassian would reject.
#[track_caller]
pub fn run(test: impl Future<Output = Result<()>>) {
    run_with_any_input(test);
    if let Err(violations) = contract::check() {
        panic!("{violations}");
    }
}

/// Like [`run`], for a test whose requests contain input that Juncture passes on and Atlassian rejects, such as a
/// document with unknown nodes.
#[track_caller]
pub fn run_with_any_input(test: impl Future<Output = Result<()>>) {
    if let Err(error) = RUNTIME.block_on(test) {
        panic!("{error:?}");
    }
    if let Err(leak) = leaks::search() {
        panic!("{leak}");
    }
}

/// A running stack with an HTTP client, and access to its logs, its database and its Redis.
pub struct TestStack {
    inner: Stack,
    http: reqwest::Client,
    logs: Arc<Mutex<Vec<String>>>,
}

impl Deref for TestStack {
    type Target = Stack;

    fn deref(&self) -> &Stack {
        &self.inner
    }
}

impl TestStack {
    /// The stack that most tests share. Each test uses its own accounts and external ids.
    pub async fn shared() -> Result<&'static Self> {
        SHARED.get_or_try_init(|| Self::start(|_| ())).await
    }

    /// A stack for one test: for different settings, for faults that would affect other tests, and for tests that count
    /// rows, keys or requests. It has its own database and Redis database on the shared servers, or its own servers if
    /// `options.servers` is `None`.
    pub async fn start(customize: impl FnOnce(&mut StackOptions)) -> Result<Self> {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let mut options = options(&number.to_string())?;
        options.servers = Some(servers().await?);
        let logs = Arc::new(Mutex::new(Vec::new()));
        let sink = Arc::clone(&logs);
        options.log = Arc::new(move |function, line| {
            let line = format!("{function} {line}");
            leaks::logged(line.clone());
            sink.lock().unwrap_or_else(PoisonError::into_inner).push(line);
        });
        // Logs everything that can be logged, so that it is searched for secrets.
        options.settings.set("AWS_LAMBDA_LOG_LEVEL", "debug");
        if std::env::var_os(SECRETS).is_some_and(|value| value == "moto") {
            options.secret = Some((secrets_manager().await?, format!("juncture/test-{number}")));
        }
        customize(&mut options);
        if options.settings.get("JUNCTURE_SECRETS_ID").is_some() {
            // The test configures its own secret.
            options.secret = None;
        }
        let stack = Stack::start(options).await?;
        if let Some(sandbox) = stack.sandbox() {
            contract::watch(sandbox.handle());
        }
        let secrets = [
            "DATABASE_URL",
            "DEFAULT_JIRA_CLIENT_SECRET",
            "JUNCTURE_SECRET_KEY",
            "TOKEN_ENCRYPTION_KEY",
            "UPSTASH_REDIS_REST_TOKEN",
        ];
        for (name, value) in stack.environment().iter().filter(|(name, _)| secrets.contains(&name.as_str())) {
            // Each key of a list; for a URL, the password.
            let parts = if name == "DATABASE_URL" { value.split(':').nth(2) } else { Some(value.as_str()) };
            parts
                .into_iter()
                .flat_map(|value| value.split([',', '@']))
                .for_each(|part| leaks::forbid("a setting", part));
        }
        Ok(Self { inner: stack, http: base::tls::http_client()?, logs })
    }

    /// Shuts the stack down. Dropping it ends its processes too.
    pub async fn stop(self) -> Result<()> {
        self.inner.stop().await
    }

    /// The sandbox of Atlassian.
    pub fn atlassian(&self) -> &Handle {
        #[expect(clippy::expect_used, reason = "a test stack has one")]
        self.sandbox().expect("a sandbox").handle()
    }

    /// The Upstash front.
    pub fn front(&self) -> &Front {
        #[expect(clippy::expect_used, reason = "a test stack has one")]
        self.inner.front().expect("a front")
    }

    /// The database, bypassing the pooler.
    pub fn postgres(&self) -> &Postgres {
        #[expect(clippy::expect_used, reason = "a test stack has one")]
        self.inner.postgres().expect("a private Postgres")
    }

    /// The log lines of the functions so far, each prefixed with the function's name and a space.
    pub fn logs(&self) -> Vec<String> {
        self.logs.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The completion line of the request with this response, found by API Gateway's request id.
    pub async fn completion(&self, answer: &Answer) -> Result<Value> {
        let id = answer.header("apigw-requestid");
        let is_completion = |line: &Value| line["gateway_request_id"] == id && !line["status"].is_null();
        let read = |line: &str| serde_json::from_str(line.split_once(' ')?.1).ok().filter(is_completion);
        self.line(read).await.with_context(|| format!("no completion line for {id:?}"))
    }

    /// Waits for a log line that contains all of `parts`.
    pub async fn logged(&self, parts: &[&str]) -> Result<()> {
        let has_all = |line: &str| parts.iter().all(|part| line.contains(part)).then_some(());
        self.line(has_all).await.with_context(|| format!("never logged: {parts:?}"))
    }

    /// Waits for a log line, which may arrive later than the response.
    async fn line<T>(&self, read: impl Fn(&str) -> Option<T>) -> Option<T> {
        let started = Instant::now();
        loop {
            let found = self.logs().iter().find_map(|line| read(line));
            if found.is_some() || started.elapsed() >= PATIENCE {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Builds a request to Juncture without a key.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let url = if path.starts_with("http") { path.to_owned() } else { format!("{}{path}", self.url()) };
        self.http.request(method, url)
    }

    /// A GET without a key.
    pub async fn get(&self, path: &str) -> Result<Answer> {
        self.send(self.request(Method::GET, path)).await
    }

    /// A POST of JSON without a key.
    pub async fn post(&self, path: &str, body: &Value) -> Result<Answer> {
        self.send(self.request(Method::POST, path).json(body)).await
    }

    /// Calls the backend API: GET with the secret key and a query.
    pub async fn backend(&self, path: &str, query: &[(&str, &str)]) -> Result<Answer> {
        let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(query).finish();
        let path = format!("/api/backend/{path}?{query}");
        self.send(self.request(Method::GET, &path).bearer_auth(self.secret_key())).await
    }

    /// Calls the backend API: POST of JSON with the secret key.
    pub async fn backend_post(&self, path: &str, body: &Value) -> Result<Answer> {
        let path = format!("/api/backend/{path}");
        self.send(self.request(Method::POST, &path).bearer_auth(self.secret_key()).json(body)).await
    }

    /// Builds a DELETE request for a connection with the secret key. `query` starts with `?` or is empty.
    pub fn disconnection(&self, query: &str) -> RequestBuilder {
        let path = format!("/api/backend/connection-info/connection{query}");
        self.request(Method::DELETE, &path).bearer_auth(self.secret_key())
    }

    /// A GET with the secret key and `accept-encoding: gzip`. Returns the compressed size of the body, and its text.
    pub async fn get_compressed(&self, path: &str) -> Result<(usize, String)> {
        let request = self.request(Method::GET, path).bearer_auth(self.secret_key());
        let response = request.header("accept-encoding", "gzip").send().await?.error_for_status()?;
        let encoding = response.headers().get("content-encoding").and_then(|value| value.to_str().ok());
        anyhow::ensure!(encoding == Some("gzip"), "the encoding is {encoding:?}");
        let sent = response.bytes().await?;
        let mut body = String::new();
        flate2::read::GzDecoder::new(&*sent).read_to_string(&mut body)?;
        Ok((sent.len(), body))
    }

    /// Sends a request and reads the response. From now on, no string of the request body may appear in the log.
    pub async fn send(&self, request: RequestBuilder) -> Result<Answer> {
        let copy = request.try_clone().and_then(|request| request.build().ok());
        let body = copy.as_ref().and_then(|request| request.body()?.as_bytes());
        if let Some(body) = body.and_then(|body| serde_json::from_slice(body).ok()) {
            leaks::forbid_strings_of(&body);
        }
        Ok(Answer::read(request.send().await?).await?)
    }

    /// A connection to the stack's database, bypassing the pooler.
    pub async fn database(&self) -> Result<tokio_postgres::Client> {
        let url = self.postgres().url().to_owned();
        let (client, connection) = tokio_postgres::connect(&url, NoTls).await?;
        tokio::spawn(connection);
        Ok(client)
    }

    /// Runs a Redis command, bypassing the front.
    pub async fn redis(&self, words: &[&str]) -> Result<redis::Value> {
        let url = self.inner.redis().context("a private Redis")?.url();
        // The machine may be busy with fifty functions at once.
        let patient = redis::AsyncConnectionConfig::new()
            .set_connection_timeout(Some(PATIENCE))
            .set_response_timeout(Some(PATIENCE));
        let client = redis::Client::open(url)?;
        let mut connection = client.get_multiplexed_async_connection_with_config(&patient).await?;
        let mut command = redis::cmd(words.first().context("a command")?);
        for word in words.iter().skip(1) {
            command.arg(word);
        }
        Ok(command.query_async(&mut connection).await?)
    }

    /// The number of token requests that Atlassian received for an account.
    pub fn token_requests(&self, account: &str) -> usize {
        let is_counted = |request: &sandbox::LoggedRequest| {
            request.class == Class::Token && request.account.as_deref() == Some(account)
        };
        self.atlassian().requests().iter().filter(|request| is_counted(request)).count()
    }
}

/// Copies the template with a different timeout for `RefreshIdleConnections`, in seconds. Returns its path and the
/// original timeout.
pub fn template_with_shorter_runs(seconds: u64) -> Result<(PathBuf, u64)> {
    let template = std::fs::read_to_string(repository().join("template.yaml"))?;
    let (before, function) =
        template.split_once("\n  RefreshIdleConnections:\n").context("no such function")?;
    let (properties, rest) = function.split_once("      Timeout: ").context("it has no Timeout")?;
    let (timeout, rest) = rest.split_once('\n').context("the template ends")?;
    let text = format!("{before}\n  RefreshIdleConnections:\n{properties}      Timeout: {seconds}\n{rest}");
    let folder = binaries().join("juncture-test");
    std::fs::create_dir_all(&folder)?;
    let path = folder.join(format!("template-{}-{seconds}.yaml", std::process::id()));
    std::fs::write(&path, text)?;
    Ok((path, timeout.parse()?))
}

/// The root of the repository.
pub fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().map(Path::to_owned).unwrap_or_default()
}

/// The folder of the executables. The test binary itself is in its subfolder `deps`.
pub fn binaries() -> PathBuf {
    let test = std::env::current_exe().unwrap_or_default();
    test.ancestors().nth(2).map(Path::to_owned).unwrap_or_default()
}
