//! Jira's REST API behind the gateway, `/ex/jira/{cloudId}/…`: one module per part of the API.
//!
//! - [`contract`]: what Jira knows of paths, parameters and bodies; the rest is a violation and refused.
//!   [`openapi`] does the same by Atlassian's own description, where it is at hand.
//! - [`tracker`]: the issues, boards and sprints of a site, what a site starts with, and projects of any size.
//! - [`jql`], [`search`], [`bulkfetch`]: finding issues; [`render`]: issues as JSON.
//! - [`issue`], [`create`], [`edit`], [`fields`], [`adf`], [`createmeta`]: single issues.
//! - [`agile`]: Jira Software.
//!
//! Sources: <https://developer.atlassian.com/cloud/jira/platform/rest/v3/> and
//! <https://developer.atlassian.com/cloud/jira/software/rest/>; each module names its own.

mod adf;
mod agile;
mod bulkfetch;
mod catalog;
mod contract;
mod create;
mod createmeta;
mod edit;
mod fields;
mod issue;
mod jql;
mod myself;
pub(super) mod openapi;
mod projects;
mod render;
mod search;
pub(super) mod tracker;

use std::collections::BTreeSet;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use axum::{Json, Router, middleware};
use serde_json::{Value, json};
use time::OffsetDateTime;

use super::Shared;
use super::resources::{ApiError, authenticate, gateway_error, scope_does_not_match};
use super::seed::{Account, Project, Site};
use super::settings::Settings;
use contract::Misuse;
use tracker::{Issue, Tracker};

pub(super) fn router(shared: &Arc<Shared>) -> Router<Arc<Shared>> {
    let api = Router::new()
        .merge(myself::router())
        .merge(projects::router())
        .merge(search::router())
        .merge(bulkfetch::router())
        .merge(issue::router())
        .merge(create::router())
        .merge(createmeta::router())
        .merge(agile::router())
        .route(contract::UNKNOWN, any(unknown));
    let guard = middleware::from_fn_with_state(Arc::clone(shared), contract::guard);
    Router::new().nest("/ex/jira/{cloud_id}", api.route_layer(guard))
}

async fn unknown() -> Refusal {
    let (status, body) = gateway_error(StatusCode::NOT_FOUND, "Not Found");
    Refusal { status, body: body.0, misuse: Some("the sandbox knows no such path".to_owned()) }
}

/// What an endpoint asks of a token: the classic scopes alone are enough, or all of the granular ones.
/// See <https://developer.atlassian.com/cloud/jira/platform/scopes-for-oauth-2-3LO-and-forge-apps/>.
struct Scopes {
    classic: &'static [&'static str],
    granular: &'static [&'static str],
}

impl Scopes {
    fn allowed_by(&self, granted: &BTreeSet<String>) -> bool {
        let has_all =
            |scopes: &[&str]| !scopes.is_empty() && scopes.iter().all(|&scope| granted.contains(scope));
        has_all(self.classic) || has_all(self.granular)
    }
}

/// A site as one account sees it.
struct View {
    site: Site,
    account: Account,
    accounts: Vec<Account>,
    settings: Settings,
    tracker: Arc<RwLock<Tracker>>,
    now: OffsetDateTime,
    origin: String,
}

impl View {
    /// Admits a request as the gateway does: the token, then the site, then the scopes.
    fn open(shared: &Shared, headers: &HeaderMap, cloud_id: &str, scopes: &Scopes) -> Result<Self, ApiError> {
        let session = authenticate(shared, headers)?;
        let world = shared.world();
        let hidden = || gateway_error(StatusCode::NOT_FOUND, "Not Found");
        let granted = world.grants.get(&session.account).ok_or_else(hidden)?;
        let site = world
            .sites
            .iter()
            .find(|site| site.cloud_id == cloud_id && site.jira && granted.sites.contains(&site.key))
            .ok_or_else(hidden)?;
        if !scopes.allowed_by(&session.scopes) {
            return Err(scope_does_not_match());
        }
        Ok(Self {
            site: site.clone(),
            account: world.account(&session.account).ok_or_else(hidden)?.clone(),
            accounts: world.accounts.clone(),
            settings: world.settings(Some(&session.account)).clone(),
            tracker: Arc::clone(world.trackers.get(&site.key).ok_or_else(hidden)?),
            now: world.now(),
            origin: shared.url.clone(),
        })
    }

