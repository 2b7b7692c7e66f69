//! The flow that makes a connection: a state for the way to the provider, a connection code for the way to the
//! choice of a site. Both are unguessable, of one use, and short-lived. Redis holds them under their digests, so
//! that whoever reads Redis cannot use them.

use std::time::Duration;

use base::config::{FromSettings, Settings, SettingsError};
use base::crypto::{Sealer, is_code, random_code, sha256_hex};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use stores::upstash::{Command, Upstash};
use time::OffsetDateTime;
use uuid::Uuid;

use super::browser::{Binding, Browser};
use super::return_url::ReturnUrl;
use crate::connections::Connection;
use crate::connections::cache;
use crate::connections::expiring_keys;
use crate::connections::removal_time;
use crate::connections::store::SealedTokens;
use crate::connections::tokens::seal;
use crate::connections::{Address, ExternalId};
use crate::display::DisplayName;
use crate::error::{Error, Result};
use crate::provider::{Grant, GrantedScopes, ProviderId};
use crate::rate_limit::Key;

/// How long a person may take to consent.
const STATE_LIFETIME: Duration = Duration::from_secs(10 * 60);

/// How long a person may take to choose a site after that.
const CODE_LIFETIME: Duration = Duration::from_secs(15 * 60);

const STATE_PREFIX: &str = "st";
const CODE_PREFIX: &str = "cc";

/// The states of flows that have begun. Settings: those of [`Upstash`], and `TOKEN_ENCRYPTION_KEY`.
pub struct States {
    pub(super) redis: Upstash,
    pub(super) sealer: Sealer,
}

impl FromSettings for States {
    fn from_settings(settings: &Settings) -> Result<Self, SettingsError> {
        Ok(Self { redis: Upstash::from_settings(settings)?, sealer: Sealer::from_settings(settings)? })
    }
}

/// What a flow is to lead to.
pub struct Intent {
    /// The connection that it makes.
    pub address: Address,
    /// Where the person lands at last, if the flow has an address of its own.
    pub return_url: Option<ReturnUrl>,
    /// For whom the connection is made, as the product's backend says.
    pub display_name: Option<DisplayName>,
    /// Whether the product's backend wants it to end in the browser in which it begins, whatever that one says of itself.
    pub same_browser: bool,
    /// When it began, if it has: a connection that was removed since is not made again.
    pub(super) begun_at: Option<OffsetDateTime>,
}

impl From<Address> for Intent {
    fn from(address: Address) -> Self {
        Self { address, return_url: None, display_name: None, same_browser: false, begun_at: None }
    }
}

/// What lets one flow begin, and no second one.
pub struct Ticket {
    /// Unguessable, and this ticket's alone.
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
            address: Address::new(provider, self.external_id),
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
    Error::gone("state_expired", "This link was used already or has expired. Start connecting again.")
}

