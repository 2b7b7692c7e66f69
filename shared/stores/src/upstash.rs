//! A client for Upstash Redis over its REST API: one HTTP request for each pipeline of commands.
//!
//! <https://upstash.com/docs/redis/features/restapi>

use std::sync::Mutex;
use std::time::Duration;

use base::chain;
use base::config::{FromSettings, Settings, SettingsError};
use base::counters::{Counter, count};
use base::deadline;
use base::tls::{http_client, read_body};
use bytes::Bytes;
use futures_util::future::BoxFuture;
use reqwest::StatusCode;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::Value;
use url::Url;

/// Request timeout. A cache that is slower than this counts as down.
const TIMEOUT: Duration = Duration::from_secs(2);

/// Response size limit in bytes, above what our pipelines return; Upstash itself limits a request to 10 MB
/// (<https://upstash.com/docs/redis/troubleshooting/max_request_size_exceeded>).
const MAX_BODY_BYTES: usize = 10 * 1024 * 1024;

/// Sending this token back makes reads from a replica wait for the writes that this client has seen.
///
/// <https://upstash.com/docs/redis/howto/readyourwrites>
const SYNC_TOKEN: &str = "upstash-sync-token";

/// A client for one database. Settings: `UPSTASH_REDIS_REST_URL`, `UPSTASH_REDIS_REST_TOKEN`.
pub struct Upstash {
    http: reqwest::Client,
    pipeline: Url,
    token: SecretString,
    sync_token: Mutex<Option<String>>,
}

impl FromSettings for Upstash {
    fn from_settings(settings: &Settings) -> Result<Self, SettingsError> {
        let name = "UPSTASH_REDIS_REST_URL";
        let invalid = |reason: String| SettingsError::Invalid { name, reason };
        let mut pipeline = settings.service_url(name, None)?;
        pipeline
            .path_segments_mut()
            .map_err(|()| invalid("has no path".to_owned()))?
            .pop_if_empty()
            .push("pipeline");
        Ok(Self {
            http: http_client().map_err(|error| invalid(error.to_string()))?,
            pipeline,
            token: settings.secret("UPSTASH_REDIS_REST_TOKEN")?,
            sync_token: Mutex::new(None),
        })
    }
}

/// A Redis command, and whether it is safe to retry.
#[derive(Debug, Clone)]
pub struct Command {
    words: Vec<String>,
    repeatable: bool,
}

impl Command {
    fn new(words: &[&str], repeatable: bool) -> Self {
        Self { words: words.iter().map(|word| (*word).to_owned()).collect(), repeatable }
    }

    /// Checks that the database responds.
    pub fn ping() -> Self {
        Self::new(&["PING"], true)
    }

    /// Reads a value.
    pub fn get(key: &str) -> Self {
        Self::new(&["GET", key], true)
    }

    /// Reads several values; null for each missing key.
    pub fn get_all(keys: &[String]) -> Self {
        let words: Vec<&str> = std::iter::once("MGET").chain(keys.iter().map(String::as_str)).collect();
        Self::new(&words, true)
    }

    /// Reads a whole list; a missing one is empty.
    pub fn list(key: &str) -> Self {
        Self::new(&["LRANGE", key, "0", "-1"], true)
    }

    /// Writes a value that expires after `lifetime`.
    pub fn set(key: &str, value: &str, lifetime: Duration) -> Self {
        Self::new(&["SET", key, value, "PX", &millis(lifetime)], true)
    }

    /// Writes a value that expires after `lifetime`, unless the key exists; returns null if it does.
    pub fn set_if_absent(key: &str, value: &str, lifetime: Duration) -> Self {
        Self::new(&["SET", key, value, "NX", "PX", &millis(lifetime)], false)
    }

    /// Reads and deletes a value atomically, so only one caller gets it.
    pub fn take(key: &str) -> Self {
        Self::new(&["GETDEL", key], false)
    }

    /// Deletes a key.
    pub fn delete(key: &str) -> Self {
        Self::new(&["DEL", key], true)
    }

    /// Deletes keys, and removes their names from a sorted set.
    pub fn delete_members(set: &str, names: &[&str]) -> [Self; 2] {
        [Self::new(&[&["DEL"], names].concat(), true), Self::new(&[&["ZREM", set], names].concat(), true)]
    }

    /// Reads the first members of a sorted set, at most `most`.
    pub fn first_members(set: &str, most: usize) -> Self {
        Self::new(&["ZRANGE", set, "0", &most.saturating_sub(1).to_string()], true)
    }

    /// Runs a script on one key. The script must be safe to run twice, because the request may be retried.
    pub fn eval(script: &str, key: &str, arguments: &[&str]) -> Self {
        Self::eval_with(script, &[key], arguments)
    }

