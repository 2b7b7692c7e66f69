//! Runs on a schedule: refreshes connections that have not been used for long, before the provider lets them expire.

use std::process::ExitCode;
use std::sync::Arc;

use base::config::{FromSettings, Settings, SettingsError};
use juncture::error::{Error, Result};
use juncture::operations::IdleConnections;
use juncture::parts::Parts;
use runtime::serve_events;
use serde_json::Value;

struct App {
    idle: IdleConnections,
}

impl FromSettings for App {
    fn from_settings(settings: &Settings) -> Result<Self, SettingsError> {
        Ok(Self { idle: Parts::of(settings).idle_connections()? })
    }
}

fn main() -> ExitCode {
    serve_events(|app, _| handle(app))
}

async fn handle(app: Arc<App>) -> Result<Value> {
    serde_json::to_value(app.idle.refresh().await?).map_err(Error::internal)
}
