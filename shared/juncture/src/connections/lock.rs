//! A lock in Redis that keeps twenty concurrent callers from doing the same work twenty times.
//!
//! For token refreshes it only saves work: the compare-and-swap in Postgres keeps tokens safe. For idempotent requests it
//! also keeps two from being sent at once; the entity property on an issue only finds the issue afterwards.

use std::convert::Infallible;
use std::future::Future;
use std::time::Duration;

use base::crypto::{CryptoError, random_code};
use stores::upstash::{Command, Upstash};

use super::key::ConnectionKey;

/// How long the lock outlives a holder that died.
const LIFETIME: Duration = Duration::from_secs(4);

/// How often the holder renews the lock: often enough that a failed renewal or two does not lose it.
const HEARTBEAT: Duration = Duration::from_millis(1200);

/// One caller's claim to a lock, held or not. The random owner id lets only this caller renew or release it.
pub(crate) struct Lock {
    key: String,
    owner: String,
}

impl Lock {
    /// The lock for refreshing a connection's token.
    pub(crate) fn for_refresh(key: &ConnectionKey) -> Result<Self, CryptoError> {
        Self::with_key(format!("juncture:refresh-lock:{}", key.storage_name()))
    }

    /// The lock with this Redis key.
    pub(crate) fn with_key(key: String) -> Result<Self, CryptoError> {
        Ok(Self { key, owner: random_code("lk")? })
    }

    /// Takes the lock if it is free; the reply is null otherwise.
    pub(crate) fn take(&self) -> Command {
        Command::set_if_absent(&self.key, &self.owner, LIFETIME)
    }

    /// Releases the lock if this owner still holds it.
    pub(crate) fn release(&self) -> Command {
        const RELEASE: &str = "\
            if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end \
            return 0";
        Command::eval(RELEASE, &self.key, &[&self.owner])
    }

    /// Extends the lock; the reply is 0 if this owner no longer holds it.
    pub(crate) fn renew(&self) -> Command {
        const RENEW: &str = "\
            if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('PEXPIRE', KEYS[1], ARGV[2]) end \
            return 0";
        Command::eval(RENEW, &self.key, &[&self.owner, &LIFETIME.as_millis().to_string()])
    }

    /// Runs the work that the lock protects, renewing the lock until it is done.
    pub(crate) async fn hold<T>(&self, redis: &Upstash, work: impl Future<Output = T>) -> T {
        tokio::select! {
            biased;
            outcome = work => outcome,
            never = self.renew_until_dropped(redis) => match never {},
        }
    }

    async fn renew_until_dropped(&self, redis: &Upstash) -> Infallible {
        loop {
            tokio::time::sleep(HEARTBEAT).await;
            if let Err(error) = redis.run(self.renew()).await {
                tracing::warn!(cause = %error, "lock not renewed");
            }
        }
    }
}
