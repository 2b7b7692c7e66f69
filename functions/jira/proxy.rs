//! `ANY /api/backend/jira/proxy/{path+}`: passes a call of Jira's own API on, with the token of a connection.

use std::process::ExitCode;
use std::sync::Arc;

use base::config::{FromSettings, Settings, SettingsError};
use juncture::callers::SecretKeys;
use juncture::error::Result;
use juncture::jira::{Jira, ProxyCall, ProxyRules};
use juncture::parts::Parts;
use juncture::provider::ProviderId;
use runtime::{Request, Response, serve_proxy};

struct App {
    keys: SecretKeys,
    jira: Jira,
    rules: ProxyRules,
}

impl FromSettings for App {
    fn from_settings(settings: &Settings) -> Result<Self, SettingsError> {
        let parts = Parts::of(settings);
        Ok(Self { keys: parts.secret_keys()?, jira: parts.jira()?, rules: parts.read()? })
    }
}

fn main() -> ExitCode {
    serve_proxy(handle)
}

async fn handle(app: Arc<App>, request: Request) -> Result<Response> {
    let App { keys, jira, rules } = &*app;
    let caller = keys.authorize(&request).await?;
    let call = ProxyCall::of(request, rules)?;
    let key = caller.connection_key(ProviderId::Jira.as_str(), &call.external_id)?;
    let is_read = call.is_read();
    let site = if is_read { jira.site_for_reading(&key).await? } else { jira.site(&key).await? };
    site.pass_on(call).await
}
