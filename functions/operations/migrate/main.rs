//! Brings the database up to date. Run again, it does nothing.
//!
//! In Lambda it is a custom resource of the stack, which `CloudFormation` calls when it deploys; started by hand
//! it works with the environment's settings.

mod custom_resource;

use std::process::ExitCode;
use std::time::{Duration, Instant};

use base::config::Settings;
use juncture::migrations;
use runtime::secrets::{self, LoadError, SecretsError};
use stores::postgres::Postgres;

/// How long access to the secret may be denied: what a role may do, and the role itself, is not known everywhere at
/// once, and a first deployment calls seconds after it made the role.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot.html#troubleshoot_general_eventual-consistency>
const PATIENCE: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_secs(1);

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    runtime::telemetry::init();
    let outcome = match std::env::var_os("AWS_LAMBDA_RUNTIME_API") {
        Some(_) => custom_resource::serve().await,
        None => migrate(None).await,
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(cause = %error, "migrations failed");
            ExitCode::FAILURE
        }
    }
}

/// Applies what is not applied yet; no statement takes longer than `limit`. The settings are read here and not at
/// start, because `CloudFormation` is to be told what is wrong with them.
async fn migrate(limit: Option<Duration>) -> Result<(), lambda_runtime::Error> {
    let postgres = Postgres::direct(&settings(limit).await?)?;
    let applied = migrations::apply(&postgres, limit).await?;
    if applied.is_empty() {
        tracing::info!("the database is up to date");
    } else {
        tracing::info!(applied = applied.join(", "), "migrations applied");
    }
    Ok(())
}

/// The settings. In a deployment, access that is denied is asked for again, in half of the time at most: the rest is for
/// the migrations, or to say why there are none.
async fn settings(limit: Option<Duration>) -> Result<Settings, LoadError> {
    let end = Instant::now() + limit.map_or(Duration::ZERO, |limit| PATIENCE.min(limit / 2));
    loop {
        match secrets::load().await {
            Err(LoadError::Secret(SecretsError::AccessDenied(cause))) if Instant::now() + PAUSE < end => {
                tracing::warn!(cause, "secret not readable yet");
                tokio::time::sleep(PAUSE).await;
            }
            outcome => return outcome,
        }
    }
}
