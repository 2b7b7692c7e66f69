//! The operator's AWS credentials: from the environment, or from the AWS CLI (profiles, SSO, roles). The CLI is
//! installed wherever `sam deploy` is, and its `export-credentials` saves this program from implementing the
//! credential chain: <https://docs.aws.amazon.com/cli/latest/reference/configure/export-credentials.html>.

use std::process::Command;

use anyhow::{Context, Result, ensure};
use aws_credential_types::Credentials;
use runtime::secrets::{Access, endpoint};
use serde::Deserialize;

use crate::stage::Stage;

/// The output of `export-credentials`.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Exported {
    access_key_id: String,
    secret_access_key: String,
    session_token: Option<String>,
}

/// The region of a stage: from samconfig.toml, else the environment, else the profile.
///
/// SAM also prefers samconfig.toml to the environment. In the environment, however, it reads only `AWS_DEFAULT_REGION`
/// and not the `AWS_REGION` that all other tools use (`'region'` in botocore's `configprovider.py`), so
/// `scripts/deploy.py` determines the region in the same way as this function and passes it to SAM.
fn region(stage: &Stage) -> Result<String> {
    let of_environment = || variable("AWS_REGION").or_else(|| variable("AWS_DEFAULT_REGION"));
    let known = stage.region.clone().or_else(of_environment);
    known.or_else(|| cli(stage, &["configure", "get", "region"]).ok()).context(
        "no AWS region: set `region` for the stage in samconfig.toml, AWS_REGION, or AWS_PROFILE to a profile that has one",
    )
}

/// Region and credentials for a stage's secret. `AWS_PROFILE` selects the profile, as it does for the CLI, unless
/// samconfig.toml names one, which takes precedence over the whole environment, as it does for SAM.
pub(crate) fn access(stage: &Stage) -> Result<Access> {
    let region = region(stage)?;
    let of_environment = || Some((variable("AWS_ACCESS_KEY_ID")?, variable("AWS_SECRET_ACCESS_KEY")?));
    let credentials = match of_environment().filter(|_| stage.profile.is_none()) {
        Some((id, secret)) => Credentials::from_keys(id, secret, variable("AWS_SESSION_TOKEN")),
        None => {
            let text = cli(stage, &["configure", "export-credentials", "--format", "process"]).context(
                "no AWS credentials: log in with the AWS CLI (`aws sso login`, `aws configure`), \
                 or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
            )?;
            let exported: Exported = serde_json::from_str(&text)
                .ok()
                .context("`aws configure export-credentials` gave no credentials")?;
            Credentials::from_keys(exported.access_key_id, exported.secret_access_key, exported.session_token)
        }
    };
    Ok(Access { region, credentials, endpoint: endpoint() }.of(&stage.secret))
}

fn cli(stage: &Stage, arguments: &[&str]) -> Result<String> {
    let mut command = Command::new("aws");
    command.args(arguments);
    if let Some(profile) = &stage.profile {
        command.args(["--profile", profile]);
    }
    let output = command.output().context("the AWS CLI cannot be run")?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "aws {}: {}", arguments.join(" "), said.trim());
    let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    ensure!(!text.is_empty(), "aws {} said nothing", arguments.join(" "));
    Ok(text)
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}
