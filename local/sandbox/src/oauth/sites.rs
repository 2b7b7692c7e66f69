//! What a token gives access to: `GET /oauth/token/accessible-resources` and `GET /me`.
//! See <https://developer.atlassian.com/cloud/jira/platform/oauth-2-3lo-apps/#3-1-get-the-cloudid-for-your-site>.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Value, json};

use crate::gateway::{self, ApiError, authenticate, scope_does_not_match};
use crate::shared::{AppState, Shared};
use crate::world::directory::Site;

/// Confluence entries have these whatever was requested, as if from an earlier consent.
const CONFLUENCE_SCOPES: [&str; 2] = ["read:confluence-content.summary", "read:confluence-user"];

pub(crate) fn router() -> Router<Arc<Shared>> {
    Router::new().route("/oauth/token/accessible-resources", get(accessible_resources)).route("/me", get(me))
}

/// Images, which are not part of Atlassian's API.
pub(crate) fn avatars() -> Router<Arc<Shared>> {
    Router::new().route("/avatars/{key}", get(avatar))
}

async fn accessible_resources(State(shared): AppState, headers: HeaderMap) -> Result<Json<Value>, ApiError> {
    let session = authenticate(&shared, &headers)?;
    let world = shared.world();
    let granted = world.grants.get(&session.account);
    let sites = granted.into_iter().flat_map(|grant| &grant.sites).filter_map(|key| world.site(key));
    let jira_scopes: Vec<_> = session.scopes.iter().filter(|scope| is_jira_scope(scope)).collect();

    let mut entries = Vec::new();
    for site in sites {
        if site.jira && !jira_scopes.is_empty() {
            entries.push(entry(&shared, site, &json!(jira_scopes)));
        }
        if site.confluence {
            entries.push(entry(&shared, site, &json!(CONFLUENCE_SCOPES)));
        }
    }
    Ok(Json(entries.into()))
}

fn entry(shared: &Shared, site: &Site, scopes: &Value) -> Value {
    json!({
        "id": site.cloud_id,
        "url": site.url(),
        "name": site.name,
        "scopes": scopes,
        "avatarUrl": format!("{}/avatars/{}", shared.url, site.key),
    })
}

fn is_jira_scope(scope: &str) -> bool {
    scope.split(':').skip(1).any(|part| part.starts_with("jira"))
}

async fn me(State(shared): AppState, headers: HeaderMap) -> Result<Json<Value>, ApiError> {
    let session = authenticate(&shared, &headers)?;
    if !session.scopes.contains("read:me") {
        return Err(scope_does_not_match());
    }
    let world = shared.world();
    let account = world.account(&session.account);
    let account = account.ok_or_else(|| gateway::error(StatusCode::UNAUTHORIZED, "Unauthorized"))?;
    Ok(Json(json!({
        "account_id": account.account_id,
        "account_type": "atlassian",
        "account_status": "active",
        "email": account.email(),
        "email_verified": true,
        "name": account.name,
        "nickname": account.key,
        "picture": format!("{}/avatars/{}", shared.url, account.key),
        "locale": "en-GB",
        "zoneinfo": "Europe/London",
    })))
}

/// An avatar for a site, an account or a project: its initial on a coloured square.
async fn avatar(Path(key): Path<String>) -> Response {
    let initial = key.chars().find(char::is_ascii_alphanumeric).unwrap_or('?').to_ascii_uppercase();
    let hue = key.bytes().fold(0_u32, |sum, byte| (sum * 31 + u32::from(byte)) % 360);
    let svg = format!(
        r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 48 48"><rect width="48" height="48" rx="8" fill="hsl({hue} 45% 40%)"/><text x="24" y="33" font-family="sans-serif" font-size="26" text-anchor="middle" fill="#fff">{initial}</text></svg>"##
    );
    ([(CONTENT_TYPE, "image/svg+xml")], svg).into_response()
}
