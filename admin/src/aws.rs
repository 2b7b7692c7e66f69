//! Who the operator is at AWS: credentials in the environment, or whatever the AWS CLI knows (profiles, SSO,
//! roles). The CLI is at hand where `sam deploy` is, and its `export-credentials` spares this program the whole
//! credential chain: <https://docs.aws.amazon.com/cli/latest/reference/configure/export-credentials.html>.

use std::process::Command;

use anyhow::{Context, Result, ensure};
use aws_credential_types::Credentials;
use juncture::secrets::{Access, endpoint};
use serde::Deserialize;

/// What `export-credentials` writes.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Exported {
    access_key_id: String,
    secret_access_key: String,
    session_token: Option<String>,
}

/// Region and credentials. `AWS_PROFILE` chooses the profile, for the CLI as here.
pub(crate) fn access() -> Result<Access> {
    let region = variable("AWS_REGION")
        .or_else(|| variable("AWS_DEFAULT_REGION"))
        .or_else(|| cli(&["configure", "get", "region"]).ok())
        .context("no AWS region: set AWS_REGION, or AWS_PROFILE to a profile that has one")?;
    let credentials = match (variable("AWS_ACCESS_KEY_ID"), variable("AWS_SECRET_ACCESS_KEY")) {
        (Some(id), Some(secret)) => Credentials::from_keys(id, secret, variable("AWS_SESSION_TOKEN")),
        _ => {
            let text = cli(&["configure", "export-credentials", "--format", "process"]).context(
                "no AWS credentials: log in with the AWS CLI (`aws sso login`, `aws configure`), \
                 or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
            )?;
            let exported: Exported = serde_json::from_str(&text)
                .ok()
                .context("`aws configure export-credentials` gave no credentials")?;
            Credentials::from_keys(exported.access_key_id, exported.secret_access_key, exported.session_token)
        }
    };
    Ok(Access { region, credentials, endpoint: endpoint() })
}

fn cli(arguments: &[&str]) -> Result<String> {
    let output = Command::new("aws").args(arguments).output().context("the AWS CLI cannot be run")?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "aws {}: {}", arguments.join(" "), said.trim());
    let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    ensure!(!text.is_empty(), "aws {} said nothing", arguments.join(" "));
    Ok(text)
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}