    /// Like [`Self::eval`], on several keys.
    pub fn eval_with(script: &str, keys: &[&str], arguments: &[&str]) -> Self {
        let count = keys.len().to_string();
        Self::new(&[&["EVAL", script, &count], keys, arguments].concat(), true)
    }

    /// Like [`Self::eval_with`], for a script that must not run twice.
    pub fn eval_once(script: &str, keys: &[&str], arguments: &[&str]) -> Self {
        Self { repeatable: false, ..Self::eval_with(script, keys, arguments) }
    }
}

fn millis(duration: Duration) -> String {
    duration.as_millis().max(1).to_string()
}

impl Upstash {
    /// Runs one command.
    pub async fn run(&self, command: Command) -> Result<Value, UpstashError> {
        let [result] = self.pipeline([command]).await?;
        Ok(result)
    }

    /// Runs commands in order and in one request, but not atomically.
    ///
    /// The request is retried at most once: if it was not sent, or if every command is safe to retry. If the database
    /// refuses one of the commands, the others have still run.
    pub async fn pipeline<const N: usize>(&self, commands: [Command; N]) -> Result<[Value; N], UpstashError> {
        let words: Vec<&[String]> = commands.iter().map(|command| command.words.as_slice()).collect();
        let answer = match self.send(&words).await {
            Err(UpstashError::Unreachable { sent, .. })
                if (!sent || commands.iter().all(|command| command.repeatable))
                    && deadline::remaining() > TIMEOUT / 2 =>
            {
                self.send(&words).await?
            }
            answer => answer?,
        };
        results(&answer)
    }

    /// Boxed, so that it is compiled here and not again in every function.
    fn send<'a>(&'a self, commands: &'a [&'a [String]]) -> BoxFuture<'a, Result<Bytes, UpstashError>> {
        Box::pin(async move {
            let mut request = self
                .http
                .post(self.pipeline.clone())
                .timeout(deadline::at_most(TIMEOUT))
                .bearer_auth(self.token.expose_secret())
                .json(commands);
            if let Some(token) = self.seen_sync_token() {
                request = request.header(SYNC_TOKEN, token);
            }
            count(Counter::RedisRequests);
            let response = request.send().await.map_err(UpstashError::unreachable)?;
            if let Some(token) = response.headers().get(SYNC_TOKEN).and_then(|token| token.to_str().ok())
                && let Ok(mut seen) = self.sync_token.lock()
            {
                *seen = Some(token.to_owned());
            }
            let status = response.status();
            if !status.is_success() {
                return Err(UpstashError::Status(status));
            }
            read_body(response, MAX_BODY_BYTES).await.map_err(UpstashError::unreachable)
        })
    }

    fn seen_sync_token(&self) -> Option<String> {
        self.sync_token.lock().ok().and_then(|token| token.clone())
    }
}

/// Parses the results of a pipeline of `N` commands, in the order of the commands.
pub fn results<const N: usize>(answer: &[u8]) -> Result<[Value; N], UpstashError> {
    let items: Vec<Item> =
        serde_json::from_slice(answer).map_err(|_| UpstashError::Malformed("no JSON list of results"))?;
    let results: Vec<Value> = items.into_iter().map(Item::into_result).collect::<Result<_, _>>()?;
    results.try_into().map_err(|_| UpstashError::Malformed("another number of results than of commands"))
}

/// One result of a pipeline, `{"result": …}` or `{"error": "…"}`.
#[derive(Deserialize)]
struct Item {
    #[serde(default)]
    result: Value,
    error: Option<String>,
}

impl Item {
    fn into_result(self) -> Result<Value, UpstashError> {
        match self.error {
            Some(error) => Err(UpstashError::Command(error)),
            None => Ok(self.result),
        }
    }
}

/// Why Redis returned no result.
#[derive(Debug, thiserror::Error)]
pub enum UpstashError {
    /// Redis is unreachable or did not respond in time.
    #[error("Redis cannot be reached: {cause}")]
    Unreachable {
        /// Whether the commands may have run anyway.
        sent: bool,
        /// The connection's error.
        cause: String,
    },
    /// Redis rejected the whole request, for example because of a wrong token (401).
    #[error("Redis refused the request: status {}", .0.as_u16())]
    Status(StatusCode),
    /// Redis rejected a command.
    #[error("Redis refused a command: {0}")]
    Command(String),
    /// The response does not match Upstash's documentation.
    #[error("Redis answered {0}")]
    Malformed(&'static str),
}

impl UpstashError {
    fn unreachable(error: reqwest::Error) -> Self {
        Self::Unreachable { sent: !error.is_connect(), cause: chain(&error.without_url()) }
    }
}
