//! Starting a request with an `Idempotency-Key`: one request does the work, the others wait for its response.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use base::crypto::Sealer;
use base::deadline;
use base::retry::Pauses;
use secrecy::ExposeSecret;
use serde_json::Value;
use stores::upstash::{Command, Upstash};

use super::attempt::{Attempt, ENOUGH, in_progress};
use super::record::{IdempotencyKey, Known, Record, State};
use crate::connections::Lock;
use crate::error::{Error, ErrorCode, Result};

/// How long a request waits for another one with the same key.
const PATIENCE: Duration = Duration::from_secs(12);

/// Initial and maximum polling interval.
const POLL_MIN: Duration = Duration::from_millis(80);
const POLL_MAX: Duration = Duration::from_millis(500);

/// Stores the records of idempotent requests. Settings: those of [`Upstash`], and `TOKEN_ENCRYPTION_KEY`.
pub struct IdempotencyStore {
    redis: Arc<Upstash>,
    sealer: Sealer,
}

/// How a request with a key continues.
pub enum Begun<'a> {
    /// It returns this stored response.
    Replay(Value),
    /// It does the work, exclusively.
    Attempt(Box<Attempt<'a>>),
}

impl IdempotencyStore {
    pub(crate) fn new(redis: Arc<Upstash>, sealer: Sealer) -> Self {
        Self { redis, sealer }
    }

    /// Starts a request with a key. Waits while another request with the same key is in progress.
    ///
    /// # Errors
    /// 422 if the key was used for a different request; 409 with `Retry-After` if the other request is still in
    /// progress after the maximum wait. After any error, nothing was done.
    pub async fn begin(&self, key: &IdempotencyKey, request: &str) -> Result<Begun<'_>> {
        let lock = Lock::with_key(key.lock()).map_err(Error::internal)?;
        let patience = deadline::remaining().saturating_sub(PATIENCE).max(ENOUGH);
        let mut pauses = Pauses::new(POLL_MIN, POLL_MAX);
        loop {
            let [taken, record] = self.redis.pipeline([lock.take(), Command::get(&key.record())]).await?;
            let is_mine = !taken.is_null();
            let known = match self.read(key, request, record.as_str()) {
                Ok(known) => known,
                Err(error) => {
                    self.release_lock(&lock, is_mine).await;
                    return Err(error);
                }
            };
            let earlier = match known {
                Some(Known::Answered(answer)) => {
                    self.release_lock(&lock, is_mine).await;
                    return Ok(Begun::Replay(answer));
                }
                Some(Known::Sent(send)) => Some(send),
                None => None,
            };
            if is_mine {
                let (key, request) = (key.clone(), request.to_owned());
                let sent = OnceLock::new();
                return Ok(Begun::Attempt(Box::new(Attempt {
                    redis: &self.redis,
                    sealer: &self.sealer,
                    key,
                    request,
                    lock,
                    earlier,
                    sent,
                })));
            }
            if deadline::remaining() < patience {
                return Err(in_progress("The first request with this Idempotency-Key is still under way"));
            }
            pauses.sleep().await;
        }
    }

    /// Interprets a record. An unreadable record is an error: treating it as missing would send the request twice.
    fn read(&self, key: &IdempotencyKey, request: &str, record: Option<&str>) -> Result<Option<Known>> {
        let Some(text) = record else { return Ok(None) };
        let record: Record = serde_json::from_str(text).map_err(Error::internal)?;
        if record.request != request {
            return Err(Error::new(
                ErrorCode::IdempotencyKeyReused,
                "This Idempotency-Key was used for another request: send a new key with a new request",
            ));
        }
        match record.state {
            State::Sent(send) => Ok(Some(Known::Sent(send))),
            State::Answered(sealed) => {
                let plaintext = self.sealer.open(sealed.as_str(), &key.sealing()).map_err(Error::internal)?;
                let answer = serde_json::from_str(plaintext.expose_secret()).map_err(Error::internal)?;
                Ok(Some(Known::Answered(answer)))
            }
        }
    }

    async fn release_lock(&self, lock: &Lock, is_mine: bool) {
        if is_mine && let Err(error) = self.redis.run(lock.release()).await {
            tracing::warn!(cause = %error, "lock not released, it expires by itself");
        }
    }
}

#[cfg(test)]
mod tests {
    use base::config::{FromSettings as _, Settings};
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;
    use serde_json::json;
    use time::OffsetDateTime;
    use uuid::Uuid;

    use super::super::record::{MAX_ANSWER, UnconfirmedSend};
    use super::*;

    fn store() -> IdempotencyStore {
        let pairs = [("UPSTASH_REDIS_REST_URL", "http://localhost:1"), ("UPSTASH_REDIS_REST_TOKEN", "token")];
        let pairs = pairs.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let redis = Upstash::from_settings(&Settings::from_pairs(pairs)).unwrap();
        IdempotencyStore::new(Arc::new(redis), Sealer::from_keys(&STANDARD.encode([7; 32])).unwrap())
    }

    #[test]
    fn a_key_belongs_to_one_connection_and_site() {
        let (one, two) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let key = IdempotencyKey::new(&one, Some("a"), "k");
        assert_eq!(key.digest(), IdempotencyKey::new(&one, Some("a"), "k").digest());
        for other in [
            IdempotencyKey::new(&two, Some("a"), "k"),
            IdempotencyKey::new(&one, Some("b"), "k"),
            IdempotencyKey::new(&one, None, "k"),
        ] {
            assert_ne!(key.digest(), other.digest());
        }
    }

    #[test]
    fn records_are_read_as_they_were_written() {
        let now = OffsetDateTime::from_unix_timestamp(1_700_000_000).unwrap();
        let (store, key) = (store(), IdempotencyKey::new(&Uuid::from_u128(1), None, "k"));
        let read = |state: State, key: &IdempotencyKey| {
            let text = serde_json::to_string(&Record { request: "r".to_owned(), state }).unwrap();
            assert!(!text.contains("Sam"), "{text}");
            store.read(key, "r", Some(&text))
        };
        let send = UnconfirmedSend::starting(now, "10000");
        assert!(matches!(read(State::Sent(send.clone()), &key), Ok(Some(Known::Sent(it))) if it == send));
        let answer = json!({ "ticket": { "assignee": "Sam", "priority": null } });
        let sealed = || State::answered(&store.sealer, &key, &answer).unwrap();
        assert!(matches!(read(sealed(), &key), Ok(Some(Known::Answered(it))) if it == answer));
        let other = IdempotencyKey::new(&Uuid::from_u128(1), None, "other");
        assert!(read(sealed(), &other).is_err());
        assert!(matches!(store.read(&key, "r", None), Ok(None)));
    }

    #[test]
    fn an_unreadable_record_is_not_treated_as_missing() {
        let (store, key) = (store(), IdempotencyKey::new(&Uuid::from_u128(1), None, "k"));
        for text in ["", "{}", "null", r#"{"request":"r","answered":{"ticket":{}}}"#] {
            assert!(store.read(&key, "r", Some(text)).is_err(), "{text}");
        }
    }

    #[test]
    fn a_response_that_is_too_long_is_not_stored() {
        let (store, key) = (store(), IdempotencyKey::new(&Uuid::from_u128(1), None, "k"));
        assert!(
            State::answered(&store.sealer, &key, &json!({ "summary": "x".repeat(MAX_ANSWER) })).is_none()
        );
        assert!(
            State::answered(&store.sealer, &key, &json!({ "summary": "x".repeat(MAX_ANSWER - 100) }))
                .is_some()
        );
    }
}
