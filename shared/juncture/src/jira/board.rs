//! One board: its columns, its estimation and its backlog.

use atlassian::{BoardConfiguration, BoardId, BoardLocation, Column, Refusal, SearchPosition, is_number};
use serde::Serialize;

use super::description::DescriptionFormat;
use super::errors::expired_cursor;
use super::site::ConnectedSite;
use super::tickets::SprintTicket;
use crate::error::Result;
use crate::paging::PageRequest;

/// A board with its columns, as `get-board` returns it. What Jira omits or sends in an unexpected form is null.
#[derive(Debug, Clone, Serialize)]
pub struct BoardDetails {
    board: BoardSummary,
    /// From left to right.
    columns: Vec<BoardColumn>,
    estimation: BoardEstimation,
    /// The id of the field that orders the issues, `customfield_10019`.
    ranking_field_id: Option<String>,
}

/// What identifies a board.
#[derive(Debug, Clone, Serialize)]
struct BoardSummary {
    id: Option<i64>,
    name: Option<String>,
    /// `scrum`, `kanban` or `simple`.
    #[serde(rename = "type")]
    kind: Option<String>,
    /// Null for a person's board.
    project_id: Option<String>,
    project_key: Option<String>,
}

/// A column of a board.
#[derive(Debug, Clone, Serialize)]
struct BoardColumn {
    name: Option<String>,
    /// The ids of its issues' statuses.
    status_ids: Vec<String>,
    min: Option<i64>,
    max: Option<i64>,
    /// Whether the board counts its issues as done.
    is_done: bool,
}

/// How the issues of a board are estimated.
#[derive(Debug, Clone, Default, Serialize)]
struct BoardEstimation {
    /// `none`, `issueCount` or `field`.
    #[serde(rename = "type")]
    kind: Option<String>,
    field_id: Option<String>,
    field_name: Option<String>,
}

impl From<BoardConfiguration> for BoardDetails {
    fn from(raw: BoardConfiguration) -> Self {
        let (project_id, project_key) = project(raw.location.unwrap_or_default());
        let columns = raw.column_config.unwrap_or_default().columns.into_iter().flatten();
        let mut columns: Vec<BoardColumn> = columns.map(BoardColumn::from).collect();
        // The last column with a status counts as done.
        if let Some(done) = columns.iter_mut().rev().find(|column| !column.status_ids.is_empty()) {
            done.is_done = true;
        }
        let estimation = raw.estimation.unwrap_or_default();
        let field = estimation.field.unwrap_or_default();
        let rank = raw.ranking.unwrap_or_default().rank_custom_field_id;
        Self {
            board: BoardSummary { id: raw.id, name: raw.name, kind: raw.kind, project_id, project_key },
            columns,
            estimation: BoardEstimation {
                kind: estimation.kind,
                field_id: field.field_id,
                field_name: field.display_name,
            },
            ranking_field_id: rank.map(|number| format!("customfield_{number}")),
        }
    }
}

impl From<Column> for BoardColumn {
    fn from(raw: Column) -> Self {
        let status_ids = raw.statuses.into_iter().flatten().filter_map(|status| status.id).collect();
        Self { name: raw.name, status_ids, min: raw.min, max: raw.max, is_done: false }
    }
}

/// The id and key of the project that a board belongs to.
fn project(location: BoardLocation) -> (Option<String>, Option<String>) {
    if location.kind.as_deref() == Some("user") {
        return (None, None);
    }
    let (id, key) = location.project_key_or_id.into_iter().partition::<Vec<_>, _>(|text| is_number(text));
    (location.id.or_else(|| id.into_iter().next()), location.key.or_else(|| key.into_iter().next()))
}

impl ConnectedSite<'_> {
    /// Returns a board with its columns, in one call.
    ///
    /// # Errors
    /// `jira_not_found`.
    pub async fn board(&self, board: &BoardId) -> Result<BoardDetails> {
        let mut configuration = self.jira.board_configuration(board).await?;
        configuration.id = configuration.id.or_else(|| board.as_str().parse().ok());
        Ok(configuration.into())
    }

    /// Returns the issues in a board's backlog in the board's order, all of them or one page, and where the next page
    /// starts. One call for each hundred issues.
    ///
    /// # Errors
    /// `jira_not_found`; `jira_refused` if the board has no backlog; 400 if Jira no longer accepts the page's starting
    /// position.
    pub async fn backlog(
        &self,
        board: &BoardId,
        format: DescriptionFormat,
        part: Option<&PageRequest<SearchPosition>>,
    ) -> Result<(Vec<SprintTicket>, Option<SearchPosition>)> {
        self.linked(self.read_backlog(board, format, part)).await
    }

    async fn read_backlog(
        &self,
        board: &BoardId,
        format: DescriptionFormat,
        part: Option<&PageRequest<SearchPosition>>,
    ) -> Result<(Vec<SprintTicket>, Option<SearchPosition>)> {
        let convert = |ticket| SprintTicket::from((ticket, format));
        let from = part.and_then(|part| part.from.as_ref());
        let limit = part.map_or(usize::MAX, |part| part.limit);
        let read = self.jira.backlog(board, from, &self.recent_issues(), limit, &convert).await;
        let (tickets, next) = read.map_err(|error| match error.refusal() {
            Some(Refusal::Invalid) if from.is_some() => expired_cursor(error),
            _ => error.into(),
        })?;
        Ok((tickets, next.filter(|_| part.is_some())))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json, to_value};

    use super::*;

    fn read(raw: Value) -> Value {
        let raw: BoardConfiguration = serde_json::from_value(raw).unwrap();
        to_value(BoardDetails::from(raw)).unwrap()
    }

    #[test]
    fn the_last_column_with_a_status_is_done() {
        let column = |name: &str, statuses: Value| json!({ "name": name, "statuses": statuses });
        let columns = [
            column("Backlog", json!([])),
            column("Open", json!([{ "id": "1" }, { "id": 2 }])),
            column("Done", json!([{ "id": "3" }])),
            column("Shelf", json!([])),
        ];
        let read = read(json!({ "columnConfig": { "columns": columns } }));
        let done: Vec<_> = (0..4).map(|index| read["columns"][index]["is_done"] == true).collect();
        assert_eq!(done, [false, false, true, false]);
        assert_eq!(read["columns"][1]["status_ids"], json!(["1", "2"]));
        assert_eq!(read["estimation"], json!({ "type": null, "field_id": null, "field_name": null }));
        assert_eq!(read["board"]["project_key"], json!(null));
    }

    #[test]
    fn a_board_belongs_to_a_project_or_a_person() {
        for (location, project) in [
            (json!({ "type": "project", "id": "10000", "key": "SHIP" }), (json!("10000"), json!("SHIP"))),
            (json!({ "type": "project", "projectKeyOrId": "SHIP" }), (json!(null), json!("SHIP"))),
            (json!({ "type": "project", "projectKeyOrId": 10_000 }), (json!("10000"), json!(null))),
            (json!({ "type": "user", "id": "5b10a", "key": "ada" }), (json!(null), json!(null))),
            (json!(7), (json!(null), json!(null))),
        ] {
            let board = read(json!({ "location": location }))["board"].clone();
            assert_eq!((board["project_id"].clone(), board["project_key"].clone()), project, "{location}");
        }
    }
}
