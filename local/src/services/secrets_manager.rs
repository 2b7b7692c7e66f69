//! A stand-in for AWS Secrets Manager, moto (<https://docs.getmoto.org/en/latest/docs/server_mode.html>), for tests
//! that keep the functions' settings in a secret as a deployment does.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use nix::sys::signal::Signal;
use serde_json::{Value, json};

use super::process::Process;
use crate::gateway::template::REGION;
use crate::reaper::Reaper;

/// Arbitrary credentials: moto accepts any.
const ACCESS_KEY: (&str, &str) = ("AKIAIOSFODNN7EXAMPLE", "not-a-secret");

/// Options of a private moto.
#[derive(Debug, Clone)]
pub struct Options {
    /// Path of `moto_server`.
    pub program: PathBuf,
    /// File that its output is appended to.
    pub log: PathBuf,
    /// Port on 127.0.0.1.
    pub port: u16,
}

/// A running moto. Dropping it leaves the process to the reaper.
#[derive(Debug)]
pub struct SecretsManager {
    process: Process,
    url: String,
}

impl SecretsManager {
    /// Starts it and returns once it responds.
    pub async fn start(options: Options, reaper: &Arc<Reaper>) -> Result<Self> {
        // An error means that a provider is already installed.
        let _ = rustls::crypto::ring::default_provider().install_default();
        ensure!(options.program.exists(), "moto is not installed: `make setup-test` installs it");
        let mut command = std::process::Command::new(&options.program);
        command.args(["-H", "127.0.0.1", "-p", &options.port.to_string()]);
        let mut process = Process::spawn("moto", command, Signal::SIGTERM, &options.log, reaper)?;
        let url = format!("http://127.0.0.1:{}", options.port);
        process.ready(async || Ok(call(&url, "ListSecrets", &json!({})).await.is_ok())).await?;
        Ok(Self { process, url })
    }

    /// The environment variables that an AWS client needs to use it.
    pub fn environment(&self) -> BTreeMap<String, String> {
        let (id, key) = ACCESS_KEY;
        [
            ("AWS_ENDPOINT_URL_SECRETS_MANAGER", self.url.as_str()),
            ("AWS_ACCESS_KEY_ID", id),
            ("AWS_SECRET_ACCESS_KEY", key),
            ("AWS_REGION", REGION),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into()
    }

    /// Its URL.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// Creates a secret, or adds a new version if it exists.
    pub async fn put(&self, id: &str, text: &str) -> Result<()> {
        let token = uuid::Uuid::new_v4();
        let create = json!({ "Name": id, "SecretString": text, "ClientRequestToken": token });
        if call(&self.url, "CreateSecret", &create).await.is_ok() {
            return Ok(());
        }
        let put = json!({ "SecretId": id, "SecretString": text, "ClientRequestToken": token });
        call(&self.url, "PutSecretValue", &put).await.map(drop)
    }

    /// The value of a secret.
    pub async fn get(&self, id: &str) -> Result<String> {
        let answer = call(&self.url, "GetSecretValue", &json!({ "SecretId": id })).await?;
        Ok(answer["SecretString"].as_str().context("no text")?.to_owned())
    }

    /// Deletes a secret.
    pub async fn delete(&self, id: &str) -> Result<()> {
        let body = json!({ "SecretId": id, "ForceDeleteWithoutRecovery": true });
        call(&self.url, "DeleteSecret", &body).await.map(drop)
    }
}

/// Makes one API call. moto finds the service by the credential scope of the signature, which it does not verify.
async fn call(url: &str, action: &str, body: &Value) -> Result<Value> {
    let scope =
        format!("AWS4-HMAC-SHA256 Credential={}/20260101/{REGION}/secretsmanager/aws4_request", ACCESS_KEY.0);
    let answer = reqwest::Client::builder()
        .no_proxy()
        .timeout(Duration::from_secs(10))
        .build()?
        .post(url)
        .header("x-amz-target", format!("secretsmanager.{action}"))
        .header("content-type", "application/x-amz-json-1.1")
        .header("authorization", scope)
        .body(body.to_string())
        .send()
        .await?;
    let status = answer.status();
    let text = answer.text().await?;
    ensure!(status.is_success(), "{action}: {status}");
    Ok(serde_json::from_str(&text)?)
}
