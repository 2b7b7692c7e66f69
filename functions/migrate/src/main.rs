//! Brings the database up to date. Run again, it does nothing.
//!
//! In Lambda it is a custom resource of the stack, which `CloudFormation` calls when it deploys; started by hand
//! it works with the environment's settings.

mod custom_resource;

use std::process::ExitCode;
use std::time::Duration;

use juncture::config::Settings;
use juncture::migrations;
use juncture::postgres::Postgres;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    juncture::telemetry::init();
    let outcome = match std::env::var_os("AWS_LAMBDA_RUNTIME_API") {
        Some(_) => custom_resource::serve().await,
        None => migrate(None).await,
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(cause = %error, "the database could not be migrated");
            ExitCode::FAILURE
        }
    }
}

/// Applies what is not applied yet; no statement takes longer than `limit`. The settings are read here and not at
/// start, because `CloudFormation` is to be told what is wrong with them.
async fn migrate(limit: Option<Duration>) -> Result<(), lambda_runtime::Error> {
    let postgres = Postgres::direct(&Settings::load().await?)?;
    let applied = migrations::apply(&postgres, limit).await?;
    if applied.is_empty() {
        tracing::info!("the database is up to date");
    } else {
        tracing::info!(applied = applied.join(", "), "the database has been migrated");
    }
    Ok(())
}
