//! `POST /api/backend/jira/count-tickets`: how many issues a query in JQL finds, approximately.

use std::process::ExitCode;
use std::sync::Arc;

use base::config::{FromSettings, Settings, SettingsError};
use http::StatusCode;
use juncture::callers::SecretKeys;
use juncture::error::Result;
use juncture::jira::{Jira, JqlQuery};
use juncture::parts::Parts;
use juncture::provider::ProviderId;
use runtime::{Field, JsonBodies, Request, Response, Route, json, serve};
use serde::{Deserialize, Serialize};

struct App {
    keys: SecretKeys,
    bodies: JsonBodies,
    jira: Jira,
}

impl FromSettings for App {
    fn from_settings(settings: &Settings) -> Result<Self, SettingsError> {
        let parts = Parts::of(settings);
        Ok(Self { keys: parts.secret_keys()?, bodies: parts.read()?, jira: parts.jira()? })
    }
}

const ROUTE: Route = Route::of("count-tickets");

fn main() -> ExitCode {
    serve(handle)
}

#[derive(Deserialize)]
struct Body {
    external_id: String,
    jql: Field,
}

/// The number of issues.
#[derive(Serialize)]
struct Count {
    count: i64,
}

async fn handle(app: Arc<App>, request: Request) -> Result<Response> {
    let App { keys, bodies, jira } = &*app;
    let caller = keys.authorize(&request).await?;
    let Body { external_id, jql } = bodies.read(&request, ROUTE)?;
    let query = JqlQuery::of(jql)?;
    let key = caller.connection_key(ProviderId::Jira.as_str(), &external_id)?;
    let site = jira.site_for_reading(&key).await?;
    let count = async {
        site.check(&query).await?;
        site.count(&query).await
    };
    let count = count.await.map_err(|error| error.in_words_of(&[], "Failed to count Jira tickets"))?;
    json(StatusCode::OK, &Count { count })
}
