//! `DELETE /api/backend/jira/unlink-issues`: removes a link between two Jira issues. Accepts the parameters in the
//! query or as a JSON body.

use std::process::ExitCode;
use std::sync::Arc;

use base::config::{FromSettings, Settings, SettingsError};
use http::StatusCode;
use juncture::callers::SecretKeys;
use juncture::error::{Error, ErrorCode, Result};
use juncture::jira::{IssuePair, Jira, LinkId, Relation, Unlink, issue_ref};
use juncture::parts::Parts;
use juncture::provider::ProviderId;
use runtime::{JsonBodies, Request, RequestError, Response, Route, json, serve};
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

const ROUTE: Route = Route::of("unlink-issues");

/// The link to remove: by its id, or by what it says.
#[derive(Deserialize)]
struct Wanted {
    external_id: String,
    link_id: Option<String>,
    from: Option<String>,
    relation: Option<String>,
    to: Option<String>,
    link_type_id: Option<String>,
}

impl Wanted {
    fn link(&self) -> Result<Unlink> {
        let Self { link_id, from, relation, to, link_type_id, .. } = self;
        let says = from.is_some() || relation.is_some() || to.is_some() || link_type_id.is_some();
        match (link_id, from, relation, to) {
            (Some(id), ..) if !says => Ok(Unlink::Id(LinkId::parse(id)?)),
            (Some(_), ..) => Err(Error::bad_request("Send either link_id, or from, relation and to")),
            (None, Some(from), Some(relation), Some(to)) => {
                let relation = Relation::of(relation, link_type_id.as_deref())?;
                let pair = IssuePair::new(issue_ref(from, "from")?, relation, issue_ref(to, "to")?)?;
                Ok(Unlink::Between(pair))
            }
            _ => Err(RequestError::missing("link_id, or from, relation and to").into()),
        }
    }
}

fn main() -> ExitCode {
    serve(handle)
}

/// Confirms that the link was removed.
#[derive(Serialize)]
struct Unlinked {
    success: bool,
}

async fn handle(app: Arc<App>, request: Request) -> Result<Response> {
    let App { keys, bodies, jira } = &*app;
    let caller = keys.authorize(&request).await?;
    let wanted: Wanted = bodies.read_or_query(&request, ROUTE)?;
    let link = wanted.link()?;
    let key = caller.connection_key(ProviderId::Jira.as_str(), &wanted.external_id)?;
    let site = jira.site(&key).await?;
    site.unlink_issues(&link).await.map_err(|error| {
        let sentences = [(ErrorCode::JiraRefused, "Jira refused to remove the link")];
        error.in_words_of(&sentences, "Failed to remove the link between Jira issues")
    })?;
    json(StatusCode::OK, &Unlinked { success: true })
}
