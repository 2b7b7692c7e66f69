//! The work of one request with an `Idempotency-Key`, from the right to do it to its recorded outcome.

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

/// What must be left of the budget for starting the work.
pub(super) const ENOUGH: Duration = Duration::from_secs(8);

/// The right to do the work of one key; nobody else does it meanwhile.
pub struct Attempt<'a> {
    pub(super) redis: &'a Upstash,
    pub(super) sealer: &'a Sealer,
    pub(super) key: IdempotencyKey,
    pub(super) request: String,
    pub(super) lock: Lock,
    /// What an earlier request sent, if nobody knows what became of it.
    pub(super) earlier: Option<UnconfirmedSend>,
    /// What was sent, once something was.
    pub(super) sent: OnceLock<UnconfirmedSend>,
}

impl Attempt<'_> {
    /// The request's name.
    pub fn key(&self) -> &IdempotencyKey {
        &self.key
    }

    /// What an earlier request may have done already.
    pub fn unconfirmed_send(&self) -> Option<&UnconfirmedSend> {
        self.earlier.as_ref()
    }

    /// Whether there is time for another look at what the provider has, and for the work after it; otherwise the
    /// error to end with.
    ///
    /// # Errors
    /// 409 with `Retry-After`.
    pub fn check_time(&self, pause: Duration) -> Result<()> {
        if deadline::remaining() > ENOUGH + pause {
            return Ok(());
        }
        Err(in_progress("It is not certain yet what became of the first request with this Idempotency-Key"))
    }

    /// Notes that something is sent now, and where it will have its effect. Nothing may be sent without this, and
    /// not before it is certain that the earlier request had none.
    ///
    /// # Errors
    /// 503 when Redis is away, 409 when the lock was lost: nothing was sent.
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

    /// Does the work, keeping others out for as long as it takes.
    pub async fn hold<T>(&self, work: impl Future<Output = T>) -> T {
        self.lock.hold(self.redis, work).await
    }

    /// Records the outcome and lets others in. An error with the code `outcome_unknown` leaves them in doubt; any
    /// other one means that nothing happened.
    ///
    /// # Errors
    /// That of the outcome alone: an answer that cannot be kept leaves the doubt, which is true enough.
    pub async fn finish(self, outcome: Result<Value>) -> Result<Value> {
        let record = match (&outcome, self.sent.get()) {
            (Ok(answer), _) => State::answered(self.sealer, &self.key, answer).map(|state| self.write(state)),
            (Err(_), None) => None,
            (Err(error), Some(sent)) if error.code() == ErrorCode::OutcomeUnknown => {
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

/// 409: what became of the request cannot be told yet.
pub(super) fn in_progress(what: &str) -> Error {
    Error::new(ErrorCode::InProgress, format!("{what}. Repeat it shortly, with the same key."))
        .retry_after(Duration::from_secs(2))
}
