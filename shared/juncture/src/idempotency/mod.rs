//! Requests that must have their effect once, however often they are sent: what is known of each is kept in
//! Redis for a day, under its `Idempotency-Key` and bound to its connection.
//!
//! A record is written before anything is sent to the provider, and again when the outcome is known. Whoever
//! finds a record of something sent without an outcome must find out what became of it before sending again.
//! An answer is sealed: it may name people and what they work on.

use std::future::Future;
use std::sync::OnceLock;
use std::time::Duration;

use ::http::StatusCode;
use base::config::{FromSettings, Settings, SettingsError};
use base::crypto::{Sealer, sha256_hex};
use base::deadline;
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use stores::upstash::{Command, Upstash};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::connections::expiring_keys;
use crate::connections::lock::Lock;
use crate::error::{Error, Result};

/// How long a key is remembered.
pub(crate) const LIFETIME: Duration = Duration::from_secs(24 * 60 * 60);

/// How long a request waits for another one with the same key.
const PATIENCE: Duration = Duration::from_secs(12);

/// What must be left of the budget for starting the work.
const ENOUGH: Duration = Duration::from_secs(8);

/// How long a request waits between two looks; it grows to the second figure.
const FIRST_LOOK: Duration = Duration::from_millis(80);
const SLOWEST_LOOK: Duration = Duration::from_millis(500);

/// How long the provider may still be working on what it was sent, after it was sent and after the connection
/// to it was lost.
const SETTLED_AFTER_SENDING: Duration = Duration::from_secs(20);
const SETTLED_AFTER_LOSS: Duration = Duration::from_secs(5);

/// The longest answer that is kept, in bytes. None comes near it; Jira's names are some hundred characters long.
const MAX_ANSWER: usize = 16 * 1024;

/// Remembers such requests. Settings: those of [`Upstash`], and `TOKEN_ENCRYPTION_KEY`.
pub struct Once {
    redis: Upstash,
    sealer: Sealer,
}

impl FromSettings for Once {
    fn from_settings(settings: &Settings) -> Result<Self, SettingsError> {
        Ok(Self { redis: Upstash::from_settings(settings)?, sealer: Sealer::from_settings(settings)? })
    }
}

/// Names a request and all its repetitions.
#[derive(Debug, Clone)]
pub struct OnceKey {
    connection_id: Uuid,
    digest: String,
}

impl OnceKey {
    /// The request of a connection to a site that its caller gave this `Idempotency-Key`.
    pub fn new(connection_id: &Uuid, site: Option<&str>, idempotency_key: &str) -> Self {
        let named = format!("{connection_id}\n{}\n{idempotency_key}", site.unwrap_or_default());
        Self { connection_id: *connection_id, digest: sha256_hex(named.as_bytes()) }
    }

    /// A name for the request that tells nothing of the key.
    pub fn digest(&self) -> &str {
        &self.digest
    }

    fn record(&self) -> String {
        format!("juncture:once:{}:{}", self.connection_id, self.digest)
    }

    fn lock(&self) -> String {
        format!("juncture:once-lock:{}:{}", self.connection_id, self.digest)
    }
}

/// What an earlier request left behind that lost its connection to the provider.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Doubt {
    /// Where it would have its effect, as [`Claim::about_to_send`] was told.
    pub place: String,
    /// Before this it was not sent.
    #[serde(with = "time::serde::timestamp")]
    pub sent_at: OffsetDateTime,
    /// From then on it has had its effect if it ever has one.
    #[serde(with = "time::serde::timestamp")]
    pub settled_at: OffsetDateTime,
}

impl Doubt {
    fn starting(now: OffsetDateTime, place: &str) -> Self {
        Self { place: place.to_owned(), sent_at: now, settled_at: now + SETTLED_AFTER_SENDING }
    }
}

