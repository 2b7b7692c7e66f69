//! Refreshes idle connections before the provider lets them expire.

use std::time::{Duration, Instant};

use base::config::{Settings, SettingsError};
use base::counters::{Counter, record};
use base::deadline;
use serde::Serialize;
use stores::postgres::{failed, within_budget};
use strum::VariantArray as _;
use time::OffsetDateTime;
use tokio_postgres::types::{ToSql, Type};
use uuid::Uuid;

use crate::connections::Tokens;
use crate::connections::{ConnectionKey, ConnectionRows, ExternalId};
use crate::error::{ErrorCode, Result};
use crate::provider::ProviderId;

/// The default of `IDLE_REFRESH_AFTER_DAYS`, days without use after which a connection is refreshed, if refresh tokens
/// expire after `limit` days: 60 of 90, which leaves enough to sit out an outage.
const fn default_days(limit: u32) -> u32 {
    limit / 3 * 2
}

/// Maximum of `IDLE_REFRESH_AFTER_DAYS`: 80 of 90.
const fn most_days(limit: u32) -> u32 {
    limit / 9 * 8
}

/// Time that must be left in a run to start another refresh: enough for that refresh and for counting the backlog.
const ENOUGH: Duration = Duration::from_secs(30);

/// Timeout for one refresh.
const ONE_REFRESH: Duration = Duration::from_secs(20);

/// Consecutive failures after which the provider counts as down. A single failure may be specific to one connection,
/// and must not keep the others from being refreshed in every run.
const OUTAGE: usize = 3;

/// Page size, so the memory of a run does not grow with the backlog.
const PAGE: i64 = 100;

/// The due connections: those not used since `$1`. Uses the index `connection_refreshed_at`.
const DUE: &str = r#"
    from "juncture-core".connection c
    join "juncture-core".connection_external_map m using (connection_id)
    where not c.invalid_refresh_token and c.expires_at > now() and c.refreshed_at < $1"#;

/// Refreshes idle connections. Setting: `IDLE_REFRESH_AFTER_DAYS` (1 to 80).
pub struct IdleConnections {
    rows: ConnectionRows,
    tokens: Tokens,
    after: Duration,
}

fn after_days(settings: &Settings) -> Result<u32, SettingsError> {
    let name = "IDLE_REFRESH_AFTER_DAYS";
    // One setting for all providers, so the shortest limit counts.
    let limits = ProviderId::VARIANTS.iter().map(|provider| provider.info().idle_days);
    let limit = limits.min().unwrap_or(u32::MAX);
    let Some(text) = settings.optional(name) else { return Ok(default_days(limit)) };
    let most = most_days(limit);
    text.parse().ok().filter(|days| (1..=most).contains(days)).ok_or_else(|| SettingsError::Invalid {
        name,
        reason: format!("must be a whole number from 1 to {most}"),
    })
}

/// The result of one run. Only numbers, because there may be many connections; the ids are in the log.
#[derive(Debug, Default, Serialize)]
pub struct IdleReport {
    /// Connections that were refreshed.
    pub refreshed: usize,
    /// Connections whose refresh token the provider rejected; their owners have to connect again.
    pub died: usize,
    /// Connections that cannot be refreshed because of an error on our side, such as a removed encryption key.
    pub failed: usize,
    /// Why the run stopped early, as an error code. The next run handles the rest.
    pub stopped: Option<&'static str>,
    /// Connections still due after the run, including those that failed.
    pub due: u32,
    /// Days since the longest-idle of them was last used; 0 if none is due.
    pub oldest_days: u32,
}

/// An idle connection, and when it was last used.
struct Idle {
    id: Uuid,
    /// An error if the row comes from another system and has an external id that Juncture does not accept.
    key: Result<ConnectionKey>,
    since: OffsetDateTime,
}

