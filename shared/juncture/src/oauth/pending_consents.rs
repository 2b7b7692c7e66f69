//! Consents awaiting the choice of a site, each under a connection code. Redis stores them sealed, under the code's
//! digest.

use std::sync::Arc;
use std::time::Duration;

use base::crypto::{self, Sealed, Sealer, for_the_sealer, is_code, random_code, sha256_hex};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use stores::upstash::{Command, Upstash};
use time::OffsetDateTime;
use uuid::Uuid;

use super::browser::{Binding, Browser};
use super::return_url::ReturnUrl;
use super::states::Intent;
use crate::connections::{ConnectionKey, ExternalId, SealedTokens, expiring_keys, seal};
use crate::display::DisplayName;
use crate::error::{Error, ErrorCode, Result};
use crate::provider::{Grant, GrantedScopes, ProviderId};
use crate::rate_limit::RateLimitSubject;

/// Time limit for choosing a site after consenting.
const CODE_LIFETIME: Duration = Duration::from_secs(15 * 60);

const CODE_PREFIX: &str = "cc";

/// Identifies a consent that is not finalized yet.
pub struct ConnectionCode(String);

impl ConnectionCode {
    /// Parses a connection code, or returns 400 if the text cannot be one.
    pub fn parse(text: &str) -> Result<Self> {
        if !is_code(text, CODE_PREFIX) {
            return Err(Error::bad_request("connection_code is malformed: use the one from the callback"));
        }
        Ok(Self(text.to_owned()))
    }

    /// The code, for the URL of the page.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The rate limit subject: each code may be tried only so often.
    pub fn limited(&self) -> RateLimitSubject<'_> {
        RateLimitSubject { name: "connection_code", value: &self.0 }
    }

    fn digest(&self) -> String {
        sha256_hex(self.0.as_bytes())
    }

    fn key(&self) -> String {
        format!("juncture:pending:{}", self.digest())
    }

    /// What the consent stored under the code is bound to. It contains its connection key.
    fn sealing(&self) -> crypto::Binding {
        let digest = self.digest();
        crypto::Binding::new(digest.as_str(), &["pending_consent", &digest])
    }
}

/// A consent awaiting the choice of a site. Nothing else is changed until then, so abandoning it has no effect.
#[derive(Serialize, Deserialize)]
pub struct PendingConsent {
    provider: String,
    external_id: ExternalId,
    #[serde(serialize_with = "for_the_sealer")]
    access_token: SecretString,
    #[serde(with = "time::serde::timestamp")]
    access_token_expires_at: OffsetDateTime,
    #[serde(serialize_with = "for_the_sealer")]
    refresh_token: SecretString,
    /// The granted scopes, if known.
    #[serde(default)]
    scopes: Option<GrantedScopes>,
    #[serde(default)]
    return_url: Option<ReturnUrl>,
    #[serde(default)]
    display_name: Option<DisplayName>,
    /// The browser that has to finish the flow, if the cookie can be checked where the flow is finished.
    #[serde(default)]
    binding: Option<Binding>,
    /// When the flow started. Missing in consents of older versions.
    #[serde(default, with = "time::serde::timestamp::microseconds::option")]
    begun_at: Option<OffsetDateTime>,
    /// To the nanosecond, because it also distinguishes this consent from others.
    #[serde(with = "time::serde::rfc3339")]
    consented_at: OffsetDateTime,
}

impl PendingConsent {
    /// The key of the connection that the consent is for.
    pub(crate) fn connection_key(&self, provider: ProviderId) -> ConnectionKey {
        ConnectionKey::new(provider, self.external_id.clone())
    }

    /// When the flow started; when the person consented if that is not known.
    pub(crate) fn begun_at(&self) -> OffsetDateTime {
        self.begun_at.unwrap_or(self.consented_at)
    }

    /// When the person consented.
    pub(crate) fn consented_at(&self) -> OffsetDateTime {
        self.consented_at
    }

    /// Where the person is sent at the end, if the flow has its own return URL.
    pub fn return_url(&self) -> Option<&ReturnUrl> {
        self.return_url.as_ref()
    }

    /// Whom the connection is for, in the words of the product's backend.
    pub fn display_name(&self) -> Option<&DisplayName> {
        self.display_name.as_ref()
    }

    /// The consent's access token.
    pub fn access_token(&self) -> &SecretString {
        &self.access_token
    }
}

/// Stores pending consents. Settings: those of [`Upstash`], and `TOKEN_ENCRYPTION_KEY`.
pub struct PendingConsents {
    redis: Arc<Upstash>,
    sealer: Sealer,
}

impl PendingConsents {
    pub(crate) fn new(redis: Arc<Upstash>, sealer: Sealer) -> Self {
        Self { redis, sealer }
    }