impl States {
    /// Begins a flow in a browser and gives its state. A ticket is used up by that.
    ///
    /// # Errors
    /// 410 when the ticket was used before, or the connection was removed after it had been given out; 503 when Redis is
    /// away.
    pub async fn begin(&self, intent: &Intent, ticket: Option<&Ticket>, binding: Binding) -> Result<String> {
        let state = random_code(STATE_PREFIX).map_err(Error::internal)?;
        let stored = StoredState {
            provider: intent.address.provider.as_str().to_owned(),
            external_id: intent.address.external_id.clone(),
            return_url: intent.return_url.clone(),
            display_name: intent.display_name.clone(),
            binding: Some(binding),
            begun_at: intent.begun_at.or_else(|| Some(OffsetDateTime::now_utc())),
        };
        let value = serde_json::to_string(&stored).map_err(Error::internal)?;
        let expired = |why| Err(Error::gone("connect_token_expired", why));
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
fn begin(intent: &Intent, ticket: Option<&Ticket>, state: &str, value: &str) -> Command {
    const ONCE: &str = "\
        local ended = redis.call('GET', KEYS[4]) \
        if ended and tonumber(ended) >= tonumber(ARGV[5]) then return -1 end \
        local begun = redis.call('GET', KEYS[3]) \
        if begun and begun ~= KEYS[1] then return 0 end \
        redis.call('SET', KEYS[3], KEYS[1], 'PX', ARGV[4]) ";
    let owner = expiring_keys::of(&intent.address);
    let Some((ticket, begun_at)) = ticket.zip(intent.begun_at) else {
        return expiring_keys::set(&owner, state, value, STATE_LIFETIME);
    };
    let used = format!("juncture:connect-token:{}", sha256_hex(ticket.id.as_bytes()));
    // A clock of ours that is a little ahead must not let it be used again.
    let remembered = (ticket.left + Duration::from_secs(60)).as_millis().to_string();
    let [value, lifetime, now] = expiring_keys::arguments(value, STATE_LIFETIME);
    Command::eval_with(
        &format!("{ONCE}{}", expiring_keys::SET),
        &[state, &owner, &used, &removal_time::key(&intent.address)],
        &[&value, &lifetime, &now, &remembered, &removal_time::moment(begun_at)],
    )
}

pub(super) fn state_key(state: &str) -> String {
    format!("juncture:state:{}", sha256_hex(state.as_bytes()))
}

/// What names a consent that is not finalized yet.
pub struct ConnectionCode(String);

impl ConnectionCode {
    /// Reads a connection code.
    ///
    /// # Errors
    /// 400 when the text cannot be one.
    pub fn parse(text: &str) -> Result<Self> {
        if !is_code(text, CODE_PREFIX) {
            return Err(Error::bad_request(
                "connection_code is malformed: use the one that the callback gave",
            ));
        }
        Ok(Self(text.to_owned()))
    }

    /// The code, for the address of the page.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What is counted when it is used: it may be tried so often.
    pub fn limited(&self) -> Key<'_> {
        Key { name: "connection_code", value: &self.0 }
    }

    fn digest(&self) -> String {
        sha256_hex(self.0.as_bytes())
    }

    fn key(&self) -> String {
        format!("juncture:pending:{}", self.digest())
    }
}

/// A consent that waits for its site. It touches nothing that exists: an abandoned one changes nothing.
#[derive(Serialize, Deserialize)]
pub struct PendingConnection {
    provider: String,
    external_id: ExternalId,
    access_token: String,
    #[serde(with = "time::serde::timestamp")]
    access_token_expires_at: OffsetDateTime,
    refresh_token: String,
    /// What the consent allows, if that is known.
    #[serde(default)]
    scopes: Option<GrantedScopes>,
    #[serde(default)]
    return_url: Option<ReturnUrl>,
    #[serde(default)]
    display_name: Option<DisplayName>,
    /// The browser that must finish, if it can be told from others where the flow is finished.
    #[serde(default)]
    binding: Option<Binding>,
    /// When the flow began. Absent in a consent of a version that did not tell.
    #[serde(default, with = "time::serde::timestamp::microseconds::option")]
    begun_at: Option<OffsetDateTime>,
    /// To the nanosecond: it tells this consent from every other.
    #[serde(with = "time::serde::rfc3339")]
    consented_at: OffsetDateTime,
}

impl PendingConnection {
    /// The connection that the consent is for.
    pub(crate) fn address(&self, provider: ProviderId) -> Address {
        Address::new(provider, self.external_id.clone())
    }

    /// When the flow began that led to it, as far as that is known.
    pub(crate) fn begun_at(&self) -> OffsetDateTime {
        self.begun_at.unwrap_or(self.consented_at)
    }

    /// When the person consented.
    pub(crate) fn consented_at(&self) -> OffsetDateTime {
        self.consented_at
    }

    /// Where the person lands at last, if the flow has an address of its own.
    pub fn return_url(&self) -> Option<&ReturnUrl> {
        self.return_url.as_ref()
    }

    /// For whom the connection is made, as the product's backend says.
    pub fn display_name(&self) -> Option<&DisplayName> {
        self.display_name.as_ref()
    }

    /// The access token of the consent.
    pub fn access_token(&self) -> SecretString {
        SecretString::from(self.access_token.as_str())
    }
}

/// Consents on their way to becoming connections. Settings: those of [`Upstash`], and `TOKEN_ENCRYPTION_KEY`.
pub struct Flow {
    redis: Upstash,
    sealer: Sealer,
}

impl FromSettings for Flow {
    fn from_settings(settings: &Settings) -> Result<Self, SettingsError> {
        Ok(Self { redis: Upstash::from_settings(settings)?, sealer: Sealer::from_settings(settings)? })
    }
}

impl Flow {
    /// Keeps the tokens of a consent, sealed, until a site is chosen: in the browser of `binding`, if there is one.
    /// `note` is written with them.
    ///
    /// # Errors
    /// 403 when the provider gave no refresh token, 503 when Redis is away.
    pub async fn hold(
        &self,
        intent: &Intent,
        grant: Grant,
        binding: Option<Binding>,
        note: impl FnOnce(&ConnectionCode) -> Result<Command>,
    ) -> Result<ConnectionCode> {
        let refresh_token = grant.refresh_token.ok_or_else(Error::no_offline_access)?;
        let code = ConnectionCode(random_code(CODE_PREFIX).map_err(Error::internal)?);
        let pending = PendingConnection {
            provider: intent.address.provider.as_str().to_owned(),
            external_id: intent.address.external_id.clone(),
            return_url: intent.return_url.clone(),
            display_name: intent.display_name.clone(),
            binding,
            access_token: grant.access_token.expose_secret().to_owned(),
            access_token_expires_at: grant.expires_at,
            refresh_token: refresh_token.expose_secret().to_owned(),
            scopes: grant.scopes,
            begun_at: intent.begun_at,
            consented_at: OffsetDateTime::now_utc(),
        };
        let sealed = self.seal(&code, &pending)?;
        let held =
            expiring_keys::set(&expiring_keys::of(&intent.address), &code.key(), &sealed, CODE_LIFETIME);
        self.redis.pipeline([held, note(&code)?]).await?;
        Ok(code)
    }

