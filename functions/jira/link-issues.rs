//! `POST /api/backend/jira/link-issues`: links two Jira issues, with the relation in words.

use std::process::ExitCode;
use std::sync::Arc;

use base::config::{FromSettings, Settings, SettingsError};
use http::StatusCode;
use juncture::callers::SecretKeys;
use juncture::error::{ErrorCode, Result};
use juncture::idempotency::{IdempotencyStore, Once};
use juncture::jira::{IssuePair, Jira, Relation, issue_ref};
use juncture::parts::Parts;
use juncture::provider::ProviderId;
use runtime::{JsonBodies, Request, Response, Route, idempotency_key, json, serve};
use serde::Deserialize;

struct App {
    keys: SecretKeys,
    bodies: JsonBodies,
    jira: Jira,
    idempotency: IdempotencyStore,
}

impl FromSettings for App {
    fn from_settings(settings: &Settings) -> Result<Self, SettingsError> {
        let parts = Parts::of(settings);
        Ok(Self {
            keys: parts.secret_keys()?,
            bodies: parts.read()?,
            jira: parts.jira()?,
            idempotency: parts.idempotency()?,
        })
    }
}

const ROUTE: Route = Route::of("link-issues");

/// The link to create.
#[derive(Deserialize)]
struct Wanted {
    external_id: String,
    from: String,
    relation: String,
    to: String,
    link_type_id: Option<String>,
}

const FAILED: &str = "Failed to link Jira issues";

const NOT_FOUND: &str = "Jira does not link these: an issue does not exist or is not visible to the connected \
    account, the account may not link it, or links between issues are switched off on this site";

fn main() -> ExitCode {
    serve(handle)
}

async fn handle(app: Arc<App>, request: Request) -> Result<Response> {
    let App { keys, bodies, jira, idempotency } = &*app;
    let caller = keys.authorize(&request).await?;
    let idempotency_key = idempotency_key(&request)?;
    let (wanted, digest): (Wanted, _) = bodies.read_with_digest(&request, ROUTE)?;
    let relation = Relation::of(&wanted.relation, wanted.link_type_id.as_deref())?;
    let pair = IssuePair::new(issue_ref(&wanted.from, "from")?, relation, issue_ref(&wanted.to, "to")?)?;
    let key = caller.connection_key(ProviderId::Jira.as_str(), &wanted.external_id)?;
    let site = jira.site(&key).await?;
    let once = Once::new(idempotency, idempotency_key, &digest);
    let linked = site.link_issues(&once, pair).await.map_err(|error| {
        let sentences = [
            (ErrorCode::JiraNotFound, NOT_FOUND),
            (ErrorCode::JiraRefused, "Jira refused to link the issues"),
        ];
        once.explain(error.in_words_of(&sentences, FAILED), FAILED, "the link")
    })?;
    json(StatusCode::CREATED, &linked)
}
