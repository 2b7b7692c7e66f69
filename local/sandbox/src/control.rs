//! `/_sandbox/…`: the controls as JSON over HTTP, for people and scripts. The JSON is that of the types in
//! [`Handle`]'s methods.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{FromRef, Path, Query, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use axum::routing::{delete, get, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::Shared;
use super::authorize::Consent;
use super::faults::Rule;
use super::gates::GateSpec;
use super::handle::{Handle, NewAccount};
use super::jira::tracker::{CreatedProject, NewProject};
use super::seed::{Account, Site};
use super::settings::Settings;
use super::tokens::Family;
use super::traffic::{Class, LoggedRequest, Violation};
use super::world::Grant;

pub(super) fn router() -> Router<Arc<Shared>> {
    Router::new()
        .route("/_sandbox", get(guide))
        .route("/_sandbox/accounts", get(accounts).post(create_account))
        .route("/_sandbox/accounts/{account}/newest-refresh-token", get(newest_refresh_token))
        .route("/_sandbox/sites", get(sites))
        .route("/_sandbox/sites/{site}/projects", post(create_project))
        .route("/_sandbox/redirect-uris", post(register_redirect_uri))
        .route("/_sandbox/consent", post(consent))
        .route("/_sandbox/grants", get(grants))
        .route("/_sandbox/grants/{account}", delete(revoke_grant))
        .route("/_sandbox/families", get(families))
        .route("/_sandbox/access-tokens/expire", post(expire_access_tokens))
        .route("/_sandbox/refresh-tokens/check", post(check_refresh_token))
        .route("/_sandbox/settings", get(settings).patch(change_settings))
        .route("/_sandbox/clock/advance", post(advance_clock))
        .route("/_sandbox/faults", get(faults).post(inject).delete(clear_faults))
        .route("/_sandbox/gates", post(hold))
        .route("/_sandbox/gates/{id}/arrival", get(arrival))
        .route("/_sandbox/gates/{id}/release", post(release))
        .route("/_sandbox/counters", get(counters))
        .route("/_sandbox/requests", get(requests))
        .route("/_sandbox/violations", get(violations))
        .route("/_sandbox/reset", post(reset))
}

impl FromRef<Arc<Shared>> for Handle {
    fn from_ref(shared: &Arc<Shared>) -> Self {
        Self::new(Arc::clone(shared))
    }
}

/// What a control refuses, and why.
type Refused = (StatusCode, Json<Value>);

