//! What Redis stores for a request with an `Idempotency-Key`.

use std::time::Duration;

use base::crypto::{Binding, Sealed, Sealer, sha256_hex};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use stores::upstash::Command;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::connections::expiring_keys;

/// How long a key is remembered.
pub(crate) const LIFETIME: Duration = Duration::from_secs(24 * 60 * 60);

/// Maximum size of a stored response, in bytes. No response gets close: the names in it are a few hundred characters
/// long.
pub(super) const MAX_ANSWER: usize = 16 * 1024;

/// How long the provider may still be processing a request: after it was sent, and after the connection was lost.
const SETTLED_AFTER_SENDING: Duration = Duration::from_secs(20);
const SETTLED_AFTER_LOSS: Duration = Duration::from_secs(5);

/// Identifies a request and its retries.
#[derive(Debug, Clone)]
pub struct IdempotencyKey {
    connection_id: Uuid,
    digest: String,
}

impl IdempotencyKey {
    /// The key of a request to a site through a connection, from its `Idempotency-Key` header.
    pub fn new(connection_id: &Uuid, site: Option<&str>, idempotency_key: &str) -> Self {
        let named = format!("{connection_id}\n{}\n{idempotency_key}", site.unwrap_or_default());
        Self { connection_id: *connection_id, digest: sha256_hex(named.as_bytes()) }
    }

    /// A digest that identifies the request without revealing the key.
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// The Redis key of the record.
    pub(super) fn record(&self) -> String {
        format!("juncture:once:{}:{}", self.connection_id, self.digest)
    }

    /// What a stored response is bound to.
    pub(super) fn sealing(&self) -> Binding {
        Binding::new(self.record(), &["idempotency_record", &self.connection_id.to_string(), &self.digest])
    }

    /// The Redis key of the lock.
    pub(super) fn lock(&self) -> String {
        format!("juncture:once-lock:{}:{}", self.connection_id, self.digest)
    }
}

/// A request that was sent without learning its outcome.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnconfirmedSend {
    /// Where it takes effect, as passed to [`super::Attempt::about_to_send`].
    pub place: String,
    /// It was not sent before this time.
    #[serde(with = "time::serde::timestamp")]
    pub sent_at: OffsetDateTime,
    /// From this time on, it has either taken effect or never will.
    #[serde(with = "time::serde::timestamp")]
    pub settled_at: OffsetDateTime,
}

impl UnconfirmedSend {
    /// The state right before sending.
    pub(super) fn starting(now: OffsetDateTime, place: &str) -> Self {
        Self { place: place.to_owned(), sent_at: now, settled_at: now + SETTLED_AFTER_SENDING }
    }

    /// The state after the connection to the provider was lost.
    pub(super) fn lost(self, now: OffsetDateTime) -> Self {
        Self { settled_at: now + SETTLED_AFTER_LOSS, ..self }
    }
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Record {
    /// The digest of the request body.
    pub(super) request: String,
    #[serde(flatten)]
    pub(super) state: State,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum State {
    Sent(UnconfirmedSend),
    /// The sealed response.
    Answered(Sealed),
}

impl State {
    /// The stored form of a response; `None` if it is too long or cannot be sealed.
    pub(super) fn answered(sealer: &Sealer, key: &IdempotencyKey, answer: &Value) -> Option<Self> {
        let plaintext = answer.to_string();
        if plaintext.len() > MAX_ANSWER {
            return None;
        }
        sealer.seal(&plaintext, &key.sealing()).ok().map(Self::Answered)
    }
}

impl Record {
    /// Builds the command that stores the record.
    pub(super) fn write(&self, key: &IdempotencyKey) -> Command {
        // Serializing plain data cannot fail.
        let text = serde_json::to_string(self).unwrap_or_default();
        let owner = expiring_keys::owner_for_connection(&key.connection_id);
        expiring_keys::set(&owner, &key.record(), &text, LIFETIME)
    }
}

/// What the record says about a request.
pub(super) enum Known {
    Sent(UnconfirmedSend),
    Answered(Value),
}
