//! The controls over HTTP, `/_sandbox/…`, for people and scripts. Tests in the same process use [`Handle`].

use std::sync::Arc;

use axum::extract::{FromRef, Path, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use axum::routing::{delete, get, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::handle::Handle;
use crate::oauth::consent::Consent;
use crate::shared::Shared;
use crate::traffic::faults::Rule;
use crate::traffic::log::Violation;

pub(crate) fn router() -> Router<Arc<Shared>> {
    Router::new()
        .route("/_sandbox", get(guide))
        .route("/_sandbox/redirect-uris", post(register_redirect_uri))
        .route("/_sandbox/consent", post(consent))
        .route("/_sandbox/grants/{account}", delete(revoke_grant))
        .route("/_sandbox/access-tokens/expire", post(expire_access_tokens))
        .route("/_sandbox/faults", post(inject).delete(clear_faults))
        .route("/_sandbox/violations", get(violations))
}

impl FromRef<Arc<Shared>> for Handle {
    fn from_ref(shared: &Arc<Shared>) -> Self {
        Self::new(Arc::clone(shared))
    }
}

/// The response to a control that failed.
type Refused = (StatusCode, Json<Value>);

fn refuse(status: StatusCode, why: &str) -> Refused {
    (status, Json(json!({ "error": why })))
}

async fn guide() -> impl IntoResponse {
    ([(CONTENT_TYPE, "text/plain; charset=utf-8")], include_str!("../templates/guide.txt"))
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

async fn consent(
    State(sandbox): State<Handle>,
    Json(consent): Json<Consent>,
) -> Result<Json<Value>, Refused> {
    let redirect = sandbox.consent(&consent).map_err(|why| refuse(StatusCode::BAD_REQUEST, &why))?;
    Ok(Json(json!({ "redirect": redirect })))
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

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OfAccount {
    account: Option<String>,
}

async fn expire_access_tokens(State(sandbox): State<Handle>, Json(of): Json<OfAccount>) -> Json<Value> {
    Json(json!({ "expired": sandbox.expire_access_tokens(of.account.as_deref()) }))
}

async fn inject(State(sandbox): State<Handle>, Json(rule): Json<Rule>) -> StatusCode {
    sandbox.inject(rule);
    StatusCode::CREATED
}

async fn clear_faults(State(sandbox): State<Handle>) -> StatusCode {
    sandbox.clear_faults();
    StatusCode::NO_CONTENT
}

async fn violations(State(sandbox): State<Handle>) -> Json<Vec<Violation>> {
    Json(sandbox.violations())
}
