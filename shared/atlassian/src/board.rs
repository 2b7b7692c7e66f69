//! A board's configuration and backlog.
//!
//! <https://developer.atlassian.com/cloud/jira/software/rest/>

use std::collections::HashSet;

use serde::Deserialize;

use crate::call::Call;
use crate::client::{JiraSite, Result};
use crate::error::JiraError;
use crate::ids::BoardId;
use crate::lenient;
use crate::reach::Subject;
use crate::search::{EMPTY_PAGES, Page, SearchPosition, TICKETS};
use crate::ticket::{FIELDS, Ticket};

const CONFIGURATION_SCOPES: &str = "read:board-scope.admin:jira-software and read:project:jira";
const BACKLOG_SCOPES: &str = "read:board-scope:jira-software and read:issue-details:jira and read:jql:jira";

/// The configuration of a board. A value of an unexpected type is treated as missing and affects nothing else.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct BoardConfiguration {
    /// The board's id.
    #[serde(deserialize_with = "lenient::integer")]
    pub id: Option<i64>,
    /// Its name.
    #[serde(deserialize_with = "lenient::text")]
    pub name: Option<String>,
    /// `scrum`, `kanban`, or `simple` for a team-managed project's.
    #[serde(rename = "type", deserialize_with = "lenient::text")]
    pub kind: Option<String>,
    /// The project or person that the board belongs to.
    #[serde(deserialize_with = "lenient::object")]
    pub location: Option<BoardLocation>,
    /// Its columns.
    #[serde(deserialize_with = "lenient::object")]
    pub column_config: Option<ColumnConfiguration>,
    /// How its issues are estimated.
    #[serde(deserialize_with = "lenient::object")]
    pub estimation: Option<Estimation>,
    /// How its issues are ordered.
    #[serde(deserialize_with = "lenient::object")]
    pub ranking: Option<Ranking>,
}

/// What a board belongs to.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct BoardLocation {
    /// `project` or `user`.
    #[serde(rename = "type", deserialize_with = "lenient::text")]
    pub kind: Option<String>,
    /// The project's id.
    #[serde(deserialize_with = "lenient::id")]
    pub id: Option<String>,
    /// The project's key.
    #[serde(deserialize_with = "lenient::text")]
    pub key: Option<String>,
    /// The project's key or id, which is all that the documentation has.
    #[serde(deserialize_with = "lenient::id")]
    pub project_key_or_id: Option<String>,
}

/// The columns of a board.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct ColumnConfiguration {
    /// From left to right; an entry that is not an object is `None`.
    #[serde(deserialize_with = "lenient::any_objects")]
    pub columns: Vec<Option<Column>>,
}

/// A column of a board.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Column {
    /// Its name.
    #[serde(deserialize_with = "lenient::text")]
    pub name: Option<String>,
    /// The statuses of its issues.
    #[serde(deserialize_with = "lenient::any_objects")]
    pub statuses: Vec<Option<ColumnStatus>>,
    /// The least number of issues it should have.
    #[serde(deserialize_with = "lenient::integer")]
    pub min: Option<i64>,
    /// The most issues it should have.
    #[serde(deserialize_with = "lenient::integer")]
    pub max: Option<i64>,
}

/// A status in a column.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct ColumnStatus {
    /// The status's id.
    #[serde(deserialize_with = "lenient::id")]
    pub id: Option<String>,
}

/// How the issues of a board are estimated.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Estimation {
    /// `none`, `issueCount` or `field`.
    #[serde(rename = "type", deserialize_with = "lenient::text")]
    pub kind: Option<String>,
    /// The field with the estimate.
    #[serde(deserialize_with = "lenient::object")]
    pub field: Option<EstimationField>,
}

/// The field with an issue's estimate.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct EstimationField {
    /// Its id, `customfield_10016`.
    #[serde(deserialize_with = "lenient::text")]
    pub field_id: Option<String>,
    /// Its name.
    #[serde(deserialize_with = "lenient::text")]
    pub display_name: Option<String>,
}

/// How the issues of a board are ordered.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Ranking {
    /// The number of the custom field with the rank.
    #[serde(deserialize_with = "lenient::integer")]
    pub rank_custom_field_id: Option<i64>,
}

