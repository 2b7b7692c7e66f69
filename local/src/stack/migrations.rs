//! The migrations of a stack's database.

use std::time::Instant;

use anyhow::{Context as _, Result};
use nix::sys::signal::Signal;

use super::options::StackOptions;
use crate::services::postgres::{FUNCTIONS_ROLE, Postgres};
use crate::services::process::Process;

/// Applies the migrations in a separate process. Bypasses the pooler, because the migrations hold a lock that
/// belongs to one database connection.
pub(super) async fn migrate(options: &StackOptions, postgres: Option<&Postgres>) -> Result<()> {
    let since = Instant::now();
    let database_url = postgres.map(Postgres::url).or(options.settings.get("DATABASE_URL"));
    let mut command = std::process::Command::new(options.binaries.join("migrate"));
    command.env("DATABASE_URL", database_url.context("no database")?);
    // The `DATABASE_DIRECT_URL` in `.env` only applies to the `DATABASE_URL` in `.env`.
    let direct = options.settings.hosted_database().then(|| options.settings.get("DATABASE_DIRECT_URL"));
    command.env("DATABASE_DIRECT_URL", direct.flatten().unwrap_or_default());
    let functions_role = match postgres {
        Some(_) => Some(FUNCTIONS_ROLE),
        None => options.settings.get("DATABASE_FUNCTIONS_ROLE"),
    };
    command.env("DATABASE_FUNCTIONS_ROLE", functions_role.unwrap_or_default());
    let log = options.logs().join("migrate.log");
    let process = Process::spawn("migrate", command, Signal::SIGTERM, &log, &options.reaper)?;
    process.finish().await.context("the migrations were not applied")?;
    (options.progress)(&format!("Migrations … applied {:.1} s", since.elapsed().as_secs_f32()));
    Ok(())
}
