//! `GET /api/backend/connection-info/check-connection-validity`: whether a connection exists and is usable.

use std::process::ExitCode;
use std::sync::Arc;

use base::config::{FromSettings, Settings, SettingsError};
use http::StatusCode;
use juncture::callers::{NamedConnection, SecretKeys};
use juncture::connections::ConnectionRows;
use juncture::error::Result;
use juncture::parts::Parts;
use juncture::provider::{Providers, RequestedScopes};
use runtime::{Request, Response, json, query, serve};
use serde::Serialize;

struct App {
    keys: SecretKeys,
    rows: ConnectionRows,
    requested: Providers<RequestedScopes>,
}

impl FromSettings for App {
    fn from_settings(settings: &Settings) -> Result<Self, SettingsError> {
        let parts = Parts::of(settings);
        Ok(Self { keys: parts.secret_keys()?, rows: parts.connection_rows()?, requested: parts.read()? })
    }
}

fn main() -> ExitCode {
    serve(handle)
}

/// The state of a connection, and its site's name and URL if known; all false and null if the connection does not
/// exist.
#[derive(Default, Serialize)]
struct Validity {
    exists: bool,
    is_expired: bool,
    is_invalid: bool,
    site_id: Option<String>,
    site_name: Option<String>,
    site_url: Option<String>,
    /// The scopes that this deployment requests and the consent does not include; null if that is not known.
    missing_scopes: Option<Vec<String>>,
}

async fn handle(app: Arc<App>, request: Request) -> Result<Response> {
    let App { keys, rows, requested } = &*app;
    let caller = keys.authorize(&request).await?;
    let NamedConnection { external_id, provider } = query(&request)?;
    let key = caller.connection_key(&provider, &external_id)?;
    let connection = rows.find(&key).await?;
    let requested = requested.of(key.provider());
    let validity = connection.map_or_else(Validity::default, |connection| Validity {
        exists: true,
        missing_scopes: connection.granted_scopes.as_ref().map(|granted| requested.missing_in(granted)),
        is_expired: connection.is_expired(),
        is_invalid: connection.is_invalid,
        site_id: connection.site_id,
        site_name: connection.site.name,
        site_url: connection.site.url,
    });
    json(StatusCode::OK, &validity)
}
