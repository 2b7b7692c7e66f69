//! `GET /api/backend/connection-info/get-access-token`: an access token that is valid for at least a minute.

use std::process::ExitCode;
use std::sync::Arc;

use base::config::{FromSettings, Settings, SettingsError};
use http::StatusCode;
use juncture::callers::{NamedConnection, SecretKeys};
use juncture::connections::Tokens;
use juncture::error::{Error, ErrorCode, Result};
use juncture::parts::Parts;
use runtime::{Request, Response, json, query, serve};
use secrecy::ExposeSecret;
use serde::Serialize;
use time::OffsetDateTime;

struct App {
    keys: SecretKeys,
    tokens: Tokens,
}

impl FromSettings for App {
    fn from_settings(settings: &Settings) -> Result<Self, SettingsError> {
        let parts = Parts::of(settings);
        Ok(Self { keys: parts.secret_keys()?, tokens: parts.tokens()? })
    }
}

fn main() -> ExitCode {
    serve(handle)
}

/// The access token and its expiry.
#[derive(Serialize)]
struct Token<'a> {
    access_token: &'a str,
    #[serde(with = "time::serde::rfc3339")]
    expires_at: OffsetDateTime,
}

async fn handle(app: Arc<App>, request: Request) -> Result<Response> {
    let App { keys, tokens } = &*app;
    let caller = keys.authorize(&request).await?;
    let NamedConnection { external_id, provider } = query(&request)?;
    let session =
        tokens.session(&caller.connection_key(&provider, &external_id)?).await.map_err(unknown_is_401)?;
    if session.allowed_projects.is_some() {
        return Err(Error::tokens_not_limited());
    }
    let token = &session.access_token;
    json(StatusCode::OK, &Token { access_token: token.value.expose_secret(), expires_at: token.expires_at })
}

/// Per the contract, an unknown connection is 401 on this route and 404 on all others.
fn unknown_is_401(error: Error) -> Error {
    match error.code() {
        ErrorCode::ConnectionNotFound => error.with_status(StatusCode::UNAUTHORIZED),
        _ => error,
    }
}