impl JiraSite<'_> {
    /// Reads the configuration of a board.
    ///
    /// <https://developer.atlassian.com/cloud/jira/software/rest/api-group-board/#api-rest-agile-1-0-board-boardid-configuration-get>
    pub async fn board_configuration(&self, board: &BoardId) -> Result<BoardConfiguration> {
        let path = ["rest", "agile", "1.0", "board", board.as_str(), "configuration"];
        let found: BoardConfiguration =
            self.call(Call::get([Subject::Board(board.as_str())], &path, &[], CONFIGURATION_SCOPES)).await?;
        if found.id.is_none() && found.name.is_none() && found.column_config.is_none() {
            return Err(JiraError::Unreadable("no board configuration".to_owned()));
        }
        Ok(found)
    }

    /// Reads the backlog of a board in the board's order, from a position, until there are `limit` issues or no more.
    /// Jira returns at most a hundred at a time, one page after the other. `reconciled` are ids of issues that Jira's
    /// index may not contain yet; they apply without a position only, which contains its own.
    ///
    /// <https://developer.atlassian.com/cloud/jira/software/rest/api-group-board/>
    ///
    /// # Errors
    /// Jira rejects it if the board has no backlog, and if it no longer knows the position.
    /// [`JiraError::EndlessSearch`] if page after page is empty.
    pub async fn backlog<T>(
        &self,
        board: &BoardId,
        from: Option<&SearchPosition>,
        reconciled: &[u64],
        limit: usize,
        convert: &(impl Fn(Ticket) -> T + Sync),
    ) -> Result<(Vec<T>, Option<SearchPosition>)> {
        let reconciled = from.map_or(reconciled, |from| &from.reconciled);
        let mut token = from.map(|from| from.token.clone());
        let mut used: HashSet<String> = token.iter().cloned().collect();
        let mut known = HashSet::new();
        let mut tickets = Vec::new();
        let mut empty_pages = 0;
        while empty_pages < EMPTY_PAGES {
            let size = (limit - tickets.len()).min(TICKETS);
            let mut page = self.backlog_page(board, token.as_deref(), reconciled, size).await?;
            let next = page.take_next().filter(|next| used.insert(next.clone()));
            let mut is_empty = true;
            for ticket in page.issues.into_iter().flatten() {
                is_empty = false;
                if ticket.id.as_ref().is_none_or(|id| known.insert(id.clone())) {
                    tickets.push(convert(ticket));
                }
            }
            empty_pages = if is_empty { empty_pages + 1 } else { 0 };
            if next.is_none() || tickets.len() >= limit {
                let next = next.map(|token| SearchPosition { token, reconciled: reconciled.to_vec() });
                return Ok((tickets, next));
            }
            token = next;
        }
        Err(JiraError::EndlessSearch(EMPTY_PAGES))
    }

    async fn backlog_page(
        &self,
        board: &BoardId,
        token: Option<&str>,
        reconciled: &[u64],
        size: usize,
    ) -> Result<Page<Ticket>> {
        let path = ["rest", "software", "1.0", "board", board.as_str(), "backlog"];
        let (size, fields) = (size.to_string(), FIELDS.join(","));
        let reconciled: Vec<String> = reconciled.iter().map(u64::to_string).collect();
        let mut query = vec![("maxResults", size.as_str()), ("fields", fields.as_str())];
        query.extend(reconciled.iter().map(|id| ("reconcileIssues", id.as_str())));
        query.extend(token.map(|token| ("nextPageToken", token)));
        self.call(Call::get([Subject::Board(board.as_str())], &path, &query, BACKLOG_SCOPES)).await
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_malformed_value_loses_nothing_else_of_a_configuration() {
        let fine = json!({
            "id": 4, "name": "Voyages", "type": "scrum",
            "location": { "type": "project", "id": "10000", "key": "SHIP" },
            "columnConfig": { "columns": [{ "name": "Done", "statuses": [{ "id": "10001" }], "max": 5 }] },
            "estimation": { "type": "field", "field": { "fieldId": "customfield_10016", "displayName": "Points" } },
            "ranking": { "rankCustomFieldId": 10_019 },
        });
        for name in ["id", "name", "type", "location", "columnConfig", "estimation", "ranking"] {
            for odd in
                [json!(null), json!(true), json!([null]), json!({ "columns": 7, "field": [], "type": 7 })]
            {
                let mut raw = fine.clone();
                raw[name] = odd.clone();
                let read: BoardConfiguration = serde_json::from_value(raw).unwrap();
                let kept = [
                    ("id", read.id == Some(4)),
                    ("name", read.name.as_deref() == Some("Voyages")),
                    ("type", read.kind.as_deref() == Some("scrum")),
                    ("location", read.location.and_then(|location| location.key).as_deref() == Some("SHIP")),
                    ("columnConfig", read.column_config.is_some_and(|columns| columns.columns.len() == 1)),
                    ("estimation", read.estimation.and_then(|estimation| estimation.field).is_some()),
                    ("ranking", read.ranking.is_some_and(|rank| rank.rank_custom_field_id == Some(10_019))),
                ];
                for (other, is_kept) in kept {
                    assert!(is_kept || other == name, "{other} is lost with {name}: {odd}");
                }
            }
        }
        let columns = json!({ "columns": [null, 7, { "name": "Open", "statuses": [null, { "id": 3 }, "x"], "min": "a" }] });
        let read: ColumnConfiguration = serde_json::from_value(columns).unwrap();
        let column = read.columns.into_iter().flatten().next().unwrap();
        let ids: Vec<_> = column.statuses.into_iter().flatten().filter_map(|status| status.id).collect();
        assert_eq!((column.name.as_deref(), column.min, ids), (Some("Open"), None, vec!["3".to_owned()]));
    }
}
