//! Brings the database of `DATABASE_URL` up to date. Run again, it does nothing.

use std::process::ExitCode;

use juncture::config::{FromSettings, Settings};
use juncture::migrations;
use juncture::postgres::Postgres;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    juncture::telemetry::init();
    match migrate().await {
        Ok(applied) if applied.is_empty() => tracing::info!("the database is up to date"),
        Ok(applied) => tracing::info!(applied = applied.join(", "), "the database has been migrated"),
        Err(error) => {
            tracing::error!(cause = %error, "the database could not be migrated");
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}

async fn migrate() -> Result<Vec<&'static str>, Box<dyn std::error::Error>> {
    let postgres = Postgres::from_settings(&Settings::load().await?)?;
    Ok(migrations::apply(&postgres).await?)
}
