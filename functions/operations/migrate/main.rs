//! Applies the pending migrations. Running it again does nothing.
//!
//! In Lambda it is a custom resource of the stack, invoked by `CloudFormation` during a deployment. Run by hand, it
//! uses the settings from the environment.

mod custom_resource;

use std::process::ExitCode;
use std::time::{Duration, Instant};

use base::config::Settings;
use juncture::migrations;
use runtime::secrets::{self, LoadError, SecretsError};
use stores::postgres::Postgres;

/// How long to retry while access to the secret is denied: new roles and permissions take a moment to propagate, and a
/// first deployment invokes this seconds after creating its role.
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

/// Applies the pending migrations; each statement times out after `limit`. Loads the settings here instead of at
/// startup, so that an error in them is reported to `CloudFormation`.
async fn migrate(limit: Option<Duration>) -> Result<(), lambda_runtime::Error> {
    let settings = settings(limit).await?;
    let functions_role = settings.optional("DATABASE_FUNCTIONS_ROLE");
    let applied = migrations::apply(&Postgres::direct(&settings)?, limit, functions_role.as_deref()).await?;
    if applied.is_empty() {
        tracing::info!("the database is up to date");
    } else {
        tracing::info!(applied = applied.join(", "), "migrations applied");
    }
    Ok(())
}

/// Loads the settings. With a limit, denied access to the secret is retried for at most half of it; the rest is for the
/// migrations, or for reporting the failure.
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
