//! `GET /api/frontend/finalize-connection/jira/fetch-available-sites`: the Jira sites that a consent covers.

use std::process::ExitCode;
use std::sync::Arc;

use base::config::{FromSettings, Settings, SettingsError};
use http::StatusCode;
use juncture::display::DisplayName;
use juncture::error::Result;
use juncture::oauth::{Browser, Choice, ConnectionCode, Finalizer, FlowLeg};
use juncture::parts::Parts;
use juncture::provider::{self, ProviderId, SiteId};
use juncture::rate_limit::PublicRateLimits;
use runtime::{Request, Response, json, query, serve};
use serde::{Deserialize, Serialize};

struct App {
    finalizer: Finalizer,
    limits: PublicRateLimits,
}

impl FromSettings for App {
    fn from_settings(settings: &Settings) -> Result<Self, SettingsError> {
        let parts = Parts::of(settings);
        Ok(Self { finalizer: parts.finalizer()?, limits: parts.rate_limits()? })
    }
}

fn main() -> ExitCode {
    serve(handle)
}

#[derive(Deserialize)]
struct Query {
    connection_code: String,
}

/// The sites in the provider's order, and the account that consented.
#[derive(Serialize)]
struct Available {
    sites: Vec<Site>,
    account: Option<Account>,
    /// Whether another account is currently connected.
    replaces_account: bool,
    /// Whom the connection is for, from the connect token.
    display_name: Option<DisplayName>,
}

#[derive(Serialize)]
struct Site {
    site_id: SiteId,
    site_name: Option<String>,
    url: Option<String>,
    avatar_url: Option<String>,
}

impl From<provider::Site> for Site {
    fn from(site: provider::Site) -> Self {
        Self { site_id: site.id, site_name: site.name, url: site.url, avatar_url: site.avatar_url }
    }
}

/// The account that consented, without its id.
#[derive(Serialize)]
struct Account {
    name: Option<String>,
    email: Option<String>,
}

impl From<provider::Account> for Account {
    fn from(account: provider::Account) -> Self {
        Self { name: account.name, email: account.email }
    }
}

async fn handle(app: Arc<App>, request: Request) -> Result<Response> {
    let App { finalizer, limits } = &*app;
    let Query { connection_code } = query(&request)?;
    let code = ConnectionCode::parse(&connection_code)?;
    limits.admit(&request, Some(code.limited())).await?;
    let visitor = Browser::known(&request, FlowLeg::ToConnection);
    let Choice { sites, account, replaces_account, display_name, .. } =
        finalizer.choice(ProviderId::Jira, &code, visitor.as_ref()).await?;
    let sites = sites.into_iter().map(Site::from).collect();
    let account = account.map(Account::from);
    json(StatusCode::OK, &Available { sites, account, replaces_account, display_name })
}