    fn read(&self) -> RwLockReadGuard<'_, Tracker> {
        self.tracker.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Tracker> {
        self.tracker.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// An absolute URL of this site's REST API.
    fn link(&self, path: &str) -> String {
        format!("{}/ex/jira/{}/rest/api/3/{path}", self.origin, self.site.cloud_id)
    }

    fn agile_link(&self, path: &str) -> String {
        format!("{}/ex/jira/{}/rest/agile/1.0/{path}", self.origin, self.site.cloud_id)
    }

    fn avatars(&self, key: &str) -> Value {
        let url = format!("{}/avatars/{key}", self.origin);
        json!({ "16x16": url, "24x24": url, "32x32": url, "48x48": url })
    }

    /// Finds a project by its id or its exact key.
    fn project(&self, id_or_key: &str) -> Option<&Project> {
        let wanted = |project: &&Project| project.key == id_or_key || project.id.to_string() == id_or_key;
        self.site.projects.iter().find(wanted)
    }

    /// The key of an issue.
    fn key(&self, issue: &Issue) -> String {
        let project = self.site.projects.iter().find(|project| project.id == issue.project);
        format!("{}-{}", project.map_or("", |project| &project.key), issue.number)
    }

    /// An issue's project, as issues tell it.
    fn project_of(&self, issue: &Issue) -> Value {
        let Some(project) = self.site.projects.iter().find(|project| project.id == issue.project) else {
            return Value::Null;
        };
        json!({
            "self": self.link(&format!("project/{}", project.id)),
            "id": project.id.to_string(),
            "key": project.key,
            "name": project.name,
            "projectTypeKey": project.type_key,
            "simplified": project.team_managed,
            "avatarUrls": self.avatars(&project.key),
        })
    }

    /// A user. Most hide their address; those with the older, shorter ids do not.
    fn user(&self, key: &str) -> Value {
        let Some(account) = self.accounts.iter().find(|account| account.key == key) else {
            return Value::Null;
        };
        let mut user = json!({
            "self": self.link(&format!("user?accountId={}", account.account_id)),
            "accountId": account.account_id,
            "accountType": "atlassian",
            "displayName": account.name,
            "active": true,
            "avatarUrls": self.avatars(&account.key),
            "timeZone": "Europe/London",
        });
        if !account.account_id.contains(':') {
            user["emailAddress"] = account.email().into();
        }
        user
    }
}

/// An error in Jira's own form.
fn error(status: StatusCode, message: &str) -> ApiError {
    (status, Json(json!({ "errorMessages": [message], "errors": {} })))
}

/// A JSON body that is text already.
fn json_text(body: String) -> Response {
    ([(CONTENT_TYPE, "application/json;charset=UTF-8")], body).into_response()
}

/// A refused request, and whether the app is to blame for it.
#[derive(Debug)]
struct Refusal {
    status: StatusCode,
    body: Value,
    /// What no correct app would have sent; recorded as a violation.
    misuse: Option<String>,
}

impl Refusal {
    /// Refused for what the user or the site is like.
    fn plain(status: StatusCode, text: &str) -> Self {
        error(status, text).into()
    }

    /// Refused because the app should know better.
    fn violation(status: StatusCode, text: &str, misuse: &str) -> Self {
        Self { misuse: Some(misuse.to_owned()), ..Self::plain(status, text) }
    }

    /// A violation that is answered with 400.
    fn misuse(problem: &str) -> Self {
        Self::violation(StatusCode::BAD_REQUEST, problem, problem)
    }
}

impl From<ApiError> for Refusal {
    fn from((status, Json(body)): ApiError) -> Self {
        Self { status, body, misuse: None }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let mut response = (self.status, Json(self.body)).into_response();
        if let Some(problem) = self.misuse {
            response.extensions_mut().insert(Misuse(problem));
        }
        response
    }
}
