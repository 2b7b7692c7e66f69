//! `POST /api/backend/connect-token`: issues a token with which the product's frontend starts one flow.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use base::config::{FromSettings, Settings, SettingsError};
use http::StatusCode;
use juncture::callers::{NamedConnection, SecretKeys};
use juncture::display::DisplayName;
use juncture::error::{Error, Result};
use juncture::oauth::{ConnectTokens, Intent, MAX_CONNECT_TOKEN_LIFETIME, ReturnUrls};
use juncture::parts::Parts;
use runtime::{Field, JsonBodies, Request, Response, Route, json, serve};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use time::OffsetDateTime;

struct App {
    keys: SecretKeys,
    bodies: JsonBodies,
    tokens: ConnectTokens,
    return_urls: ReturnUrls,
}

impl FromSettings for App {
    fn from_settings(settings: &Settings) -> Result<Self, SettingsError> {
        let parts = Parts::of(settings);
        Ok(Self {
            keys: parts.secret_keys()?,
            bodies: parts.read()?,
            tokens: parts.connect_tokens()?,
            return_urls: parts.read()?,
        })
    }
}

const ROUTE: Route = Route::of("connect-token");

/// The options of the flow that the token starts.
#[derive(Deserialize)]
struct FlowOptions {
    return_url: Option<String>,
    display_name: Option<String>,
    same_browser: bool,
    /// In seconds.
    expires_in: Field,
}

/// Default lifetime of a token.
const LIFETIME: Duration = Duration::from_secs(10 * 60);

fn main() -> ExitCode {
    serve(handle)
}

/// The token and its expiry.
#[derive(Serialize)]
struct Issued {
    connect_token: String,
    #[serde(with = "time::serde::rfc3339")]
    expires_at: OffsetDateTime,
}

async fn handle(app: Arc<App>, request: Request) -> Result<Response> {
    let App { keys, bodies, tokens, return_urls } = &*app;
    let caller = keys.authorize(&request).await?;
    let (named, options): (NamedConnection, FlowOptions) = bodies.read(&request, ROUTE)?;
    let key = caller.connection_key(&named.provider, &named.external_id)?;
    let mut intent = Intent::from(key);
    intent.return_url = options.return_url.map(|url| return_urls.parse(&url)).transpose()?;
    intent.display_name = options.display_name.map(|name| DisplayName::parse(&name)).transpose()?.flatten();
    intent.same_browser = options.same_browser;
    let token = tokens.issue(&intent, lifetime(&options.expires_in)?)?;
    json(StatusCode::OK, &Issued { connect_token: token.value, expires_at: token.expires_at })
}

fn lifetime(expires_in: &Field) -> Result<Duration> {
    let seconds = match expires_in {
        Field::Absent | Field::Null => return Ok(LIFETIME),
        Field::Other(Value::Number(number)) => number.as_u64(),
        _ => None,
    };
    let most = MAX_CONNECT_TOKEN_LIFETIME.as_secs();
    seconds.filter(|seconds| (1..=most).contains(seconds)).map(Duration::from_secs).ok_or_else(|| {
        Error::bad_request(format!(
            "The field 'expires_in' must be a whole number of seconds from 1 to {most}"
        ))
    })
}
