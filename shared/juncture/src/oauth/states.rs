//! The state of a flow, for the round trip to the provider. Redis stores it under its digest.

use std::sync::Arc;
use std::time::Duration;

use base::crypto::{Sealer, is_code, random_code, sha256_hex};
use serde::{Deserialize, Serialize};
use stores::upstash::{Command, Upstash};
use time::OffsetDateTime;

use super::browser::{Binding, Browser};
use super::return_url::ReturnUrl;
use crate::connections::{ConnectionKey, ExternalId, expiring_keys, removal_time};
use crate::display::DisplayName;
use crate::error::{Error, ErrorCode, Result};
use crate::provider::ProviderId;

/// Time limit for giving consent.
const STATE_LIFETIME: Duration = Duration::from_secs(10 * 60);

const STATE_PREFIX: &str = "st";

/// The states of started flows. Settings: those of [`Upstash`], and `TOKEN_ENCRYPTION_KEY`.
pub struct OAuthStates {
    pub(super) redis: Arc<Upstash>,
    pub(super) sealer: Sealer,
}

/// What a flow is meant to create.
pub struct Intent {
    /// The connection to create.
    pub connection_key: ConnectionKey,
    /// Where the person is sent at the end, if the flow has its own return URL.
    pub return_url: Option<ReturnUrl>,
    /// Whom the connection is for, in the words of the product's backend.
    pub display_name: Option<DisplayName>,
    /// Whether the product's backend requires the flow to end in the browser in which it started, even if that browser
    /// may keep no cookies.
    pub same_browser: bool,
    /// When the flow started, if it has. If the connection was removed since then, the flow cannot create it again.
    pub(super) begun_at: Option<OffsetDateTime>,
}

impl From<ConnectionKey> for Intent {
    fn from(connection_key: ConnectionKey) -> Self {
        Self { connection_key, return_url: None, display_name: None, same_browser: false, begun_at: None }
    }
}

/// The right to start one flow with a connect token.
pub struct ConnectTokenUse {
    /// The token's random id.
    pub(super) id: String,
    /// How long the token remains valid.
    pub(super) left: Duration,
}

#[derive(Serialize, Deserialize)]
pub(super) struct StoredState {
    provider: String,
    external_id: ExternalId,
    #[serde(default)]
    return_url: Option<ReturnUrl>,
    #[serde(default)]
    display_name: Option<DisplayName>,
    /// The browser that has to return.
    #[serde(default)]
    binding: Option<Binding>,
    /// When the flow started, or its connect token was issued. Missing in states of older versions.
    #[serde(default, with = "time::serde::timestamp::microseconds::option")]
    begun_at: Option<OffsetDateTime>,
}

impl StoredState {
    /// Parses the value stored in Redis.
    pub(super) fn read(text: &str) -> Result<Self> {
        serde_json::from_str(text).map_err(|_| expired())
    }

    pub(super) fn is_of(&self, provider: ProviderId) -> bool {
        self.provider == provider.as_str()
    }

    /// Whether this browser sent the cookie with which the flow started.
    pub(super) fn began_in(&self, visitor: Option<&Browser>) -> bool {
        self.binding.as_ref().is_some_and(|binding| binding.is_brought_by(visitor))
    }

    /// Returns the intent of the flow, provided the browser is the one that started it.
    pub(super) fn intent(self, provider: ProviderId, visitor: Option<&Browser>) -> Result<Intent> {
        if !self.is_of(provider) {
            return Err(Error::bad_request("This link belongs to another provider. Start connecting again."));
        }
        self.binding.map_or(Ok(()), |binding| binding.check(visitor))?;
        Ok(Intent {
            connection_key: ConnectionKey::new(provider, self.external_id),
            return_url: self.return_url,
            display_name: self.display_name,
            // The binding covers it from here on.
            same_browser: false,
            begun_at: self.begun_at,
        })
    }
}

/// 410: the state does not exist, or no longer does.
pub(super) fn expired() -> Error {
    Error::gone(ErrorCode::StateExpired, "This link was used already or has expired. Start connecting again.")
}