/// What a refresh means for the rest of the run.
enum Turn {
    Over,
    /// The provider failed; holds the error code.
    Failed(&'static str),
    /// The other connections would fail too; holds the error code.
    Stop(&'static str),
}

impl IdleConnections {
    pub(crate) fn new(
        settings: &Settings,
        rows: ConnectionRows,
        tokens: Tokens,
    ) -> Result<Self, SettingsError> {
        let after = Duration::from_secs(u64::from(after_days(settings)?) * 24 * 60 * 60);
        Ok(Self { rows, tokens, after })
    }

    /// Refreshes idle connections sequentially, longest idle first, until none is due or time runs out. Stops early if
    /// the provider is down (three consecutive failures), rate limits us, or a store is down, because the remaining
    /// connections would fail too. The next run continues where this one stopped, because refreshed connections are no
    /// longer due.
    pub async fn refresh(&self) -> Result<IdleReport> {
        let mut report = IdleReport::default();
        let before = OffsetDateTime::now_utc() - self.after;
        report.stopped = self.refresh_all(before, &mut report).await?;
        (report.due, report.oldest_days) = self.backlog(before).await?;
        record(Counter::IdleConnectionsDue, report.due);
        record(Counter::IdleConnectionsOldestDays, report.oldest_days);
        Ok(report)
    }

    /// Refreshes the due connections, each at most once. Returns the reason if it stopped early.
    async fn refresh_all(
        &self,
        before: OffsetDateTime,
        report: &mut IdleReport,
    ) -> Result<Option<&'static str>> {
        let (mut position, mut failures) = (None, 0);
        loop {
            let page = self.find(before, position).await?;
            let Some(last) = page.last() else { return Ok(None) };
            position = Some((last.since, last.id));
            for idle in page {
                if deadline::remaining() < ENOUGH {
                    return Ok(Some("timed_out"));
                }
                match self.refresh_one(idle, report).await {
                    Turn::Over => failures = 0,
                    Turn::Failed(_) if failures + 1 < OUTAGE => failures += 1,
                    Turn::Failed(code) | Turn::Stop(code) => return Ok(Some(code)),
                }
            }
        }
    }

    /// Refreshes one connection the way any request would.
    async fn refresh_one(&self, idle: Idle, report: &mut IdleReport) -> Turn {
        let refresh = async { self.tokens.session(&idle.key?).await };
        let Err(error) = deadline::scope(Instant::now() + ONE_REFRESH, refresh).await else {
            report.refreshed += 1;
            return Turn::Over;
        };
        let cause = error.cause_chain().unwrap_or_else(|| error.message().to_owned());
        match error.code() {
            ErrorCode::NeedsReauthorization => {
                tracing::warn!(connection_id = %idle.id, "idle connection needs reauthorization");
                report.died += 1;
                Turn::Over
            }
            // Removed in the meantime.
            ErrorCode::ConnectionNotFound => Turn::Over,
            ErrorCode::Internal | ErrorCode::InvalidRequest => {
                tracing::error!(connection_id = %idle.id, cause, "idle connection not refreshed");
                report.failed += 1;
                Turn::Over
            }
            code @ (ErrorCode::ProviderFailed | ErrorCode::TimedOut) => {
                let code = code.as_str();
                tracing::warn!(connection_id = %idle.id, code, cause, "idle connection left for the next run");
                Turn::Failed(code)
            }
            code => {
                let code = code.as_str();
                tracing::warn!(connection_id = %idle.id, code, cause, "idle connections left for the next run");
                Turn::Stop(code)
            }
        }
    }

    /// Returns the next page of due connections, longest idle first.
    async fn find(&self, before: OffsetDateTime, after: Option<(OffsetDateTime, Uuid)>) -> Result<Vec<Idle>> {
        let statement = format!(
            r"select c.connection_id, c.refreshed_at, m.external_id, m.provider::text
            {DUE} and ($2::timestamptz is null or (c.refreshed_at, c.connection_id) > ($2, $3))
            order by c.refreshed_at, c.connection_id
            limit $4"
        );
        let (since, id) = after.unzip();
        let parameters: [(&(dyn ToSql + Sync), Type); 4] = [
            (&before, Type::TIMESTAMPTZ),
            (&since, Type::TIMESTAMPTZ),
            (&id, Type::UUID),
            (&PAGE, Type::INT8),
        ];
        let client = self.rows.postgres().live_connection().await?;
        let rows = within_budget(client.query_typed(&statement, &parameters)).await?;
        // The pool has a single connection, which the refreshes need.
        client.release();
        let read = |row: &tokio_postgres::Row| -> Result<Idle, tokio_postgres::Error> {
            let (external_id, provider): (String, String) =
                (row.try_get("external_id")?, row.try_get("provider")?);
            let key = ProviderId::parse(&provider)
                .and_then(|provider| Ok(ConnectionKey::new(provider, ExternalId::parse(&external_id)?)));
            Ok(Idle { id: row.try_get("connection_id")?, key, since: row.try_get("refreshed_at")? })
        };
        rows.iter().map(read).collect::<Result<_, _>>().map_err(|error| failed(&error).into())
    }

    /// Counts the due connections, and the days since the longest-idle of them was used.
    async fn backlog(&self, before: OffsetDateTime) -> Result<(u32, u32)> {
        let statement = format!("select count(*), min(c.refreshed_at) {DUE}");
        let client = self.rows.postgres().live_connection().await?;
        let row = within_budget(client.query_typed_one(&statement, &[(&before, Type::TIMESTAMPTZ)])).await?;
        client.release();
        let read = || -> Result<(i64, Option<OffsetDateTime>), tokio_postgres::Error> {
            Ok((row.try_get(0)?, row.try_get(1)?))
        };
        let (due, oldest) = read().map_err(|error| failed(&error))?;
        let days = oldest.map_or(0, |oldest| (OffsetDateTime::now_utc() - oldest).whole_days());
        Ok((u32::try_from(due).unwrap_or(u32::MAX), u32::try_from(days).unwrap_or(u32::MAX)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn enough_days_are_left_for_an_outage() {
        let days = |text: &str| {
            let pairs = [("IDLE_REFRESH_AFTER_DAYS".to_owned(), text.to_owned())];
            after_days(&Settings::from_pairs(pairs)).ok()
        };
        assert_eq!((days(""), days("1"), days("80")), (Some(60), Some(1), Some(80)));
        assert_eq!((days("0"), days("81"), days("x")), (None, None, None));
    }
}
