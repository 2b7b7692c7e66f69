//! The execution of a request with an `Idempotency-Key`, from getting its lock to recording its outcome.

use std::future::Future;
use std::sync::OnceLock;
use std::time::Duration;

use base::crypto::Sealer;
use base::deadline;
use serde_json::Value;
use stores::upstash::{Command, Upstash};
use time::OffsetDateTime;

use super::record::{IdempotencyKey, Record, State, UnconfirmedSend};
use crate::connections::Lock;
use crate::error::{Error, ErrorCode, Result};

/// The time that must be left to start the work.
pub(super) const ENOUGH: Duration = Duration::from_secs(8);

/// The exclusive right to execute the request of one key.
pub struct Attempt<'a> {
    pub(super) redis: &'a Upstash,
    pub(super) sealer: &'a Sealer,
    pub(super) key: IdempotencyKey,
    pub(super) request: String,
    pub(super) lock: Lock,
    /// What an earlier request sent, if its outcome is unknown.
    pub(super) earlier: Option<UnconfirmedSend>,
    /// What was sent, if anything was.
    pub(super) sent: OnceLock<UnconfirmedSend>,
}

impl Attempt<'_> {
    /// The idempotency key.
    pub fn key(&self) -> &IdempotencyKey {
        &self.key
    }

    /// What an earlier request may already have done.
    pub fn unconfirmed_send(&self) -> Option<&UnconfirmedSend> {
        self.earlier.as_ref()
    }

    /// Checks that there is time for a pause and another look at the provider, and for the work after it. Otherwise
    /// returns the final error, 409 with `Retry-After`.
    pub fn check_time(&self, pause: Duration) -> Result<()> {
        if deadline::remaining() > ENOUGH + pause {
            return Ok(());
        }
        Err(in_progress("It is not certain yet what became of the first request with this Idempotency-Key"))
    }

    /// Records that something is about to be sent, and where it will take effect. Nothing may be sent without this, nor
    /// before it is certain that the earlier request had no effect.
    ///
    /// # Errors
    /// 409 if the lock was lost. After any error, nothing may be sent.
    pub async fn about_to_send(&self, place: &str) -> Result<()> {
        let send = UnconfirmedSend::starting(OffsetDateTime::now_utc(), place);
        let record = self.write(State::Sent(send.clone()));
        let [renewed, _] = self.redis.pipeline([self.lock.renew(), record]).await?;
        if renewed.as_i64() != Some(1) {
            return Err(in_progress("Another request with this Idempotency-Key is under way"));
        }
        self.sent.get_or_init(|| send);
        Ok(())
    }

    /// Does the work, renewing the lock until it is done.
    pub async fn hold<T>(&self, work: impl Future<Output = T>) -> T {
        self.lock.hold(self.redis, work).await
    }

    /// Records the outcome and releases the lock. An error with the code `outcome_unknown` leaves the outcome open, and
    /// so does `comment_public`, so that the same key does not expose the comment again; any other error means that
    /// nothing happened.
    ///
    /// Always returns `outcome`. If it cannot be recorded, the record still says that the outcome is unknown, which is
    /// safe.
    pub async fn finish(self, outcome: Result<Value>) -> Result<Value> {
        let record = match (&outcome, self.sent.get()) {
            (Ok(answer), _) => State::answered(self.sealer, &self.key, answer).map(|state| self.write(state)),
            (Err(_), None) => None,
            (Err(error), Some(sent))
                if matches!(error.code(), ErrorCode::OutcomeUnknown | ErrorCode::CommentPublic) =>
            {
                Some(self.write(State::Sent(sent.clone().lost(OffsetDateTime::now_utc()))))
            }
            (Err(_), Some(_)) => Some(Command::delete(&self.key.record())),
        };
        let written = match record {
            Some(record) => self.redis.pipeline([record, self.lock.release()]).await.map(drop),
            None => self.redis.run(self.lock.release()).await.map(drop),
        };
        if let Err(error) = written {
            tracing::warn!(cause = %error, "outcome of an idempotent request not recorded");
        }
        outcome
    }

    fn write(&self, state: State) -> Command {
        Record { request: self.request.clone(), state }.write(&self.key)
    }
}

/// 409: the outcome of the request is not known yet.
pub(super) fn in_progress(what: &str) -> Error {
    Error::new(ErrorCode::InProgress, format!("{what}. Repeat it shortly, with the same key."))
        .retry_after(Duration::from_secs(2))
}
