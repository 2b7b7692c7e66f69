//! `DELETE /api/backend/connection-info/connection`: deletes a connection and all data stored for it. Accepts the
//! parameters in the query or as a JSON body.

use std::process::ExitCode;
use std::sync::Arc;

use base::config::{FromSettings, Settings, SettingsError};
use http::StatusCode;
use juncture::callers::{NamedConnection, SecretKeys};
use juncture::connections::Connections;
use juncture::error::Result;
use juncture::parts::Parts;
use runtime::{JsonBodies, Request, Response, Route, json, serve};
use serde::Serialize;

struct App {
    keys: SecretKeys,
    bodies: JsonBodies,
    connections: Connections,
}

impl FromSettings for App {
    fn from_settings(settings: &Settings) -> Result<Self, SettingsError> {
        let parts = Parts::of(settings);
        Ok(Self { keys: parts.secret_keys()?, bodies: parts.read()?, connections: parts.connections()? })
    }
}

const ROUTE: Route = Route::of("connection");

fn main() -> ExitCode {
    serve(handle)
}

/// Confirms that the connection was deleted.
#[derive(Serialize)]
struct Disconnected {
    success: bool,
}

async fn handle(app: Arc<App>, request: Request) -> Result<Response> {
    let App { keys, bodies, connections } = &*app;
    let caller = keys.authorize(&request).await?;
    let NamedConnection { external_id, provider } = bodies.read_or_query(&request, ROUTE)?;
    connections.remove(&caller.connection_key(&provider, &external_id)?).await?;
    json(StatusCode::OK, &Disconnected { success: true })
}
