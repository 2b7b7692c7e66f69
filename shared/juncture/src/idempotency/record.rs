//! What Redis holds of a request with an `Idempotency-Key`.

use std::time::Duration;

use base::crypto::{Sealed, Sealer, sha256_hex};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use stores::upstash::Command;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::connections::expiring_keys;

/// How long a key is remembered.
pub(crate) const LIFETIME: Duration = Duration::from_secs(24 * 60 * 60);

/// The longest answer that is kept, in bytes. None comes near it; Jira's names are some hundred characters long.
pub(super) const MAX_ANSWER: usize = 16 * 1024;

/// How long the provider may still be working on what it was sent, after it was sent and after the connection
/// to it was lost.
const SETTLED_AFTER_SENDING: Duration = Duration::from_secs(20);
const SETTLED_AFTER_LOSS: Duration = Duration::from_secs(5);

/// Names a request and all its repetitions.
#[derive(Debug, Clone)]
pub struct IdempotencyKey {
    connection_id: Uuid,
    digest: String,
}

impl IdempotencyKey {
    /// The request of a connection to a site that its caller gave this `Idempotency-Key`.
    pub fn new(connection_id: &Uuid, site: Option<&str>, idempotency_key: &str) -> Self {
        let named = format!("{connection_id}\n{}\n{idempotency_key}", site.unwrap_or_default());
        Self { connection_id: *connection_id, digest: sha256_hex(named.as_bytes()) }
    }

    /// A name for the request that tells nothing of the key.
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// The Redis key of its record; sealed answers are bound to it.
    pub(super) fn record(&self) -> String {
        format!("juncture:once:{}:{}", self.connection_id, self.digest)
    }

    /// The Redis key of its lock.
    pub(super) fn lock(&self) -> String {
        format!("juncture:once-lock:{}:{}", self.connection_id, self.digest)
    }
}

/// What an earlier request left behind that lost its connection to the provider.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnconfirmedSend {
    /// Where it would have its effect, as [`super::Attempt::about_to_send`] was told.
    pub place: String,
    /// Before this it was not sent.
    #[serde(with = "time::serde::timestamp")]
    pub sent_at: OffsetDateTime,
    /// From then on it has had its effect if it ever has one.
    #[serde(with = "time::serde::timestamp")]
    pub settled_at: OffsetDateTime,
}

impl UnconfirmedSend {
    /// As it is just before something is sent.
    pub(super) fn starting(now: OffsetDateTime, place: &str) -> Self {
        Self { place: place.to_owned(), sent_at: now, settled_at: now + SETTLED_AFTER_SENDING }
    }

    /// As it is when the connection to the provider was lost.
    pub(super) fn lost(self, now: OffsetDateTime) -> Self {
        Self { settled_at: now + SETTLED_AFTER_LOSS, ..self }
    }
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Record {
    /// The digest of the request's body.
    pub(super) request: String,
    #[serde(flatten)]
    pub(super) state: State,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum State {
    Sent(UnconfirmedSend),
    /// The answer, sealed.
    Answered(Sealed),
}

impl State {
    /// An answer as it is kept; none when it is too long, or when nothing can be sealed.
    pub(super) fn answered(sealer: &Sealer, key: &IdempotencyKey, answer: &Value) -> Option<Self> {
        let plaintext = answer.to_string();
        if plaintext.len() > MAX_ANSWER {
            return None;
        }
        sealer.seal(&plaintext, &key.record()).ok().map(Self::Answered)
    }
}

impl Record {
    /// Writes the record for a key.
    pub(super) fn write(&self, key: &IdempotencyKey) -> Command {
        // A record is plain data; serializing it cannot fail.
        let text = serde_json::to_string(self).unwrap_or_default();
        let owner = expiring_keys::of_connection(&key.connection_id);
        expiring_keys::set(&owner, &key.record(), &text, LIFETIME)
    }
}

/// What a record tells a request.
pub(super) enum Known {
    Sent(UnconfirmedSend),
    Answered(Value),
}