#[derive(Debug, Serialize, Deserialize)]
struct Record {
    /// The digest of the request's body.
    request: String,
    #[serde(flatten)]
    state: State,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum State {
    Sent(Doubt),
    /// The answer, sealed.
    Answered(String),
}

/// What a record tells a request.
enum Known {
    Sent(Doubt),
    Answered(Value),
}

/// What a request with a key is to do.
pub enum Entry<'a> {
    /// Nothing: this was the answer.
    Answered(Value),
    /// Its work, alone.
    Yours(Box<Claim<'a>>),
}

impl Once {
    /// Comes in with a key; waits while another request with the same key is under way.
    ///
    /// # Errors
    /// 422 when the key was used for another request, 409 with `Retry-After` when the other one is still under
    /// way at the end of the patience, 503 when Redis is away: nothing was done then.
    pub async fn enter(&self, key: &OnceKey, request: &str) -> Result<Entry<'_>> {
        let lock = Lock::on(key.lock()).map_err(Error::internal)?;
        let patience = deadline::remaining().saturating_sub(PATIENCE).max(ENOUGH);
        let mut rest = FIRST_LOOK;
        loop {
            let [taken, record] = self.redis.pipeline([lock.take(), Command::get(&key.record())]).await?;
            let is_mine = !taken.is_null();
            let known = match self.read(key, request, record.as_str()) {
                Ok(known) => known,
                Err(error) => {
                    self.let_go(&lock, is_mine).await;
                    return Err(error);
                }
            };
            let doubt = match known {
                Some(Known::Answered(answer)) => {
                    self.let_go(&lock, is_mine).await;
                    return Ok(Entry::Answered(answer));
                }
                Some(Known::Sent(doubt)) => Some(doubt),
                None => None,
            };
            if is_mine {
                let (key, request) = (key.clone(), request.to_owned());
                let sent = OnceLock::new();
                return Ok(Entry::Yours(Box::new(Claim { once: self, key, request, lock, doubt, sent })));
            }
            if deadline::remaining() < patience {
                return Err(in_progress("The first request with this Idempotency-Key is still under way"));
            }
            tokio::time::sleep(rest).await;
            rest = (rest * 3 / 2).min(SLOWEST_LOOK);
        }
    }

    /// What a record tells. One that cannot be read is an error: taken for none, it would have the request sent
    /// twice.
    fn read(&self, key: &OnceKey, request: &str, record: Option<&str>) -> Result<Option<Known>> {
        let Some(text) = record else { return Ok(None) };
        let record: Record = serde_json::from_str(text).map_err(Error::internal)?;
        if record.request != request {
            return Err(Error::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "idempotency_key_reused",
                "This Idempotency-Key was used for another request: send a new key with a new request",
            ));
        }
        match record.state {
            State::Sent(doubt) => Ok(Some(Known::Sent(doubt))),
            State::Answered(sealed) => {
                let clear = self.sealer.open_sealed(&sealed, &key.record()).map_err(Error::internal)?;
                let answer = serde_json::from_str(clear.expose_secret()).map_err(Error::internal)?;
                Ok(Some(Known::Answered(answer)))
            }
        }
    }

    /// An answer as it is kept; none when it is too long, or when nothing can be sealed.
    fn seal(&self, key: &OnceKey, answer: &Value) -> Option<State> {
        let clear = answer.to_string();
        if clear.len() > MAX_ANSWER {
            return None;
        }
        self.sealer.seal(&clear, &key.record()).ok().map(State::Answered)
    }

    async fn let_go(&self, lock: &Lock, is_mine: bool) {
        if is_mine && let Err(error) = self.redis.run(lock.release()).await {
            tracing::warn!(cause = %error, "a lock could not be released; it ends by itself");
        }
    }
}

/// 409: what became of the request cannot be told yet.
fn in_progress(what: &str) -> Error {
    Error::new(StatusCode::CONFLICT, "in_progress", format!("{what}. Repeat it shortly, with the same key."))
        .retry_after(Duration::from_secs(2))
}

/// The right to do the work of one key; nobody else does it meanwhile.
pub struct Claim<'a> {
    once: &'a Once,
    key: OnceKey,
    request: String,
    lock: Lock,
    doubt: Option<Doubt>,
    /// What was sent, once something was.
    sent: OnceLock<Doubt>,
}

