//! The state of a flow, for the way to the provider and back. Redis holds it under its digest.

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

/// How long a person may take to consent.
const STATE_LIFETIME: Duration = Duration::from_secs(10 * 60);

const STATE_PREFIX: &str = "st";

/// The states of flows that have begun. Settings: those of [`Upstash`], and `TOKEN_ENCRYPTION_KEY`.
pub struct OAuthStates {
    pub(super) redis: Arc<Upstash>,
    pub(super) sealer: Sealer,
}

/// What a flow is to lead to.
pub struct Intent {
    /// The connection that it makes.
    pub connection_key: ConnectionKey,
    /// Where the person lands at last, if the flow has an address of its own.
    pub return_url: Option<ReturnUrl>,
    /// For whom the connection is made, as the product's backend says.
    pub display_name: Option<DisplayName>,
    /// Whether the product's backend wants it to end in the browser in which it begins, whatever that one says of itself.
    pub same_browser: bool,
    /// When it began, if it has: a connection that was removed since is not made again.
    pub(super) begun_at: Option<OffsetDateTime>,
}

impl From<ConnectionKey> for Intent {
    fn from(connection_key: ConnectionKey) -> Self {
        Self { connection_key, return_url: None, display_name: None, same_browser: false, begun_at: None }
    }
}

/// What lets one flow begin, and no second one.
pub struct ConnectTokenUse {
    /// Unguessable, and this connect token's alone.
    pub(super) id: String,
    /// How long it is good for.
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
    /// The browser that must return.
    #[serde(default)]
    binding: Option<Binding>,
    /// When the flow began, its connect token if it has one. Absent in a state of a version that did not tell.
    #[serde(default, with = "time::serde::timestamp::microseconds::option")]
    begun_at: Option<OffsetDateTime>,
}

impl StoredState {
    /// Reads what Redis holds.
    pub(super) fn read(text: &str) -> Result<Self> {
        serde_json::from_str(text).map_err(|_| expired())
    }

    pub(super) fn is_of(&self, provider: ProviderId) -> bool {
        self.provider == provider.as_str()
    }

    /// Whether this browser has brought the cookie with which the flow began.
    pub(super) fn began_in(&self, visitor: Option<&Browser>) -> bool {
        self.binding.as_ref().is_some_and(|binding| binding.is_brought_by(visitor))
    }

    /// What it was made for, in the browser that began.
    pub(super) fn intent(self, provider: ProviderId, visitor: Option<&Browser>) -> Result<Intent> {
        if !self.is_of(provider) {
            return Err(Error::bad_request("This link belongs to another provider. Start connecting again."));
        }
        self.binding.map_or(Ok(()), |binding| binding.check(visitor))?;
        Ok(Intent {
            connection_key: ConnectionKey::new(provider, self.external_id),
            return_url: self.return_url,
            display_name: self.display_name,
            // Its binding has it from here on.
            same_browser: false,
            begun_at: self.begun_at,
        })
    }
}

/// 410: there is no such state, or not any more.
pub(super) fn expired() -> Error {
    Error::gone(ErrorCode::StateExpired, "This link was used already or has expired. Start connecting again.")
}

impl OAuthStates {
    pub(crate) fn new(redis: Arc<Upstash>, sealer: Sealer) -> Self {
        Self { redis, sealer }
    }

    /// Begins a flow in a browser and gives its state. A ticket is used up by that.
    ///
    /// # Errors
    /// 410 when the ticket was used before, or the connection was removed after it had been given out; 503 when Redis is
    /// away.
    pub async fn begin(
        &self,
        intent: &Intent,
        ticket: Option<&ConnectTokenUse>,
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
        match self.redis.run(begin(intent, ticket, &state_key(&state), &value)).await?.as_i64() {
            Some(USED) => expired("connect_token was used already: ask your backend for a new one"),
            Some(ENDED) => expired(
                "The connection was removed after connect_token had been made: ask your backend for a new one",
            ),
            _ => Ok(state),
        }
    }

    /// Ends a state: of all who come with it, one learns what it was made for, in the browser that began.
    ///
    /// # Errors
    /// 400 for what was never a state or belongs to another provider, 403 in another browser, 410 for one that is
    /// used or has expired, 503 when Redis is away.
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

    /// Refuses what was never a state.
    pub(super) fn check(state: &str) -> Result<()> {
        if is_code(state, STATE_PREFIX) {
            return Ok(());
        }
        Err(Error::bad_request("This link is not complete. Start connecting again."))
    }
}

/// What the script of [`begin`] answers instead of beginning.
const USED: i64 = 0;
const ENDED: i64 = -1;

/// Stores a state, unless it comes from a ticket that has begun another one, or from before the connection was removed.
/// To do it twice is to do it once.
fn begin(intent: &Intent, ticket: Option<&ConnectTokenUse>, state: &str, value: &str) -> Command {
    const ONCE: &str = "\
        local ended = redis.call('GET', KEYS[4]) \
        if ended and tonumber(ended) >= tonumber(ARGV[5]) then return -1 end \
        local begun = redis.call('GET', KEYS[3]) \
        if begun and begun ~= KEYS[1] then return 0 end \
        redis.call('SET', KEYS[3], KEYS[1], 'PX', ARGV[4]) ";
    let owner = expiring_keys::of(&intent.connection_key);
    let Some((ticket, begun_at)) = ticket.zip(intent.begun_at) else {
        return expiring_keys::set(&owner, state, value, STATE_LIFETIME);
    };
    let used = format!("juncture:connect-token:{}", sha256_hex(ticket.id.as_bytes()));
    // A clock of ours that is a little ahead must not let it be used again.
    let remembered = (ticket.left + Duration::from_secs(60)).as_millis().to_string();
    let [value, lifetime, now] = expiring_keys::arguments(value, STATE_LIFETIME);
    Command::eval_with(
        &format!("{ONCE}{}", expiring_keys::SET),
        &[state, &owner, &used, &removal_time::redis_key(&intent.connection_key)],
        &[&value, &lifetime, &now, &remembered, &removal_time::moment(begun_at)],
    )
}

pub(super) fn state_key(state: &str) -> String {
    format!("juncture:state:{}", sha256_hex(state.as_bytes()))
}
