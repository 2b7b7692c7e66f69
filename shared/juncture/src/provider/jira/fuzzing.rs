//! Atlassian's answers, read as the clients read them, for `crate::fuzz`.

use std::time::SystemTime;

use base::wait;
use http::{HeaderMap, StatusCode};
use secrecy::ExposeSecret;
use serde_json::Value;
use time::{Duration, OffsetDateTime};

use super::{sites, token};
use crate::lenient;
use crate::provider::TokenError;

/// The access token, the refresh token, and how long from now the first one opens.
pub(crate) fn grant(body: &[u8]) -> Option<(String, Option<String>, Duration)> {
    let now = OffsetDateTime::now_utc().truncate_to_second();
    let grant = token::grant(body).ok()?;
    let refresh = grant.refresh_token.map(|token| token.expose_secret().to_owned());
    Some((grant.access_token.expose_secret().to_owned(), refresh, grant.expires_at - now))
}

/// What a refusal of tokens means.
pub(crate) fn refusal(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> TokenError {
    token::refusal(status, wait::retry_after(headers, SystemTime::now()), body)
}

/// The sites, as `fetch-available-sites` lists them.
pub(crate) fn sites(body: &[u8]) -> Option<Vec<Value>> {
    let sites = sites::jira_sites(lenient::from_slice(body).ok()?);
    sites.iter().map(|site| serde_json::to_value(site).ok()).collect()
}
