//! Atlassian's answers, read as the clients read them, for `crate::fuzz`.

use std::time::SystemTime;

use atlassian::{lenient, oauth};
use base::wait;
use http::{HeaderMap, StatusCode};
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use time::{Duration, OffsetDateTime};

use crate::provider::TokenError;

/// The access token, the refresh token, and how long from now the first one opens.
pub(crate) fn grant(body: &[u8]) -> Option<(String, Option<String>, Duration)> {
    let now = OffsetDateTime::now_utc().truncate_to_second();
    let grant = oauth::grant(body).ok()?;
    let refresh = grant.refresh_token.map(|token| token.expose_secret().to_owned());
    Some((grant.access_token.expose_secret().to_owned(), refresh, grant.expires_at - now))
}

/// What a refusal of tokens means.
pub(crate) fn refusal(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> TokenError {
    oauth::refusal(status, wait::retry_after(headers, SystemTime::now()), body)
}

/// The sites, as `fetch-available-sites` lists them.
pub(crate) fn sites(body: &[u8]) -> Option<Vec<Value>> {
    let sites = oauth::jira_sites(lenient::from_slice(body).ok()?);
    Some(sites.iter().map(|site| json!({ "site_id": site.id, "site_name": site.name })).collect())
}
