//! The cache of connections in Redis: one entry per connection, with everything a backend call needs.

use std::time::Duration;

use base::oauth::GrantedScopes;
use serde::{Deserialize, Serialize};
use serde_json::json;
use stores::upstash::Command;
use time::OffsetDateTime;
use uuid::Uuid;

use super::allowed_projects::AllowedProjects;
use super::key::ConnectionKey;
use super::row::{Connection, StoredAccessToken};
use crate::provider::NamedSite;

/// The version of the entry format, part of the Redis key. Incremented when [`Snapshot`] changes incompatibly, so that
/// a deployment never reads entries in another format.
const FORMAT_VERSION: u32 = 1;

/// Maximum lifetime of an entry.
const MAX_LIFETIME: Duration = Duration::from_secs(60 * 60);

/// An access token that expires sooner than this is not handed out, because the caller needs time to use it.
pub(crate) const TOKEN_MARGIN: Duration = Duration::from_secs(60);

/// A connection as of one version of its row. The access token is sealed. The serialized field names are shared with
/// other versions of Juncture and stay the same until [`FORMAT_VERSION`] changes.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Snapshot {
    /// The version of the row; the scripts below read it under this name.
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
    /// The name and URL of that site. `None` if the provider has to be asked, as in entries of older versions, which
    /// did not store them; without a URL if the provider was asked and did not know it.
    #[serde(rename = "jira_site", default, skip_serializing_if = "Option::is_none")]
    pub(crate) site: Option<NamedSite>,
    /// What was granted, if it is known. Entries of older versions do not have it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) granted_scopes: Option<GrantedScopes>,
    /// The projects that the connection is limited to; null if it is not limited. An entry of an older version, which
    /// does not have it, counts as absent, because that version did not look.
    #[serde(deserialize_with = "Option::deserialize")]
    pub(crate) allowed_projects: Option<AllowedProjects>,
}

impl Snapshot {
    /// How long to cache the snapshot: at most until its access token may no longer be handed out.
    fn lifetime(&self) -> Duration {
        let usable = self.access_token.as_ref().map(|token| {
            let left = token.expires_at - OffsetDateTime::now_utc();
            Duration::try_from(left).unwrap_or_default().saturating_sub(TOKEN_MARGIN)
        });
        usable.map_or(MAX_LIFETIME, |usable| usable.min(MAX_LIFETIME))
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
            granted_scopes: connection.granted_scopes.clone(),
            allowed_projects: connection.allowed_projects.clone(),
        }
    }
}

fn redis_key(key: &ConnectionKey) -> String {
    format!("juncture:connection:{FORMAT_VERSION}:{}", key.storage_name())
}

/// Reads the snapshot of a connection.
pub(crate) fn read(key: &ConnectionKey) -> Command {
    Command::get(&redis_key(key))
}

/// Reads the snapshot of a connection and another value, which costs no more than [`read`].
pub(crate) fn read_with(key: &ConnectionKey, other: &str) -> Command {
    Command::get_all(&[redis_key(key), other.to_owned()])
}

/// Decodes the reply to [`read`]. Anything that is not a snapshot counts as absent, including a [`barrier`].
pub(crate) fn decode(value: &serde_json::Value) -> Option<Snapshot> {
    serde_json::from_str(value.as_str()?).ok()
}

/// Lifetime of a barrier: longer than any request, or one refresh of the scheduled run, can take.
const BARRIER_LIFETIME: Duration = Duration::from_secs(60);

/// Replaces the snapshot of a row that is about to be written with a barrier, which no snapshot of this or an older
/// version can replace. If the writer dies or loses Redis before it calls [`write()`], no stale entry is left: until
/// there is a new one, everybody reads the row.
pub(crate) fn barrier(key: &ConnectionKey, version: i64) -> Command {
    // The row's next version is at least this one.
    let next = version + 1;
    write_if_newest(key, next, &json!({ "v": next }).to_string(), BARRIER_LIFETIME)
}

/// Caches a snapshot unless a newer version is cached, so that a delayed writer replaces nothing newer.
pub(crate) fn write(key: &ConnectionKey, snapshot: &Snapshot) -> Command {
    // Serializing plain data cannot fail.
    let value = serde_json::to_string(snapshot).unwrap_or_default();
    write_if_newest(key, snapshot.version, &value, snapshot.lifetime())
}

/// Replaces the snapshot with a tombstone: the connection was removed as of this version. Readers find no snapshot, and
/// a delayed writer cannot replace it.
pub(crate) fn write_tombstone(key: &ConnectionKey, version: i64) -> Command {
    let value = serde_json::json!({ "v": version, "gone": true }).to_string();
    write_if_newest(key, version, &value, MAX_LIFETIME)
}

/// Stores a value that belongs to a connection, unless the connection was removed after this version.
pub(crate) fn set_unless_removed(
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

fn write_if_newest(key: &ConnectionKey, version: i64, value: &str, lifetime: Duration) -> Command {
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
            "allowed_projects": ["10000"],
        });
        let snapshot = decode(&stored.to_string().into()).unwrap();
        assert_eq!(
            (snapshot.site_id.as_deref(), snapshot.project_id.as_deref()),
            (Some("11223344"), Some("10000"))
        );
        assert_eq!(serde_json::to_value(&snapshot).unwrap(), stored);
    }

    #[test]
    fn an_entry_that_does_not_say_what_is_allowed_is_none() {
        let entry = |allowed: Option<serde_json::Value>| {
            let mut entry = json!({
                "v": 7, "id": Uuid::nil(), "invalid": false, "expires_at": 1_800_000_000, "access_token": null,
                "jira_site_id": "11223344", "jira_project_id": null,
            });
            if let Some(allowed) = allowed {
                entry["allowed_projects"] = allowed;
            }
            decode(&entry.to_string().into()).map(|snapshot| snapshot.allowed_projects)
        };
        assert_eq!(entry(None), None);
        assert_eq!(entry(Some(json!("everything"))), None);
        assert_eq!(entry(Some(json!(null))), Some(None));
        assert_eq!(entry(Some(json!("selected"))), Some(Some(AllowedProjects::Selected)));
        assert_eq!(entry(Some(json!([]))), Some(Some(AllowedProjects::These(vec![]))));
    }
}