impl Claim<'_> {
    /// The request's name.
    pub fn key(&self) -> &OnceKey {
        &self.key
    }

    /// What an earlier request may have done already.
    pub fn doubt(&self) -> Option<&Doubt> {
        self.doubt.as_ref()
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
        let doubt = Doubt::starting(OffsetDateTime::now_utc(), place);
        let record = self.write(State::Sent(doubt.clone()));
        let [renewed, _] = self.once.redis.pipeline([self.lock.renew(), record]).await?;
        if renewed.as_i64() != Some(1) {
            return Err(in_progress("Another request with this Idempotency-Key is under way"));
        }
        self.sent.get_or_init(|| doubt);
        Ok(())
    }

    /// Does the work, keeping others out for as long as it takes.
    pub async fn hold<T>(&self, work: impl Future<Output = T>) -> T {
        self.lock.hold(&self.once.redis, work).await
    }

    /// Records the outcome and lets others in. An error with the code `outcome_unknown` leaves them in doubt; any
    /// other one means that nothing happened.
    ///
    /// # Errors
    /// That of the outcome alone: an answer that cannot be kept leaves the doubt, which is true enough.
    pub async fn leave(self, outcome: Result<Value>) -> Result<Value> {
        let record = match (&outcome, self.sent.get()) {
            (Ok(answer), _) => self.once.seal(&self.key, answer).map(|state| self.write(state)),
            (Err(_), None) => None,
            (Err(error), Some(sent)) if error.code() == "outcome_unknown" => {
                let settled_at = OffsetDateTime::now_utc() + SETTLED_AFTER_LOSS;
                Some(self.write(State::Sent(Doubt { settled_at, ..sent.clone() })))
            }
            (Err(_), Some(_)) => Some(Command::delete(&self.key.record())),
        };
        let written = match record {
            Some(record) => self.once.redis.pipeline([record, self.lock.release()]).await.map(drop),
            None => self.once.redis.run(self.lock.release()).await.map(drop),
        };
        if let Err(error) = written {
            tracing::warn!(cause = %error, "the outcome of an idempotent request could not be recorded");
        }
        outcome
    }

    fn write(&self, state: State) -> Command {
        let record = Record { request: self.request.clone(), state };
        // A record is plain data; serializing it cannot fail.
        let text = serde_json::to_string(&record).unwrap_or_default();
        let owner = expiring_keys::of_connection(&self.key.connection_id);
        expiring_keys::set(&owner, &self.key.record(), &text, LIFETIME)
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;
    use serde_json::json;

    use super::*;

    fn once() -> Once {
        let pairs = [
            ("UPSTASH_REDIS_REST_URL", "http://localhost:1".to_owned()),
            ("UPSTASH_REDIS_REST_TOKEN", "token".to_owned()),
            ("TOKEN_ENCRYPTION_KEY", STANDARD.encode([7; 32])),
        ];
        let pairs = pairs.map(|(name, value)| (name.to_owned(), value));
        Once::from_settings(&Settings::from_pairs(pairs)).unwrap()
    }

    #[test]
    fn a_key_belongs_to_one_connection_and_site() {
        let (one, two) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let key = OnceKey::new(&one, Some("a"), "k");
        assert_eq!(key.digest(), OnceKey::new(&one, Some("a"), "k").digest());
        for other in [
            OnceKey::new(&two, Some("a"), "k"),
            OnceKey::new(&one, Some("b"), "k"),
            OnceKey::new(&one, None, "k"),
        ] {
            assert_ne!(key.digest(), other.digest());
        }
    }

    #[test]
    fn records_are_read_as_they_were_written() {
        let now = OffsetDateTime::from_unix_timestamp(1_700_000_000).unwrap();
        let (once, key) = (once(), OnceKey::new(&Uuid::from_u128(1), None, "k"));
        let read = |state: State, key: &OnceKey| {
            let text = serde_json::to_string(&Record { request: "r".to_owned(), state }).unwrap();
            assert!(!text.contains("Sam"), "{text}");
            once.read(key, "r", Some(&text))
        };
        let doubt = Doubt::starting(now, "10000");
        assert!(matches!(read(State::Sent(doubt.clone()), &key), Ok(Some(Known::Sent(it))) if it == doubt));
        let answer = json!({ "ticket": { "assignee": "Sam", "priority": null } });
        let sealed = || once.seal(&key, &answer).unwrap();
        assert!(matches!(read(sealed(), &key), Ok(Some(Known::Answered(it))) if it == answer));
        let other = OnceKey::new(&Uuid::from_u128(1), None, "other");
        assert!(read(sealed(), &other).is_err());
        assert!(matches!(once.read(&key, "r", None), Ok(None)));
    }

    #[test]
    fn a_record_that_cannot_be_read_is_not_taken_for_none() {
        let (once, key) = (once(), OnceKey::new(&Uuid::from_u128(1), None, "k"));
        for text in ["", "{}", "null", r#"{"request":"r","answered":{"ticket":{}}}"#] {
            assert!(once.read(&key, "r", Some(text)).is_err(), "{text}");
        }
    }

    #[test]
    fn an_answer_of_any_length_is_not_kept() {
        let (once, key) = (once(), OnceKey::new(&Uuid::from_u128(1), None, "k"));
        assert!(once.seal(&key, &json!({ "summary": "x".repeat(MAX_ANSWER) })).is_none());
        assert!(once.seal(&key, &json!({ "summary": "x".repeat(MAX_ANSWER - 100) })).is_some());
    }
}
