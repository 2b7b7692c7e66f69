//! The list of all connections, for monitoring. It reads no tokens.

use std::sync::LazyLock;

use serde::{Deserialize, Serialize};
use stores::postgres::{failed, within_budget};
use time::OffsetDateTime;
use tokio_postgres::Row;
use tokio_postgres::types::{ToSql, Type};
use uuid::Uuid;

use crate::callers::BackendCaller;
use crate::connections::{AllowedProjects, ConnectionRows};
use crate::error::{Error, Result};
use crate::provider::{CHOSEN_SITES, GrantedScopes, NamedSite, ProviderId};

/// Whether a connection can be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ConnectionState {
    /// It can be used.
    Valid,
    /// The provider rejected its refresh token; the person has to consent again.
    Invalid,
    /// The consent has expired; the person has to consent again.
    Expired,
}

impl ConnectionState {
    /// Parses a state, or returns 400 for anything that [`Self::as_str`] does not return.
    pub fn parse(name: &str) -> Result<Self> {
        [Self::Valid, Self::Invalid, Self::Expired]
            .into_iter()
            .find(|state| state.as_str() == name)
            .ok_or_else(|| Error::bad_request("state must be valid, invalid or expired"))
    }

    /// The state as it appears in queries and responses.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Valid => "valid",
            Self::Invalid => "invalid",
            Self::Expired => "expired",
        }
    }
}

/// Which connections to list.
#[derive(Debug, Clone, Copy, Default)]
pub struct ConnectionFilter {
    /// Only those of this provider.
    pub provider: Option<ProviderId>,
    /// Only those in this state.
    pub state: Option<ConnectionState>,
}

impl ConnectionFilter {
    /// The text that the list's cursors are bound to. Cursors outlive deployments, so this format must not change.
    pub fn cursor_binding(self) -> String {
        format!("Filter {{ provider: {:?}, state: {:?} }}", self.provider, self.state)
    }
}

/// The entry after which a page of the list begins.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListPosition {
    external_id: String,
    provider: String,
}

/// One connection in the list. Times are in whole seconds.
#[derive(Debug, Serialize)]
pub struct ConnectionSummary {
    external_id: String,
    provider: String,
    connection_id: Uuid,
    state: ConnectionState,
    site_id: Option<String>,
    site_name: Option<String>,
    site_url: Option<String>,
    selected_project_id: Option<String>,
    /// The projects that it is limited to: `"selected"` or their ids; null if it is not limited.
    allowed_projects: Option<AllowedProjects>,
    /// The granted scopes, as the provider stated with the most recent tokens.
    granted_scopes: Option<Vec<String>>,
    #[serde(with = "time::serde::rfc3339")]
    created_at: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339")]
    last_updated: OffsetDateTime,
    /// When its refresh token was last issued or used.
    #[serde(with = "time::serde::rfc3339")]
    refreshed_at: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339")]
    expires_at: OffsetDateTime,
}

impl ConnectionSummary {
    /// The position from which the list continues after this entry.
    pub fn position(&self) -> ListPosition {
        ListPosition { external_id: self.external_id.clone(), provider: self.provider.clone() }
    }

    fn from_row(row: &Row) -> Result<Self> {
        let state: String = get(row, "state")?;
        let scopes: Option<String> = get(row, "granted_scopes")?;
        let scopes = scopes.as_deref().and_then(GrantedScopes::parse);
        let allowed: Option<Vec<String>> = get(row, "allowed_projects")?;
        let site = NamedSite::new(get(row, "site_name")?, get(row, "site_url")?);
        let time = |name: &str| get(row, name).map(OffsetDateTime::truncate_to_second);
        Ok(Self {
            external_id: get(row, "external_id")?,
            provider: get(row, "provider")?,
            connection_id: get(row, "connection_id")?,
            state: ConnectionState::parse(&state)?,
            site_id: get(row, "site_id")?,
            site_name: site.name,
            site_url: site.url,
            selected_project_id: get(row, "project_id")?,
            allowed_projects: allowed.map(AllowedProjects::from_stored),
            granted_scopes: scopes.map(|scopes| scopes.iter().map(str::to_owned).collect()),
            created_at: time("created_at")?,
            last_updated: time("last_updated")?,
            refreshed_at: time("refreshed_at")?,
            expires_at: time("expires_at")?,
        })
    }
}

fn get<'a, T: postgres_types::FromSql<'a>>(row: &'a Row, name: &str) -> Result<T> {
    row.try_get(name).map_err(|error| failed(&error).into())
}

// In the order of the map's primary key, so that a page starts with an index lookup.
static LIST: LazyLock<String> = LazyLock::new(|| {
    let chosen_sites = &*CHOSEN_SITES;
    format!(
        r#"
        select * from (
            select m.external_id, m.provider::text, c.connection_id,
                   case when c.invalid_refresh_token then 'invalid'
                        when c.expires_at <= now() then 'expired'
                        else 'valid' end as state,
                   s.site_id, s.site_name, s.site_url, s.project_id, s.allowed_projects, c.granted_scopes,
                   c.created_at, c.last_updated, c.refreshed_at, c.expires_at
            from "juncture-core".connection_external_map m
            join "juncture-core".connection c using (connection_id)
            left join {chosen_sites} s using (connection_id)
            where ($1::text is null or (m.external_id, m.provider) > ($1, $2::text::"juncture-core".provider))
                and ($3::text is null or m.provider = $3::text::"juncture-core".provider)
            order by m.external_id, m.provider
        ) listed
        where $4::text is null or state = $4
        limit $5"#
    )
});

impl ConnectionRows {
    /// Returns up to `limit` connections in the order of their external ids, from the start or after a position.
    /// `_caller` proves that the request is authorized; in cloud mode the list will be limited to its project.
    pub async fn list(
        &self,
        _caller: &BackendCaller,
        filter: ConnectionFilter,
        after: Option<&ListPosition>,
        limit: usize,
    ) -> Result<Vec<ConnectionSummary>> {
        let after = after.map(|after| (after.external_id.as_str(), after.provider.as_str())).unzip();
        let provider = filter.provider.map(ProviderId::as_str);
        let state = filter.state.map(ConnectionState::as_str);
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let parameters: [(&(dyn ToSql + Sync), Type); 5] = [
            (&after.0, Type::TEXT),
            (&after.1, Type::TEXT),
            (&provider, Type::TEXT),
            (&state, Type::TEXT),
            (&limit, Type::INT8),
        ];
        let rows = self
            .read(async |client| {
                let rows = within_budget(client.query_typed(&LIST, &parameters)).await?;
                client.release();
                Ok(rows)
            })
            .await?;
        rows.iter().map(ConnectionSummary::from_row).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursors_of_earlier_versions_remain_valid() {
        let all = ConnectionFilter::default();
        assert_eq!(all.cursor_binding(), "Filter { provider: None, state: None }");
        let some = ConnectionFilter { provider: Some(ProviderId::Jira), state: Some(ConnectionState::Valid) };
        assert_eq!(some.cursor_binding(), "Filter { provider: Some(Jira), state: Some(Valid) }");
    }
}
