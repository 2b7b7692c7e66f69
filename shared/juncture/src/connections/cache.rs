//! The cache of connections in Redis: one entry per connection, with everything a backend call needs.

use std::time::Duration;

use base::crypto::{CryptoError, SealFormat, Sealed, Sealer};
use base::oauth::GrantedScopes;
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};
use serde_json::json;
use stores::upstash::Command;
use time::OffsetDateTime;
use uuid::Uuid;

use super::access_token::{AccessToken, StoredAccessToken};
use super::allowed_projects::AllowedProjects;
use super::key::ConnectionKey;
use super::row::Connection;
use crate::provider::NamedSite;

/// The version of the entry format, part of the Redis key. Incremented when [`Snapshot`] changes incompatibly, so that
/// a deployment never reads entries in another format.
const FORMAT_VERSION: u32 = 1;

/// Maximum lifetime of an entry.
const MAX_LIFETIME: Duration = Duration::from_secs(60 * 60);

/// An access token that expires sooner than this is not handed out, because the caller needs time to use it.
pub(crate) const TOKEN_MARGIN: Duration = Duration::from_secs(60);

/// A connection as of one version of its row. The serialized field names are shared with other versions of Juncture and
/// stay the same until [`FORMAT_VERSION`] changes.
///
/// An entry of the first format is the snapshot as JSON, with a sealed access token (`Snapshot<StoredAccessToken>`). An
/// entry of the second format is a [`SealedEntry`].
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Snapshot<T = AccessToken> {
    /// The version of the row; the scripts below read it under this name.
    #[serde(rename = "v")]
    pub(crate) version: i64,
    pub(crate) id: Uuid,
    #[serde(rename = "invalid")]
    pub(crate) is_invalid: bool,
    #[serde(with = "time::serde::timestamp")]
    pub(crate) expires_at: OffsetDateTime,
    pub(crate) access_token: Option<T>,
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

/// An entry of the second format. The scripts below compare its version, so that stays readable.
#[derive(Serialize, Deserialize)]
struct SealedEntry {
    #[serde(rename = "v")]
    version: i64,
    /// The snapshot, bound to the connection key and the version.
    sealed: Sealed,
}

impl<T> Snapshot<T> {
    /// Returns the same snapshot with another access token.
    fn with_token<U>(self, access_token: Option<U>) -> Snapshot<U> {
        Snapshot {
            version: self.version,
            id: self.id,
            is_invalid: self.is_invalid,
            expires_at: self.expires_at,
            access_token,
            site_id: self.site_id,
            project_id: self.project_id,
            site: self.site,
            granted_scopes: self.granted_scopes,
            allowed_projects: self.allowed_projects,
        }
    }
}

impl Snapshot {
    /// The snapshot of a row. An access token that does not decrypt, for example because its key was rotated out,
    /// counts as absent.
    pub(super) fn of(row: &Connection, key: &ConnectionKey, sealer: &Sealer) -> Self {
        let access_token =
            row.access_token.as_ref().and_then(|stored| stored.open(key, &row.id, sealer).ok());
        Self {
            version: row.version,
            id: row.id,
            is_invalid: row.is_invalid,
            expires_at: row.expires_at,
            access_token,
            site_id: row.site_id.clone(),
            project_id: row.project_id.clone(),
            site: Some(row.site.clone()).filter(|site| site.url.is_some()),
            granted_scopes: row.granted_scopes.clone(),
            allowed_projects: row.allowed_projects.clone(),
        }
    }

    /// How long to cache the snapshot: at most until its access token may no longer be handed out.
    fn lifetime(&self) -> Duration {
        let usable = self.access_token.as_ref().map(|token| {
            let left = token.expires_at - OffsetDateTime::now_utc();
            Duration::try_from(left).unwrap_or_default().saturating_sub(TOKEN_MARGIN)
        });
        usable.map_or(MAX_LIFETIME, |usable| usable.min(MAX_LIFETIME))
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

/// Decodes the reply to [`read`], in either format. Anything that is not a snapshot of this connection counts as absent,
/// including a [`barrier`].
pub(crate) fn decode(value: &serde_json::Value, key: &ConnectionKey, sealer: &Sealer) -> Option<Snapshot> {
    let text = value.as_str()?;
    if let Ok(entry) = serde_json::from_str::<SealedEntry>(text) {
        let plaintext = sealer.open(entry.sealed.as_str(), &key.entry_binding(entry.version)).ok()?;
        return serde_json::from_str(plaintext.expose_secret()).ok();
    }
    let entry: Snapshot<StoredAccessToken> = serde_json::from_str(text).ok()?;
    let opened = entry.access_token.as_ref().map(|stored| stored.open(key, &entry.id, sealer));
    let access_token = opened.transpose().ok()?;
    Some(entry.with_token(access_token))
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
pub(crate) fn write(
    key: &ConnectionKey,
    snapshot: &Snapshot,
    sealer: &Sealer,
) -> Result<Command, CryptoError> {
    let value = encode(key, snapshot, sealer)?;
    Ok(write_if_newest(key, snapshot.version, &value, snapshot.lifetime()))
}

/// The entry of a snapshot, in the sealer's format.
fn encode(key: &ConnectionKey, snapshot: &Snapshot, sealer: &Sealer) -> Result<String, CryptoError> {
    let text = match sealer.format() {
        SealFormat::V1 => {
            let token = snapshot.access_token.as_ref();
            let stored = token.map(|token| StoredAccessToken::seal(token, key, &snapshot.id, sealer));
            serde_json::to_string(&snapshot.clone().with_token(stored.transpose()?))
        }
        SealFormat::V2 => {
            let plaintext = serde_json::to_string(snapshot).unwrap_or_default();
            let version = snapshot.version;
            let sealed = sealer.seal(&plaintext, &key.entry_binding(version))?;
            serde_json::to_string(&SealedEntry { version, sealed })
        }
    };
    // Serializing plain data cannot fail.
    Ok(text.unwrap_or_default())
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
    use crate::connections::ExternalId;
    use crate::provider::ProviderId;

    use super::*;

    fn key(external_id: &str) -> ConnectionKey {
        ConnectionKey::new(ProviderId::Jira, ExternalId::parse(external_id).unwrap())
    }

    fn sealer(format: SealFormat) -> Sealer {
        Sealer::from_keys("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=").unwrap().with_format(format)
    }

    fn snapshot() -> Snapshot {
        Snapshot {
            version: 7,
            id: Uuid::from_u128(1),
            is_invalid: false,
            expires_at: OffsetDateTime::from_unix_timestamp(1_800_000_000).unwrap(),
            access_token: Some(AccessToken {
                value: "the token".to_owned().into(),
                expires_at: OffsetDateTime::from_unix_timestamp(1_800_000_000).unwrap(),
            }),
            site_id: Some("11223344".to_owned()),
            project_id: Some("10000".to_owned()),
            site: Some(NamedSite {
                name: Some("Harbour".to_owned()),
                url: Some("https://harbour.example.com".to_owned()),
            }),
            granted_scopes: None,
            allowed_projects: Some(AllowedProjects::These(vec!["10000".to_owned()])),
        }
    }

    fn entry(snapshot: &Snapshot, format: SealFormat) -> serde_json::Value {
        serde_json::from_str(&encode(&key("a"), snapshot, &sealer(format)).unwrap()).unwrap()
    }

    fn decoded(entry: &serde_json::Value, external_id: &str) -> Option<Snapshot> {
        decode(&entry.to_string().into(), &key(external_id), &sealer(SealFormat::V1))
    }

    #[test]
    fn stored_field_names_do_not_change() {
        let mut stored = entry(&snapshot(), SealFormat::V1);
        let sealed = stored["access_token"]["sealed"].take();
        assert!(sealed.as_str().unwrap().starts_with("v1:"));
        let expected = json!({
            "v": 7,
            "id": "00000000-0000-0000-0000-000000000001",
            "invalid": false,
            "expires_at": 1_800_000_000,
            "access_token": { "sealed": null, "expires_at": 1_800_000_000 },
            "jira_site_id": "11223344",
            "jira_project_id": "10000",
            "jira_site": { "name": "Harbour", "url": "https://harbour.example.com" },
            "allowed_projects": ["10000"],
        });
        assert_eq!(stored, expected);
    }

    #[test]
    fn an_entry_of_either_format_is_read() {
        for format in [SealFormat::V1, SealFormat::V2] {
            let entry = entry(&snapshot(), format);
            let read = decoded(&entry, "a").unwrap();
            assert_eq!(
                (read.version, read.id, read.site_id.as_deref()),
                (7, Uuid::from_u128(1), Some("11223344"))
            );
            assert_eq!(read.access_token.unwrap().value.expose_secret(), "the token");
            assert!(!entry.to_string().contains("the token"));
        }
    }

    #[test]
    fn a_sealed_entry_shows_its_version_only_and_opens_in_its_place_only() {
        let mut sealed = entry(&snapshot(), SealFormat::V2);
        assert_eq!(sealed, json!({ "v": 7, "sealed": sealed["sealed"] }));
        assert!(decoded(&sealed, "b").is_none(), "another key");
        sealed["v"] = json!(8);
        assert!(decoded(&sealed, "a").is_none(), "another version");
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
            decoded(&entry, "a").map(|snapshot| snapshot.allowed_projects)
        };
        assert_eq!(entry(None), None);
        assert_eq!(entry(Some(json!("everything"))), None);
        assert_eq!(entry(Some(json!(null))), Some(None));
        assert_eq!(entry(Some(json!("selected"))), Some(Some(AllowedProjects::Selected)));
        assert_eq!(entry(Some(json!([]))), Some(Some(AllowedProjects::These(vec![]))));
    }
}
