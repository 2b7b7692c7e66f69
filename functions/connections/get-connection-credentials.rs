//! `GET /api/backend/connection-info/get-connection-credentials`: the refresh token itself.

use std::process::ExitCode;
use std::sync::Arc;

use base::config::{FromSettings, Settings, SettingsError};
use base::crypto::Sealer;
use http::StatusCode;
use juncture::callers::{NamedConnection, SecretKeys};
use juncture::connections::ConnectionRows;
use juncture::error::{Error, Result};
use juncture::parts::Parts;
use runtime::{Request, Response, json, query, serve};
use secrecy::ExposeSecret;
use serde::Serialize;
use time::OffsetDateTime;

struct App {
    keys: SecretKeys,
    rows: ConnectionRows,
    sealer: Sealer,
}

impl FromSettings for App {
    fn from_settings(settings: &Settings) -> Result<Self, SettingsError> {
        let parts = Parts::of(settings);
        Ok(Self { keys: parts.secret_keys()?, rows: parts.connection_rows()?, sealer: parts.sealer()? })
    }
}

fn main() -> ExitCode {
    serve(handle)
}

/// The refresh token, the expiry of the consent, and whether the provider rejected the token.
#[derive(Serialize)]
struct Credentials<'a> {
    refresh_token: &'a str,
    #[serde(with = "time::serde::rfc3339")]
    expires_at: OffsetDateTime,
    is_invalid: bool,
}

async fn handle(app: Arc<App>, request: Request) -> Result<Response> {
    let App { keys, rows, sealer } = &*app;
    let caller = keys.authorize(&request).await?;
    let NamedConnection { external_id, provider } = query(&request)?;
    let key = caller.connection_key(&provider, &external_id)?;
    let connection = rows.find(&key).await?.ok_or_else(Error::connection_not_found)?;
    if connection.allowed_projects.is_some() {
        return Err(Error::tokens_not_limited());
    }
    let refresh_token = connection.refresh_token(sealer, &key)?;
    let credentials = Credentials {
        refresh_token: refresh_token.expose_secret(),
        expires_at: connection.expires_at.truncate_to_second(),
        is_invalid: connection.is_invalid,
    };
    json(StatusCode::OK, &credentials)
}
