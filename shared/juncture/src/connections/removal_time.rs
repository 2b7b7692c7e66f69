//! Connect tokens, states and connection codes issued before a connection was removed cannot create it again.
//!
//! Redis keeps the time of the removal for as long as anything issued before may be valid. Each of these values carries
//! the time when its flow began. Before a connection is created, [`check`] compares the two, under the lock of the
//! connection key that the removal also takes.

use std::time::Duration;

use base::crypto::sha256_hex;
use stores::upstash::{Command, Upstash};
use time::OffsetDateTime;

use super::key::ConnectionKey;
use crate::error::{Error, ErrorCode, Result};

/// How long the time of a removal is kept: longer than the lifetimes of a connect token (30 min), a state (10 min) and
/// a connection code (15 min) together.
const LIFETIME: Duration = Duration::from_secs(60 * 60);

/// Contains only a digest of the connection key, so that no identifier of a removed connection remains.
pub(crate) fn redis_key(key: &ConnectionKey) -> String {
    format!("juncture:ended:{}", sha256_hex(key.storage_name().as_bytes()))
}

/// Records the removal, which voids everything issued until now.
pub(crate) fn record(key: &ConnectionKey) -> Command {
    Command::set(&redis_key(key), &to_micros(OffsetDateTime::now_utc()), LIFETIME)
}

/// Formats a time for comparison, here and in scripts: in microseconds, which a `double` represents exactly.
pub(crate) fn to_micros(at: OffsetDateTime) -> String {
    (at.unix_timestamp_nanos() / 1000).to_string()
}

/// Checks that a flow began after the last removal.
///
/// # Errors
/// 410 if the connection was removed after the flow began.
pub(crate) async fn check(redis: &Upstash, key: &ConnectionKey, begun_at: OffsetDateTime) -> Result<()> {
    let ended = redis.run(Command::get(&redis_key(key))).await?;
    let ended = ended.as_str().and_then(|ended| ended.parse::<i128>().ok());
    if ended.is_some_and(|ended| ended >= begun_at.unix_timestamp_nanos() / 1000) {
        return Err(Error::gone(
            ErrorCode::ConnectionCodeExpired,
            "The connection was removed after this flow had begun. Start connecting again.",
        ));
    }
    Ok(())
}
