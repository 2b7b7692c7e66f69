//! The cache of connections in Redis: everything that a backend call needs of one, in one key.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::json;
use stores::upstash::Command;
use time::OffsetDateTime;
use uuid::Uuid;

use super::key::ConnectionKey;
use super::row::{Connection, StoredAccessToken};
use crate::provider::NamedSite;

/// The shape of what is stored; it grows when [`Snapshot`] changes, so that a deployment never reads what
/// another one wrote.
const SHAPE: u32 = 1;

/// The longest that an entry lives, whatever it holds.
const LONGEST: Duration = Duration::from_secs(60 * 60);

/// An access token is not handed out when it ends sooner than this: the caller needs time to use it.
pub(crate) const TOKEN_MARGIN: Duration = Duration::from_secs(60);

/// A connection as it was when a certain version of its row was written. The access token is sealed. Fields keep
/// the names under which other versions of Juncture store them, until [`SHAPE`] changes.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Snapshot {
    /// The version of the row; the script below reads it by this name.
    #[serde(rename = "v")]
    pub(crate) version: i64,
    pub(crate) id: Uuid,
    #[serde(rename = "invalid")]
    pub(crate) is_invalid: bool,
    #[serde(with = "time::serde::timestamp")]
    pub(crate) expires_at: OffsetDateTime,
    pub(crate) access_token: Option<StoredAccessToken>,
    #[serde(rename = "jira_site_id")]
    pub(crate) site_id: Option<String>,
    #[serde(rename = "jira_project_id")]
    pub(crate) project_id: Option<String>,
    /// What that site is called and where it is. None where the provider has to be asked, as in what a version wrote that
    /// did not keep it; without an address where it was asked in vain.
    #[serde(rename = "jira_site", default, skip_serializing_if = "Option::is_none")]
    pub(crate) site: Option<NamedSite>,
}

impl Snapshot {
    /// How long it may be kept: no longer than its access token may be handed out.
    fn lifetime(&self) -> Duration {
        let usable = self.access_token.as_ref().map(|token| {
            let left = token.expires_at - OffsetDateTime::now_utc();
            Duration::try_from(left).unwrap_or_default().saturating_sub(TOKEN_MARGIN)
        });
        usable.map_or(LONGEST, |usable| usable.min(LONGEST))
    }
}

impl From<&Connection> for Snapshot {
    fn from(connection: &Connection) -> Self {
        Self {
            version: connection.version,
            id: connection.id,
            is_invalid: connection.is_invalid,
            expires_at: connection.expires_at,
            access_token: connection.access_token.clone(),
            site_id: connection.site_id.clone(),
            project_id: connection.project_id.clone(),
            site: Some(connection.site.clone()).filter(|site| site.url.is_some()),
        }
    }
}

fn redis_key(key: &ConnectionKey) -> String {
    format!("juncture:connection:{SHAPE}:{}", key.storage_name())
}

/// Reads the snapshot of a connection.
pub(crate) fn read(key: &ConnectionKey) -> Command {
    Command::get(&redis_key(key))
}

/// Decodes what [`read`] gave; anything unreadable counts as absent, a [`barrier`] too.
pub(crate) fn decode(value: &serde_json::Value) -> Option<Snapshot> {
    serde_json::from_str(value.as_str()?).ok()
}

/// How long a barrier stands: longer than any request, or one refresh of a run, takes.
const BARRIER_LIFETIME: Duration = Duration::from_secs(60);

/// Takes the snapshot of a row away that is about to be written, and lets no snapshot of this or an older version
/// come back. So whoever dies or loses Redis between the write and its [`write()`] leaves nothing wrong behind:
/// until then, everybody reads the row.
pub(crate) fn barrier(key: &ConnectionKey, version: i64) -> Command {
    // The row's next version is at least the next number.
    let next = version + 1;
    put(key, next, &json!({ "v": next }).to_string(), BARRIER_LIFETIME)
}

/// Stores a snapshot unless a newer one is there: a writer that was held up replaces nothing.
pub(crate) fn write(key: &ConnectionKey, snapshot: &Snapshot) -> Command {
    // A snapshot is plain data; serializing it cannot fail.
    let value = serde_json::to_string(snapshot).unwrap_or_default();
    put(key, snapshot.version, &value, snapshot.lifetime())
}

/// Stores in place of a snapshot that the connection is gone, as of a version. It is no snapshot to whoever reads
/// it, and a writer that was held up does not replace it.
pub(crate) fn write_tombstone(key: &ConnectionKey, version: i64) -> Command {
    let value = serde_json::json!({ "v": version, "gone": true }).to_string();
    put(key, version, &value, LONGEST)
}

/// Stores a value that belongs to a connection, unless the connection has been removed since this version of it.
pub(crate) fn set_unless_gone(
    key: &ConnectionKey,
    version: i64,
    name: &str,
    value: &str,
    lifetime: Duration,
) -> Command {
    const UNLESS_GONE: &str = "\
        local known = redis.call('GET', KEYS[2]) \
        if known then \
            local readable, entry = pcall(cjson.decode, known) \
            if readable and type(entry) == 'table' and entry.gone and type(entry.v) == 'number' \
                and entry.v > tonumber(ARGV[1]) then return 0 end \
        end \
        redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3]) \
        return 1";
    let lifetime = lifetime.as_millis().to_string();
    Command::eval_with(UNLESS_GONE, &[name, &redis_key(key)], &[&version.to_string(), value, &lifetime])
}

fn put(key: &ConnectionKey, version: i64, value: &str, lifetime: Duration) -> Command {
    const NEWEST_WINS: &str = "\
        local known = redis.call('GET', KEYS[1]) \
        if known then \
            local readable, entry = pcall(cjson.decode, known) \
            if readable and type(entry) == 'table' and type(entry.v) == 'number' \
                and entry.v > tonumber(ARGV[1]) then return 0 end \
        end \
        redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3]) \
        return 1";
    let lifetime = lifetime.as_millis().max(1).to_string();
    Command::eval(NEWEST_WINS, &redis_key(key), &[&version.to_string(), value, &lifetime])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stored_field_names_do_not_change() {
        let stored = json!({
            "v": 7,
            "id": "00000000-0000-0000-0000-000000000001",
            "invalid": false,
            "expires_at": 1_800_000_000,
            "access_token": { "sealed": "v1:a:b", "expires_at": 1_800_000_000 },
            "jira_site_id": "11223344",
            "jira_project_id": "10000",
            "jira_site": { "name": "Harbour", "url": "https://harbour.example.com" },
        });
        let snapshot = decode(&stored.to_string().into()).unwrap();
        assert_eq!(
            (snapshot.site_id.as_deref(), snapshot.project_id.as_deref()),
            (Some("11223344"), Some("10000"))
        );
        assert_eq!(serde_json::to_value(&snapshot).unwrap(), stored);
    }
}