fn refuse(status: StatusCode, why: &str) -> Refused {
    (status, Json(json!({ "error": why })))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OfAccount {
    account: Option<String>,
}

impl OfAccount {
    /// The account's key; one that does not exist would silently concern nobody.
    fn check(&self, sandbox: &Handle) -> Result<Option<&str>, Refused> {
        match &self.account {
            Some(key) if sandbox.accounts().iter().all(|account| account.key != *key) => {
                Err(refuse(StatusCode::NOT_FOUND, "no such account"))
            }
            account => Ok(account.as_deref()),
        }
    }
}

async fn guide() -> impl IntoResponse {
    ([(CONTENT_TYPE, "text/plain; charset=utf-8")], include_str!("../templates/guide.txt"))
}

async fn accounts(State(sandbox): State<Handle>) -> Json<Vec<Account>> {
    Json(sandbox.accounts())
}

async fn create_account(
    State(sandbox): State<Handle>,
    Json(new): Json<NewAccount>,
) -> Result<(StatusCode, Json<Account>), Refused> {
    let created = sandbox.create_account(new);
    created
        .map(|account| (StatusCode::CREATED, Json(account)))
        .map_err(|why| refuse(StatusCode::BAD_REQUEST, &why))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewRedirectUri {
    redirect_uri: String,
}

async fn register_redirect_uri(State(sandbox): State<Handle>, Json(new): Json<NewRedirectUri>) -> StatusCode {
    sandbox.register_redirect_uri(&new.redirect_uri);
    StatusCode::CREATED
}

async fn newest_refresh_token(
    State(sandbox): State<Handle>,
    Path(account): Path<String>,
) -> Result<Json<Value>, Refused> {
    let token = sandbox.newest_refresh_token(&account);
    let token = token.ok_or_else(|| refuse(StatusCode::NOT_FOUND, "no refresh token was issued"))?;
    Ok(Json(json!({ "refresh_token": token })))
}

async fn sites(State(sandbox): State<Handle>) -> Json<Vec<Site>> {
    Json(sandbox.sites())
}

async fn create_project(
    State(sandbox): State<Handle>,
    Path(site): Path<String>,
    Json(new): Json<NewProject>,
) -> Result<(StatusCode, Json<CreatedProject>), Refused> {
    let created = sandbox.create_project(&site, &new);
    created
        .map(|project| (StatusCode::CREATED, Json(project)))
        .map_err(|why| refuse(StatusCode::BAD_REQUEST, &why))
}

async fn consent(
    State(sandbox): State<Handle>,
    Json(consent): Json<Consent>,
) -> Result<Json<Value>, Refused> {
    let redirect = sandbox.consent(&consent).map_err(|why| refuse(StatusCode::BAD_REQUEST, &why))?;
    Ok(Json(json!({ "redirect": redirect })))
}

async fn grants(State(sandbox): State<Handle>) -> Json<Vec<Grant>> {
    Json(sandbox.grants())
}

async fn revoke_grant(
    State(sandbox): State<Handle>,
    Path(account): Path<String>,
) -> Result<StatusCode, Refused> {
    if sandbox.revoke_grant(&account) {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(refuse(StatusCode::NOT_FOUND, "this account granted nothing"))
    }
}

async fn families(State(sandbox): State<Handle>) -> Json<Vec<Family>> {
    Json(sandbox.families())
}

async fn expire_access_tokens(
    State(sandbox): State<Handle>,
    Json(of): Json<OfAccount>,
) -> Result<Json<Value>, Refused> {
    let expired = sandbox.expire_access_tokens(of.check(&sandbox)?);
    Ok(Json(json!({ "expired": expired })))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RefreshTokenCheck {
    refresh_token: String,
}

async fn check_refresh_token(
    State(sandbox): State<Handle>,
    Json(check): Json<RefreshTokenCheck>,
) -> Json<Value> {
    Json(json!({ "accepted": sandbox.accepts_refresh_token(&check.refresh_token) }))
}

async fn settings(
    State(sandbox): State<Handle>,
    Query(of): Query<OfAccount>,
) -> Result<Json<Settings>, Refused> {
    Ok(Json(sandbox.settings(of.check(&sandbox)?)))
}

/// Changes the settings that are named, and leaves the others.
async fn change_settings(
    State(sandbox): State<Handle>,
    Query(of): Query<OfAccount>,
    Json(changes): Json<Map<String, Value>>,
) -> Result<Json<Settings>, Refused> {
    let account = of.check(&sandbox)?;
    let unreadable = |error: serde_json::Error| refuse(StatusCode::BAD_REQUEST, &error.to_string());
    let mut merged = serde_json::to_value(sandbox.settings(account)).map_err(unreadable)?;
    if let Value::Object(fields) = &mut merged {
        fields.extend(changes);
    }
    let settings: Settings = serde_json::from_value(merged).map_err(unreadable)?;
    sandbox.set_settings(account, settings.clone());
    Ok(Json(settings))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Advance {
    seconds: u64,
}

async fn advance_clock(State(sandbox): State<Handle>, Json(advance): Json<Advance>) -> StatusCode {
    sandbox.advance_clock(Duration::from_secs(advance.seconds));
    StatusCode::NO_CONTENT
}

async fn faults(State(sandbox): State<Handle>) -> Json<Vec<Rule>> {
    Json(sandbox.faults())
}

async fn inject(State(sandbox): State<Handle>, Json(rule): Json<Rule>) -> StatusCode {
    sandbox.inject(rule);
    StatusCode::CREATED
}

async fn clear_faults(State(sandbox): State<Handle>) -> StatusCode {
    sandbox.clear_faults();
    StatusCode::NO_CONTENT
}

async fn hold(State(sandbox): State<Handle>, Json(spec): Json<GateSpec>) -> (StatusCode, Json<Value>) {
    let (id, _) = sandbox.add_gate(spec);
    (StatusCode::CREATED, Json(json!({ "id": id })))
}

/// Answers when a request stands at the gate.
async fn arrival(State(sandbox): State<Handle>, Path(id): Path<usize>) -> Result<Json<Value>, Refused> {
    let gate = sandbox.gate(id).ok_or_else(|| refuse(StatusCode::NOT_FOUND, "no such gate"))?;
    gate.wait_for_arrival().await;
    Ok(Json(json!({ "arrived": true })))
}

async fn release(State(sandbox): State<Handle>, Path(id): Path<usize>) -> Result<StatusCode, Refused> {
    let gate = sandbox.gate(id).ok_or_else(|| refuse(StatusCode::NOT_FOUND, "no such gate"))?;
    gate.release();
    Ok(StatusCode::NO_CONTENT)
}

async fn counters(State(sandbox): State<Handle>) -> impl IntoResponse {
    Json(sandbox.all_counters())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RequestFilter {
    class: Option<Class>,
    account: Option<String>,
}

async fn requests(
    State(sandbox): State<Handle>,
    Query(filter): Query<RequestFilter>,
) -> Json<Vec<LoggedRequest>> {
    let mut requests = sandbox.requests();
    requests.retain(|request| {
        filter.class.is_none_or(|class| request.class == class)
            && (filter.account.is_none() || request.account == filter.account)
    });
    Json(requests)
}

async fn violations(State(sandbox): State<Handle>, Query(of): Query<OfAccount>) -> Json<Vec<Violation>> {
    let mut violations = sandbox.violations();
    violations.retain(|violation| of.account.is_none() || violation.account == of.account);
    Json(violations)
}

async fn reset(State(sandbox): State<Handle>) -> StatusCode {
    sandbox.reset();
    StatusCode::NO_CONTENT
}
