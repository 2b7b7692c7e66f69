//! A lock in Redis that keeps twenty callers from doing the same work twenty times.
//!
//! It saves work and nothing else hangs on it: what keeps tokens safe is the compare-and-swap in Postgres, and
//! what keeps a ticket from being made twice is the mark that it bears.

use std::convert::Infallible;
use std::future::Future;
use std::time::Duration;

use base::crypto::{CryptoError, random_code};
use stores::upstash::{Command, Upstash};

use super::key::ConnectionKey;

/// How long a holder that died keeps the others waiting.
const LIFETIME: Duration = Duration::from_secs(4);

/// How often a holder that lives says so; several may be lost before the lock is.
const HEARTBEAT: Duration = Duration::from_millis(1200);

/// The wish to do one piece of work, under a random name that only its owner knows.
pub(crate) struct Lock {
    key: String,
    owner: String,
}

impl Lock {
    /// The lock for the refresh of a connection's token.
    pub(crate) fn of(key: &ConnectionKey) -> Result<Self, CryptoError> {
        Self::on(format!("juncture:refresh-lock:{}", key.storage_name()))
    }

    /// The lock with this key.
    pub(crate) fn on(key: String) -> Result<Self, CryptoError> {
        Ok(Self { key, owner: random_code("lk")? })
    }

    /// Takes the lock if nobody has it; answers null otherwise.
    pub(crate) fn take(&self) -> Command {
        Command::set_if_absent(&self.key, &self.owner, LIFETIME)
    }

    /// Lets go of the lock if it is still this owner's.
    pub(crate) fn release(&self) -> Command {
        const RELEASE: &str = "\
            if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end \
            return 0";
        Command::eval(RELEASE, &self.key, &[&self.owner])
    }

    /// Keeps the lock for longer; answers 0 if it is somebody else's by now.
    pub(crate) fn renew(&self) -> Command {
        const RENEW: &str = "\
            if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('PEXPIRE', KEYS[1], ARGV[2]) end \
            return 0";
        Command::eval(RENEW, &self.key, &[&self.owner, &LIFETIME.as_millis().to_string()])
    }

    /// Runs the work that the lock is for, renewing the lock for as long as it takes.
    pub(crate) async fn hold<T>(&self, redis: &Upstash, work: impl Future<Output = T>) -> T {
        tokio::select! {
            biased;
            outcome = work => outcome,
            never = self.keep(redis) => match never {},
        }
    }

    async fn keep(&self, redis: &Upstash) -> Infallible {
        loop {
            tokio::time::sleep(HEARTBEAT).await;
            if let Err(error) = redis.run(self.renew()).await {
                tracing::warn!(cause = %error, "lock not renewed");
            }
        }
    }
}
