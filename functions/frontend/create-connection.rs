//! `POST /api/frontend/finalize-connection/jira/create-connection`: creates the connection to the chosen site.

use std::process::ExitCode;
use std::sync::Arc;

use base::config::{FromSettings, Settings, SettingsError};
use http::StatusCode;
use juncture::error::Result;
use juncture::oauth::{Browser, ConnectionCode, Finalizer, FlowLeg};
use juncture::parts::Parts;
use juncture::provider::ProviderId;
use juncture::rate_limit::PublicRateLimits;
use runtime::{Field, JsonBodies, Request, Response, Route, json, serve};
use serde::{Deserialize, Serialize};

struct App {
    finalizer: Finalizer,
    bodies: JsonBodies,
    limits: PublicRateLimits,
    confirmation: AccountConfirmation,
}

impl FromSettings for App {
    fn from_settings(settings: &Settings) -> Result<Self, SettingsError> {
        let parts = Parts::of(settings);
        Ok(Self {
            finalizer: parts.finalizer()?,
            bodies: parts.read()?,
            limits: parts.rate_limits()?,
            confirmation: parts.read()?,
        })
    }
}

const ROUTE: Route = Route::of_contract("create-connection");

#[derive(Deserialize)]
#[serde(expecting = "connection_code or site_id")]
struct Body {
    connection_code: String,
    site_id: String,
    replace_account: Field,
}

/// The default for requests that do not say whether another account may be replaced. Setting:
/// `REQUIRE_ACCOUNT_CONFIRMATION`; unless it is `true`, such a request may replace it, because its page has shown this
/// to the person or does not handle accounts.
struct AccountConfirmation {
    may_replace: bool,
}

impl FromSettings for AccountConfirmation {
    fn from_settings(settings: &Settings) -> Result<Self, SettingsError> {
        Ok(Self { may_replace: !settings.flag("REQUIRE_ACCOUNT_CONFIRMATION", false)? })
    }
}

fn main() -> ExitCode {
    serve(handle)
}

/// Confirms that the connection exists.
#[derive(Serialize)]
struct Created {
    success: bool,
}

async fn handle(app: Arc<App>, request: Request) -> Result<Response> {
    let App { finalizer, bodies, limits, confirmation } = &*app;
    let Body { connection_code, site_id, replace_account } = bodies.read(&request, ROUTE)?;
    let (code, site_id) = (ConnectionCode::parse(&connection_code)?, ProviderId::Jira.site_id(&site_id)?);
    limits.admit(&request, Some(code.limited())).await?;
    let visitor = Browser::known(&request, FlowLeg::ToConnection);
    let may_replace = match replace_account {
        Field::Absent => confirmation.may_replace,
        given => given.flag("replace_account")?,
    };
    finalizer.connect(ProviderId::Jira, &code, visitor.as_ref(), site_id, may_replace).await?;
    json(StatusCode::OK, &Created { success: true })
}