    /// Stores the tokens of a consent, sealed, until a site is chosen, and binds them to a browser if there is a
    /// `binding`. The command from `note` runs in the same request. [`Consent::check`](crate::provider::Consent::check)
    /// comes first.
    ///
    /// # Errors
    /// 500 without a refresh token.
    pub async fn hold(
        &self,
        intent: &Intent,
        grant: Grant,
        binding: Option<Binding>,
        note: impl FnOnce(&ConnectionCode) -> Result<Command>,
    ) -> Result<ConnectionCode> {
        let refresh_token =
            grant.refresh_token.ok_or_else(|| Error::internal("a consent without a refresh token"))?;
        let code = ConnectionCode(random_code(CODE_PREFIX).map_err(Error::internal)?);
        let pending = PendingConsent {
            provider: intent.connection_key.provider().as_str().to_owned(),
            external_id: intent.connection_key.external_id().clone(),
            return_url: intent.return_url.clone(),
            display_name: intent.display_name.clone(),
            binding,
            access_token: grant.access_token,
            access_token_expires_at: grant.expires_at,
            refresh_token,
            scopes: grant.scopes,
            begun_at: intent.begun_at,
            consented_at: OffsetDateTime::now_utc(),
        };
        let sealed = self.seal(&code, &pending)?;
        let held = expiring_keys::set(
            &expiring_keys::owner_for_key(&intent.connection_key),
            &code.key(),
            sealed.as_str(),
            CODE_LIFETIME,
        );
        self.redis.pipeline([held, note(&code)?]).await?;
        Ok(code)
    }

    /// Reads a pending consent without using its code up.
    ///
    /// # Errors
    /// 403 in a browser that may not finish the flow, 410 if the code was used or has expired.
    pub async fn peek(
        &self,
        provider: ProviderId,
        code: &ConnectionCode,
        visitor: Option<&Browser>,
    ) -> Result<PendingConsent> {
        let value = self.redis.run(Command::get(&code.key())).await?;
        let pending = self.open(provider, code, &value)?;
        pending.binding.as_ref().map_or(Ok(()), |binding| binding.check(visitor))?;
        Ok(pending)
    }

    /// Uses a code up. Only one of several concurrent callers gets the consent; the others get 410.
    pub(crate) async fn take(&self, provider: ProviderId, code: &ConnectionCode) -> Result<PendingConsent> {
        let value = self.redis.run(Command::take(&code.key())).await?;
        self.open(provider, code, &value)
    }

    /// Makes a code valid again for the rest of its lifetime, after the connection could not be written.
    pub(crate) async fn restore(&self, code: &ConnectionCode, pending: &PendingConsent) {
        let age = OffsetDateTime::now_utc() - pending.consented_at;
        let left = CODE_LIFETIME.saturating_sub(Duration::try_from(age).unwrap_or_default());
        let restored: Result<()> = async {
            let sealed = self.seal(code, pending)?;
            let owner =
                expiring_keys::owner_for_key(&pending.connection_key(ProviderId::parse(&pending.provider)?));
            self.redis.run(expiring_keys::set(&owner, &code.key(), sealed.as_str(), left)).await?;
            Ok(())
        }
        .await;
        if let Err(error) = restored {
            tracing::warn!(cause = %error, "connection code not restored, its owner has to start again");
        }
    }

    /// Seals the tokens of a consent for a connection.
    pub(crate) fn seal_for(
        &self,
        key: &ConnectionKey,
        id: &Uuid,
        pending: &PendingConsent,
    ) -> Result<SealedTokens> {
        let grant = Grant {
            access_token: pending.access_token.clone(),
            expires_at: pending.access_token_expires_at,
            refresh_token: None,
            scopes: pending.scopes.clone(),
        };
        seal(&self.sealer, key, id, &grant, &pending.refresh_token)
    }

    fn seal(&self, code: &ConnectionCode, pending: &PendingConsent) -> Result<Sealed> {
        let plaintext = serde_json::to_string(pending).map_err(Error::internal)?;
        self.sealer.seal(&plaintext, &code.sealing()).map_err(Error::internal)
    }

    fn open(
        &self,
        provider: ProviderId,
        code: &ConnectionCode,
        value: &serde_json::Value,
    ) -> Result<PendingConsent> {
        const EXPIRED: ErrorCode = ErrorCode::ConnectionCodeExpired;
        const GONE: &str = "This connection code was used already or has expired. Start connecting again.";
        let sealed = value.as_str().ok_or_else(|| Error::gone(EXPIRED, GONE))?;
        let plaintext = self
            .sealer
            .open(sealed, &code.sealing())
            .map_err(|error| Error::gone(EXPIRED, GONE).because(error))?;
        let pending: PendingConsent = serde_json::from_str(plaintext.expose_secret())
            .map_err(|_| Error::gone(EXPIRED, GONE).because("the pending connection has another shape"))?;
        if pending.provider != provider.as_str() {
            return Err(Error::bad_request("This connection code belongs to another provider"));
        }
        Ok(pending)
    }
}
