//! Runs on a schedule: refreshes the connections that nobody has used for long, before the provider lets them die.

use std::process::ExitCode;
use std::sync::Arc;

use juncture::error::{Error, Result};
use juncture::operations::IdleConnections;
use runtime::serve_events;
use serde_json::Value;

fn main() -> ExitCode {
    serve_events::<IdleConnections, _>(|idle, _| Box::pin(handle(idle)))
}

async fn handle(idle: Arc<IdleConnections>) -> Result<Value> {
    serde_json::to_value(idle.refresh().await?).map_err(Error::internal)
}
