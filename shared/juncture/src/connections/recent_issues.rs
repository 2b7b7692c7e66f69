//! The issues recently created through a connection.
//!
//! Jira's search may take seconds or minutes to find a new issue, unless the search names it. So Redis keeps the ids
//! for as long as that may take.

use std::time::Duration;

use serde_json::Value;
use stores::upstash::Command;

use super::key::ConnectionKey;

/// Maximum number of ids that a search may name; older ones are dropped.
const MAX_IDS: usize = 50;

/// How long the ids are kept after the last one was added.
const LIFETIME: Duration = Duration::from_secs(10 * 60);

pub(super) fn redis_key(key: &ConnectionKey) -> String {
    format!("juncture:recent-issues:{}", key.storage_name())
}

/// Records an issue as the most recent one. Idempotent.
pub(crate) fn remember(key: &ConnectionKey, issue_id: &str) -> Command {
    const REMEMBER: &str = "\
        redis.call('LREM', KEYS[1], 0, ARGV[1]) \
        redis.call('LPUSH', KEYS[1], ARGV[1]) \
        redis.call('LTRIM', KEYS[1], 0, ARGV[2] - 1) \
        return redis.call('PEXPIRE', KEYS[1], ARGV[3])";
    let lifetime = LIFETIME.as_millis().to_string();
    Command::eval(REMEMBER, &redis_key(key), &[issue_id, &MAX_IDS.to_string(), &lifetime])
}

/// Reads the ids, most recent first.
pub(crate) fn read(key: &ConnectionKey) -> Command {
    Command::list(&redis_key(key))
}

/// Decodes the reply to [`read`], ignoring anything unreadable.
pub(crate) fn decode(value: &Value) -> Vec<String> {
    let ids = value.as_array().into_iter().flatten();
    ids.filter_map(|id| id.as_str().map(str::to_owned)).take(MAX_IDS).collect()
}