    /// Looks at a pending consent without using its code up.
    ///
    /// # Errors
    /// 403 in another browser than the one that may finish it, 410 when the code is used or has expired, 503 when
    /// Redis is away.
    pub async fn peek(
        &self,
        provider: ProviderId,
        code: &ConnectionCode,
        visitor: Option<&Browser>,
    ) -> Result<PendingConnection> {
        let value = self.redis.run(Command::get(&code.key())).await?;
        let pending = self.open(provider, code, &value)?;
        pending.binding.as_ref().map_or(Ok(()), |binding| binding.check(visitor))?;
        Ok(pending)
    }

    /// Uses a code up: of all who come with it, one gets the consent.
    ///
    /// # Errors
    /// 410 when the code is used or has expired, 503 when Redis is away.
    pub(crate) async fn take(
        &self,
        provider: ProviderId,
        code: &ConnectionCode,
    ) -> Result<PendingConnection> {
        let value = self.redis.run(Command::take(&code.key())).await?;
        self.open(provider, code, &value)
    }

    /// Makes a code good again for what is left of its time, after the connection could not be written.
    pub(crate) async fn restore(&self, code: &ConnectionCode, pending: &PendingConnection) {
        let age = OffsetDateTime::now_utc() - pending.consented_at;
        let left = CODE_LIFETIME.saturating_sub(Duration::try_from(age).unwrap_or_default());
        let restored: Result<()> = async {
            let sealed = self.seal(code, pending)?;
            let owner = expiring_keys::of(&pending.address(ProviderId::parse(&pending.provider)?));
            self.redis.run(expiring_keys::set(&owner, &code.key(), &sealed, left)).await?;
            Ok(())
        }
        .await;
        if let Err(error) = restored {
            tracing::warn!(cause = %error, "a connection code could not be restored; its owner has to start again");
        }
    }

    /// Where pending consents are kept.
    pub(crate) fn redis(&self) -> &Upstash {
        &self.redis
    }

    /// Caches a new connection. If that fails, the next caller reads the row and does it.
    pub(crate) async fn publish(&self, address: &Address, connection: &Connection) {
        if let Err(error) = self.redis.run(cache::write(address, &connection.into())).await {
            tracing::warn!(cause = %error, "a new connection could not be cached");
        }
    }

    /// The tokens of a consent, sealed for a connection.
    pub(crate) fn seal_for(&self, id: &Uuid, pending: &PendingConnection) -> Result<SealedTokens> {
        let refresh_token = SecretString::from(pending.refresh_token.as_str());
        let grant = Grant {
            access_token: pending.access_token(),
            expires_at: pending.access_token_expires_at,
            refresh_token: None,
            scopes: pending.scopes.clone(),
        };
        seal(&self.sealer, id, &grant, &refresh_token)
    }

    fn seal(&self, code: &ConnectionCode, pending: &PendingConnection) -> Result<String> {
        let clear = serde_json::to_string(pending).map_err(Error::internal)?;
        self.sealer.seal(&clear, &code.digest()).map_err(Error::internal)
    }

    fn open(
        &self,
        provider: ProviderId,
        code: &ConnectionCode,
        value: &serde_json::Value,
    ) -> Result<PendingConnection> {
        const EXPIRED: &str = "connection_code_expired";
        const GONE: &str = "This connection code was used already or has expired. Start connecting again.";
        let sealed = value.as_str().ok_or_else(|| Error::gone(EXPIRED, GONE))?;
        let clear = self
            .sealer
            .open(sealed, &code.digest())
            .map_err(|error| Error::gone(EXPIRED, GONE).because(error))?;
        let pending: PendingConnection = serde_json::from_str(clear.expose_secret())
            .map_err(|_| Error::gone(EXPIRED, GONE).because("the pending connection has another shape"))?;
        if pending.provider != provider.as_str() {
            return Err(Error::bad_request("This connection code belongs to another provider"));
        }
        Ok(pending)
    }
}
