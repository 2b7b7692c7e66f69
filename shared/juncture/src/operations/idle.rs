//! Connections that nobody uses are refreshed before the provider lets them die.
//!
//! Atlassian ends a refresh token that was not used for 90 days
//! (<https://developer.atlassian.com/cloud/jira/platform/oauth-2-3lo-apps/>).

use std::time::{Duration, Instant};

use base::config::{Settings, SettingsError};
use base::counters::{Counter, record};
use base::deadline;
use serde::Serialize;
use stores::postgres::{failed, within_budget};
use time::OffsetDateTime;
use tokio_postgres::types::{ToSql, Type};
use uuid::Uuid;

use crate::connections::Tokens;
use crate::connections::{ConnectionKey, ConnectionRows, ExternalId};
use crate::error::{ErrorCode, Result};
use crate::provider::ProviderId;

/// After how many days without use a connection is refreshed, unless `IDLE_REFRESH_AFTER_DAYS` says otherwise. It
/// leaves Atlassian's 90 days enough room for an outage.
const AFTER_DAYS: u32 = 60;

/// The most that it may say: ten days are left then.
const MOST_DAYS: u32 = 80;

/// No refresh is begun when less of a run's time is left: the last one and the count of what is left over need it.
const ENOUGH: Duration = Duration::from_secs(30);

/// What one refresh may take.
const ONE_REFRESH: Duration = Duration::from_secs(20);

/// After how many failures in a row the provider is taken to be down. One alone may be a connection's own, which must not
/// keep the others from their turn in every run.
const OUTAGE: usize = 3;

/// How many connections are read at once: a run's memory does not grow with what is due.
const PAGE: i64 = 100;

/// Which connections are due: those that were not used since `$1`. The index `connection_refreshed_at` finds them.
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
    let Some(text) = settings.optional(name) else { return Ok(AFTER_DAYS) };
    text.parse().ok().filter(|days| (1..=MOST_DAYS).contains(days)).ok_or_else(|| SettingsError::Invalid {
        name,
        reason: format!("must be a whole number from 1 to {MOST_DAYS}"),
    })
}

/// What became of one run. Numbers, however many they are: the log has the ids.
#[derive(Debug, Default, Serialize)]
pub struct IdleReport {
    /// How many connections were refreshed.
    pub refreshed: usize,
    /// How many the provider has rejected: their owners have to connect again.
    pub died: usize,
    /// How many cannot be refreshed for a reason of ours, such as a key that was rotated out.
    pub failed: usize,
    /// Why the run ended before nothing was due, as the code of an error: what is left is for the next run.
    pub stopped: Option<&'static str>,
    /// How many are due after the run, those that failed included.
    pub due: u32,
    /// For how many days the longest idle of them was not used; 0 when none is due.
    pub oldest_days: u32,
}

/// An idle connection, and since when.
struct Idle {
    id: Uuid,
    /// An error when the row was adopted from elsewhere, and Juncture would not take such names.
    key: Result<ConnectionKey>,
    since: OffsetDateTime,
}

/// What came of one refresh, as far as the run is concerned.
enum Turn {
    Over,
    /// The provider did not answer as it should; the error's code.
    Failed(&'static str),
    /// The others would meet the same; the error's code.
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

    /// Refreshes idle connections, one after the other, the longest idle first, until none is due or the time is up.
    /// An outage of the provider (three failures in a row), a rate limit, or an outage of a store ends the run: it would
    /// hit the others too. The next run goes on where this one stopped, since whatever was refreshed is not due any more.
    ///
    /// # Errors
    /// 503 when the database cannot be read.
    pub async fn refresh(&self) -> Result<IdleReport> {
        let mut report = IdleReport::default();
        let before = OffsetDateTime::now_utc() - self.after;
        report.stopped = self.refresh_all(before, &mut report).await?;
        (report.due, report.oldest_days) = self.backlog(before).await?;
        record(Counter::IdleConnectionsDue, report.due);
        record(Counter::IdleConnectionsOldestDays, report.oldest_days);
        Ok(report)
    }

    /// Refreshes what is due; gives a reason if it stopped before the end. No connection is tried twice.
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

    /// Refreshes one connection as any caller would.
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
            // Removed meanwhile.
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

    /// The longest idle of those that are due, after a position in their order.
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
        // There is one connection, and the refreshes need it.
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

    /// How many are due, and for how many days the longest idle was not used.
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
