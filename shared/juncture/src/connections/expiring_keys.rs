//! Values in Redis that belong to a connection but whose keys cannot be derived from it, because they contain digests
//! of states, connection codes and idempotency keys.
//!
//! The key of each such value is also recorded in a sorted set of its owner, scored by the value's expiry, so that
//! removing the owner can remove the values.

use std::time::Duration;

use stores::upstash::{Command, Upstash, UpstashError};
use time::OffsetDateTime;
use uuid::Uuid;

use super::key::ConnectionKey;

/// Maximum number of values removed in one request.
const AT_ONCE: usize = 500;

/// The owner of what belongs to a connection key: states awaiting a consent, consents awaiting the choice of a site.
pub(crate) fn owner_for_key(key: &ConnectionKey) -> String {
    format!("juncture:belongings:{}", key.storage_name())
}

/// The owner of what belongs to a connection: records of requests with an `Idempotency-Key`.
pub(crate) fn owner_for_connection(id: &Uuid) -> String {
    format!("juncture:belongings:{id}")
}

/// The script of [`set()`]. Another script may end with it if its first two keys are those of the value and the owner,
/// and its first three arguments are [`arguments`].
pub(crate) const SET: &str = "\
    redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2]) \
    redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', ARGV[3]) \
    redis.call('ZADD', KEYS[2], ARGV[3] + ARGV[2], KEYS[1]) \
    if redis.call('PTTL', KEYS[2]) < tonumber(ARGV[2]) then \
        redis.call('PEXPIRE', KEYS[2], ARGV[2]) \
    end \
    return 1";

/// The arguments of [`SET`].
pub(crate) fn arguments(value: &str, lifetime: Duration) -> [String; 3] {
    let now = OffsetDateTime::now_utc().unix_timestamp_nanos() / 1_000_000;
    [value.to_owned(), lifetime.as_millis().max(1).to_string(), now.to_string()]
}

/// Stores a value for `lifetime` and records its key with its owner.
pub(crate) fn set(owner: &str, key: &str, value: &str, lifetime: Duration) -> Command {
    let arguments = arguments(value, lifetime);
    Command::eval_with(SET, &[key, owner], &arguments.each_ref().map(String::as_str))
}

/// Deletes everything that belongs to an owner. Idempotent.
pub(crate) async fn remove(redis: &Upstash, owner: &str) -> Result<(), UpstashError> {
    loop {
        let names = redis.run(Command::first_members(owner, AT_ONCE)).await?;
        let names: Vec<&str> =
            names.as_array().into_iter().flatten().filter_map(|name| name.as_str()).collect();
        if names.is_empty() {
            return Ok(());
        }
        redis.pipeline(Command::delete_members(owner, &names)).await?;
    }
}
