//! Connections that nobody uses are refreshed before the provider lets them die.
//!
//! Atlassian ends a refresh token that was not used for 90 days
//! (<https://developer.atlassian.com/cloud/jira/platform/oauth-2-3lo-apps/>).

use std::time::{Duration, Instant};

use serde::Serialize;
use time::OffsetDateTime;
use tokio_postgres::types::{ToSql, Type};
use uuid::Uuid;

use super::address::{Address, ExternalId};
use super::store::Store;
use super::tokens::Tokens;
use crate::config::{FromSettings, Settings, SettingsError};
use crate::deadline;
use crate::error::{Error, Result};
use crate::postgres::{failed, within_budget};
use crate::provider::ProviderId;

/// After how many days without use a connection is refreshed, unless `IDLE_REFRESH_AFTER_DAYS` says otherwise. It
/// leaves Atlassian's 90 days enough room for an outage.
const AFTER_DAYS: u32 = 60;

/// How many connections one run refreshes, unless `IDLE_REFRESH_BATCH` says otherwise.
const BATCH: u32 = 50;

/// What one refresh may take; none is begun with less.
const ONE_REFRESH: Duration = Duration::from_secs(20);

/// Refreshes idle connections. Settings: those of [`Tokens`] and [`Store`], `IDLE_REFRESH_AFTER_DAYS` (1 to 80) and
/// `IDLE_REFRESH_BATCH` (1 to 1000).
pub struct IdleConnections {
    store: Store,
    tokens: Tokens,
    after: Duration,
    batch: usize,
}

impl FromSettings for IdleConnections {
    fn from_settings(settings: &Settings) -> Result<Self, SettingsError> {
        let days = number(settings, "IDLE_REFRESH_AFTER_DAYS", AFTER_DAYS, 80)?;
        let batch = number(settings, "IDLE_REFRESH_BATCH", BATCH, 1000)?;
        Ok(Self {
            store: Store::from_settings(settings)?,
            tokens: Tokens::from_settings(settings)?,
            after: Duration::from_secs(u64::from(days) * 24 * 60 * 60),
            batch: usize::try_from(batch).unwrap_or(usize::MAX),
        })
    }
}

fn number(settings: &Settings, name: &'static str, default: u32, most: u32) -> Result<u32, SettingsError> {
    let Some(text) = settings.optional(name) else { return Ok(default) };
    text.parse().ok().filter(|number| (1..=most).contains(number)).ok_or_else(|| SettingsError::Invalid {
        name,
        reason: format!("must be a whole number from 1 to {most}"),
    })
}

/// What became of one run.
#[derive(Debug, Default, Serialize)]
pub struct IdleReport {
    /// How many connections were refreshed.
    pub refreshed: usize,
    /// The ids of those that the provider has rejected: their owners have to connect again.
    pub died: Vec<Uuid>,
    /// The ids of those that cannot be refreshed for a reason of ours, such as a key that was rotated out.
    pub failed: Vec<Uuid>,
    /// Why the run ended early, as the code of an error: what is left is for the next run.
    pub stopped: Option<&'static str>,
}

/// An idle connection, and since when.
struct Idle {
    id: Uuid,
    address: Address,
    since: OffsetDateTime,
}

impl IdleConnections {
    /// Refreshes idle connections, one after the other, the longest idle first, up to the batch's size or until the
    /// time is up. An outage or a rate limit of the provider, or of a store, ends the run: it would hit the others
    /// too.
    ///
    /// # Errors
    /// 503 when the database cannot be read.
    pub async fn refresh(&self) -> Result<IdleReport> {
        let mut report = IdleReport::default();
        let before = OffsetDateTime::now_utc() - self.after;
        let mut position = None;
        while let left @ 1.. = self.batch.saturating_sub(report.refreshed + report.died.len()) {
            let part = self.find(before, position, left).await?;
            let Some(last) = part.last() else { break };
            position = Some((last.since, last.id));
            for idle in &part {
                if deadline::remaining() < ONE_REFRESH {
                    report.stopped = Some("timed_out");
                    return Ok(report);
                }
                if let Some(code) = self.refresh_one(idle, &mut report).await {
                    report.stopped = Some(code);
                    return Ok(report);
                }
            }
        }
        Ok(report)
    }

    /// Refreshes one connection as any caller would; gives a reason to stop if there is one.
    async fn refresh_one(&self, idle: &Idle, report: &mut IdleReport) -> Option<&'static str> {
        let session = self.tokens.session(&idle.address);
        let Err(error) = deadline::scope(Instant::now() + ONE_REFRESH, session).await else {
            report.refreshed += 1;
            return None;
        };
        match error.code() {
            "needs_reauthorization" => {
                tracing::warn!(connection_id = %idle.id, "an idle connection died");
                report.died.push(idle.id);
            }
            // Removed meanwhile.
            "connection_not_found" => {}
            "internal" => {
                let cause = error.cause_chain().unwrap_or_default();
                tracing::error!(connection_id = %idle.id, cause, "an idle connection could not be refreshed");
                report.failed.push(idle.id);
            }
            code => {
                let cause = error.cause_chain().unwrap_or_default();
                tracing::warn!(connection_id = %idle.id, code, cause, "idle connections are left for later");
                return Some(code);
            }
        }
        None
    }

    async fn find(
        &self,
        before: OffsetDateTime,
        after: Option<(OffsetDateTime, Uuid)>,
        limit: usize,
    ) -> Result<Vec<Idle>> {
        const IDLE: &str = r#"
            select c.connection_id, c.refreshed_at, m.external_id, m.provider::text
            from "juncture-core".connection c
            join "juncture-core".connection_external_map m using (connection_id)
            where not c.invalid_refresh_token and c.expires_at > now() and c.refreshed_at < $1
                and ($2::timestamptz is null or (c.refreshed_at, c.connection_id) > ($2, $3))
            order by c.refreshed_at, c.connection_id
            limit $4"#;
        let (since, id) = after.unzip();
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let parameters: [(&(dyn ToSql + Sync), Type); 4] = [
            (&before, Type::TIMESTAMPTZ),
            (&since, Type::TIMESTAMPTZ),
            (&id, Type::UUID),
            (&limit, Type::INT8),
        ];
        // The connection goes back to the pool here: a refresh needs it.
        let client = self.store.live_connection().await?;
        let rows = within_budget(client.query_typed(IDLE, &parameters)).await?;
        let read = |row: &tokio_postgres::Row| {
            let read = || -> Result<_, tokio_postgres::Error> {
                let names: (String, String) = (row.try_get("external_id")?, row.try_get("provider")?);
                Ok((row.try_get("connection_id")?, row.try_get("refreshed_at")?, names))
            };
            let (id, since, (external_id, provider)) = read().map_err(|error| failed(&error))?;
            let address = Address::new(ProviderId::parse(&provider)?, ExternalId::parse(&external_id)?);
            Ok(Idle { id, address, since })
        };
        rows.iter().map(read).collect::<Result<_>>().map_err(|error| Error::internal(error.to_string()))
    }
}
