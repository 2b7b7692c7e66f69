//! What was handed out before a connection was removed makes none any more: connect tokens, states, connection codes.
//!
//! Redis remembers when the connection of a key was removed, for as long as anything from before may live.
//! Everything that is handed out carries when its flow began, and whoever makes the connection compares the two under
//! the lock of the connection key, which the removal holds too.

use std::time::Duration;

use base::crypto::sha256_hex;
use stores::upstash::{Command, Upstash};
use time::OffsetDateTime;

use super::key::ConnectionKey;
use crate::error::{Error, ErrorCode, Result};

/// Longer than a connect token, a state and a connection code live one after the other: half an hour, ten minutes and a
/// quarter of an hour.
const REMEMBERED: Duration = Duration::from_secs(60 * 60);

/// By the digest of the connection key: nothing that names a connection is left of one that was removed.
pub(crate) fn redis_key(key: &ConnectionKey) -> String {
    format!("juncture:ended:{}", sha256_hex(key.storage_name().as_bytes()))
}

/// Remembers that everything ends which was handed out until now.
pub(crate) fn end(key: &ConnectionKey) -> Command {
    Command::set(&redis_key(key), &moment(OffsetDateTime::now_utc()), REMEMBERED)
}

/// A time as it is compared, here and in scripts: in microseconds, which a `double` holds exactly.
pub(crate) fn moment(at: OffsetDateTime) -> String {
    (at.unix_timestamp_nanos() / 1000).to_string()
}

/// Lets a flow go on that began after the last removal.
///
/// # Errors
/// 410 when it began before, 503 when Redis is away.
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
