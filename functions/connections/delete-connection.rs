//! `DELETE /api/backend/connection-info/connection`: removes a connection and everything that is stored of it.
//! Parameters come by query or as a JSON body.

use std::process::ExitCode;
use std::sync::Arc;

use base::config::{FromSettings, Settings, SettingsError};
use http::StatusCode;
use juncture::callers::{BackendCaller, SecretKeys};
use juncture::connections::{ConnectionKey, Connections};
use juncture::error::Result;
use juncture::parts::Parts;
use runtime::{Fields, JsonBodies, Query, Request, Response, json, serve};
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

const FIELDS: Fields = Fields::of("connection", &["external_id", "provider"]);

fn main() -> ExitCode {
    serve::<App, _>(|app, request| Box::pin(handle(app, request)))
}

/// The connection is gone.
#[derive(Serialize)]
struct Disconnected {
    success: bool,
}

async fn handle(app: Arc<App>, request: Request) -> Result<Response> {
    let App { keys, bodies, connections } = &*app;
    let caller = keys.authorize(&request).await?;
    connections.remove(&named(&caller, bodies, &request)?).await?;
    json(StatusCode::OK, &Disconnected { success: true })
}

/// Which connection is meant. A request with a body is read by it alone.
fn named(caller: &BackendCaller, bodies: &JsonBodies, request: &Request) -> Result<ConnectionKey> {
    const NAMES: [&str; 2] = ["external_id", "provider"];
    if request.body().is_empty() {
        let query = Query::of(request)?;
        let [external_id, provider] = query.required(NAMES)?;
        return caller.connection_key(provider, external_id);
    }
    let body = bodies.read(request, &FIELDS)?;
    let [external_id, provider] = body.required(NAMES)?;
    caller.connection_key(provider, external_id)
}