impl OAuthStates {
    pub(crate) fn new(redis: Arc<Upstash>, sealer: Sealer) -> Self {
        Self { redis, sealer }
    }

    /// Starts a flow in a browser and returns its state. This uses the connect token up.
    ///
    /// # Errors
    /// 410 if the connect token was already used, or the connection was removed after the token was issued.
    pub async fn begin(
        &self,
        intent: &Intent,
        token_use: Option<&ConnectTokenUse>,
        binding: Binding,
    ) -> Result<String> {
        let state = random_code(STATE_PREFIX).map_err(Error::internal)?;
        let stored = StoredState {
            provider: intent.connection_key.provider().as_str().to_owned(),
            external_id: intent.connection_key.external_id().clone(),
            return_url: intent.return_url.clone(),
            display_name: intent.display_name.clone(),
            binding: Some(binding),
            begun_at: intent.begun_at.or_else(|| Some(OffsetDateTime::now_utc())),
        };
        let value = serde_json::to_string(&stored).map_err(Error::internal)?;
        let expired = |why| Err(Error::gone(ErrorCode::ConnectTokenExpired, why));
        match self.redis.run(begin(intent, token_use, &state_key(&state), &value)).await?.as_i64() {
            Some(USED) => expired("connect_token was used already: ask your backend for a new one"),
            Some(ENDED) => expired(
                "The connection was removed after connect_token had been made: ask your backend for a new one",
            ),
            _ => Ok(state),
        }
    }

    /// Uses a state up and returns the intent of its flow. Only one of several concurrent callers succeeds.
    ///
    /// # Errors
    /// 400 if the text is not a state or belongs to another provider, 403 in another browser, 410 if it was used or has
    /// expired.
    pub async fn consume(
        &self,
        provider: ProviderId,
        state: &str,
        visitor: Option<&Browser>,
    ) -> Result<Intent> {
        Self::check(state)?;
        let value = self.redis.run(Command::take(&state_key(state))).await?;
        StoredState::read(value.as_str().ok_or_else(expired)?)?.intent(provider, visitor)
    }

    /// Rejects text that cannot be a state.
    pub(super) fn check(state: &str) -> Result<()> {
        if is_code(state, STATE_PREFIX) {
            return Ok(());
        }
        Err(Error::bad_request("This link is not complete. Start connecting again."))
    }
}

/// Results of the script in [`begin`] if it did not start the flow.
const USED: i64 = 0;
const ENDED: i64 = -1;

/// Stores a state, unless the connect token already started another flow or was issued before the connection was
/// removed. Safe to run twice.
fn begin(intent: &Intent, token_use: Option<&ConnectTokenUse>, state: &str, value: &str) -> Command {
    const ONCE: &str = "\
        local ended = redis.call('GET', KEYS[4]) \
        if ended and tonumber(ended) >= tonumber(ARGV[5]) then return -1 end \
        local begun = redis.call('GET', KEYS[3]) \
        if begun and begun ~= KEYS[1] then return 0 end \
        redis.call('SET', KEYS[3], KEYS[1], 'PX', ARGV[4]) ";
    let owner = expiring_keys::owner_for_key(&intent.connection_key);
    let Some((token_use, begun_at)) = token_use.zip(intent.begun_at) else {
        return expiring_keys::set(&owner, state, value, STATE_LIFETIME);
    };
    let used = format!("juncture:connect-token:{}", sha256_hex(token_use.id.as_bytes()));
    // A margin for clock skew: while our clock still accepts the token, its use must be remembered.
    let remembered = (token_use.left + Duration::from_secs(60)).as_millis().to_string();
    let [value, lifetime, now] = expiring_keys::arguments(value, STATE_LIFETIME);
    Command::eval_with(
        &format!("{ONCE}{}", expiring_keys::SET),
        &[state, &owner, &used, &removal_time::redis_key(&intent.connection_key)],
        &[&value, &lifetime, &now, &remembered, &removal_time::to_micros(begun_at)],
    )
}

pub(super) fn state_key(state: &str) -> String {
    format!("juncture:state:{}", sha256_hex(state.as_bytes()))
}
