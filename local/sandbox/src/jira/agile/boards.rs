//! `GET /rest/agile/1.0/board`.
//! See <https://developer.atlassian.com/cloud/jira/software/rest/api-group-board/>.

use std::sync::Arc;

use axum::extract::{Extension, Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::get;
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};

use super::super::super::{AppState, Shared};
use super::super::contract::Input;
use super::super::tracker::Board;
use super::super::{Refusal, Scopes, View};
use super::page::{Paging, page};

const SCOPES: Scopes =
    Scopes { classic: &[], granular: &["read:board-scope:jira-software", "read:project:jira"] };

pub(super) fn router() -> Router<Arc<Shared>> {
    Router::new().route("/rest/agile/1.0/board", get(boards))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Filter {
    project_key_or_id: Option<String>,
    #[serde(default)]
    include_private: bool,
    #[serde(flatten)]
    paging: Paging,
}

async fn boards(
    State(shared): AppState,
    Path(cloud_id): Path<String>,
    headers: HeaderMap,
    Extension(input): Extension<Input>,
) -> Result<Json<Value>, Refusal> {
    let view = View::open(&shared, &headers, &cloud_id, &SCOPES)?;
    let filter: Filter = input.query()?;
    let project = match &filter.project_key_or_id {
        Some(name) => Some(view.project(name).map(|project| project.id).ok_or_else(|| {
            let text = format!("No project could be found with key or id '{name}'.");
            Refusal::plain(StatusCode::BAD_REQUEST, &text)
        })?),
        None => None,
    };
    let tracker = view.read();
    let wanted = |board: &&Board| project.is_none_or(|project| board.project == project);
    let found = |private: bool| tracker.boards.values().filter(wanted).filter(move |b| b.private == private);
    let mut values: Vec<_> = found(false).map(|board| board.json(&view)).collect();
    if filter.include_private {
        values.extend(found(true).map(|board| board.json(&view)));
    }
    Ok(page(&filter.paging, values, true))
}

/// The board with an id, which must be a number; private ones are hidden.
pub(super) fn find<'a>(
    boards: &'a std::collections::BTreeMap<u64, Board>,
    id: &str,
) -> Result<&'a Board, Refusal> {
    let missing = || {
        let text = format!("Board does not exist or you do not have permission to see it: {id}");
        Refusal::plain(StatusCode::NOT_FOUND, &text)
    };
    let id: u64 = id.parse().map_err(|_| Refusal::misuse("a board's id is a number"))?;
    boards.get(&id).filter(|board| !board.private).ok_or_else(missing)
}

impl Board {
    fn json(&self, view: &View) -> Value {
        let link = view.agile_link(&format!("board/{}", self.id));
        if self.private {
            return json!({ "id": self.id, "self": link, "isPrivate": true });
        }
        let mut body = json!({ "id": self.id, "self": link, "name": self.name, "type": self.kind.name() });
        if let Some(project) = view.site.projects.iter().find(|project| project.id == self.project) {
            body["location"] = json!({
                "projectId": project.id,
                "displayName": format!("{} ({})", project.name, project.key),
                "projectName": project.name,
                "projectKey": project.key,
                "projectTypeKey": project.type_key,
                "avatarURI": format!("{}/avatars/{}", view.origin, project.key),
                "name": format!("{} ({})", project.name, project.key),
            });
        }
        body["isPrivate"] = false.into();
        body
    }
}
