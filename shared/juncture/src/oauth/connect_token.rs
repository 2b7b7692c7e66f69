//! Connect tokens: the product's backend decides which external id may be connected, and the browser only passes that
//! decision on.
//!
//! Anyone who can call `initiate-oauth-flow` with an external id of their choice can attach their own site to somebody
//! else's id. Requiring a connect token prevents that: it is sealed, names one external id, is valid for minutes and
//! starts one flow.

use std::time::Duration;

use base::crypto::{Binding, Sealer, random_code};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use super::return_url::ReturnUrl;
use super::states::{ConnectTokenUse, Intent};
use crate::connections::{ConnectionKey, ExternalId};
use crate::display::DisplayName;
use crate::error::{Error, ErrorCode, Result};
use crate::provider::ProviderId;

/// The maximum lifetime of a connect token.
pub const MAX_LIFETIME: Duration = Duration::from_secs(30 * 60);

const PREFIX: &str = "ct";

/// The context for key derivation and the associated data, so no other sealed value passes for a connect token.
const PURPOSE: &str = "juncture connect token";

/// Issues and opens connect tokens. Setting: `TOKEN_ENCRYPTION_KEY`, from which a separate key is derived.
pub struct ConnectTokens {
    sealer: Sealer,
}

/// The content of a connect token, sealed so the browser cannot read it.
#[derive(Serialize, Deserialize)]
struct Content {
    /// Random; identifies the token when it is used.
    id: String,
    provider: String,
    external_id: ExternalId,
    return_url: Option<ReturnUrl>,
    #[serde(default)]
    display_name: Option<DisplayName>,
    #[serde(default)]
    same_browser: bool,
    #[serde(with = "time::serde::timestamp")]
    expires_at: OffsetDateTime,
    /// Missing in tokens of older versions.
    #[serde(default, with = "time::serde::timestamp::microseconds::option")]
    issued_at: Option<OffsetDateTime>,
}

/// A newly issued connect token.
pub struct ConnectToken {
    /// The token.
    pub value: String,
    /// When it expires, in whole seconds.
    pub expires_at: OffsetDateTime,
}

/// What connect tokens are bound to. They contain their connection key.
fn sealing() -> Binding {
    Binding::new(PURPOSE, &[PURPOSE])
}

impl ConnectTokens {
    pub(crate) fn new(sealer: &Sealer) -> Self {
        Self { sealer: sealer.derived(PURPOSE) }
    }

    /// Issues a token that starts one flow with this intent.
    pub fn issue(&self, intent: &Intent, lifetime: Duration) -> Result<ConnectToken> {
        let issued_at = OffsetDateTime::now_utc();
        let expires_at = issued_at.truncate_to_second() + lifetime.min(MAX_LIFETIME);
        let content = Content {
            id: random_code(PREFIX).map_err(Error::internal)?,
            provider: intent.connection_key.provider().as_str().to_owned(),
            external_id: intent.connection_key.external_id().clone(),
            return_url: intent.return_url.clone(),
            display_name: intent.display_name.clone(),
            same_browser: intent.same_browser,
            expires_at,
            issued_at: Some(issued_at),
        };
        let plaintext = serde_json::to_string(&content).map_err(Error::internal)?;
        let sealed = self.sealer.seal(&plaintext, &sealing()).map_err(Error::internal)?;
        Ok(ConnectToken {
            value: format!("{PREFIX}_{}", URL_SAFE_NO_PAD.encode(sealed.as_str())),
            expires_at,
        })
    }

    /// Opens a token and returns the intent of its flow. Whether it was already used is only checked when the flow
    /// starts.
    ///
    /// # Errors
    /// 401 if this deployment did not issue the token, 410 if it has expired.
    pub fn open(&self, token: &str) -> Result<(Intent, ConnectTokenUse)> {
        let opened = || -> Option<Content> {
            let sealed = URL_SAFE_NO_PAD.decode(token.strip_prefix(PREFIX)?.strip_prefix('_')?).ok()?;
            let plaintext = self.sealer.open(std::str::from_utf8(&sealed).ok()?, &sealing()).ok()?;
            serde_json::from_str(plaintext.expose_secret()).ok()
        };
        let content = opened().ok_or_else(|| {
            Error::new(
                ErrorCode::InvalidConnectToken,
                "connect_token was not issued by this deployment: ask your backend for a new one",
            )
        })?;
        let left = content.expires_at - OffsetDateTime::now_utc();
        if !left.is_positive() {
            return Err(Error::gone(
                ErrorCode::ConnectTokenExpired,
                "connect_token has expired: ask your backend for a new one",
            ));
        }
        let connection_key = ConnectionKey::new(ProviderId::parse(&content.provider)?, content.external_id);
        let token_use =
            ConnectTokenUse { id: content.id, left: Duration::try_from(left).unwrap_or_default() };
        // Without an issue time, assume the token is as old as a token can be.
        let begun_at = content.issued_at.unwrap_or(content.expires_at - MAX_LIFETIME);
        let intent = Intent {
            connection_key,
            return_url: content.return_url,
            display_name: content.display_name,
            same_browser: content.same_browser,
            begun_at: Some(begun_at),
        };
        Ok((intent, token_use))
    }
}

#[cfg(test)]
mod tests {
    use base64::engine::general_purpose::STANDARD;

    use super::*;

    fn tokens(key: u8) -> ConnectTokens {
        ConnectTokens::new(&Sealer::from_keys(&STANDARD.encode([key; 32])).unwrap())
    }

    fn connection_key() -> ConnectionKey {
        ConnectionKey::new(ProviderId::Jira, ExternalId::parse("user@example.com").unwrap())
    }

    fn refusal(outcome: Result<(Intent, ConnectTokenUse)>) -> u16 {
        outcome.err().map_or(200, |error| error.status().as_u16())
    }

    #[test]
    fn a_token_says_what_it_was_told_and_shows_nothing_of_it() {
        let mut intent = Intent::from(connection_key());
        intent.display_name = DisplayName::parse("Acme").unwrap();
        intent.same_browser = true;
        let token = tokens(1).issue(&intent, Duration::from_secs(60)).unwrap().value;
        let opened = tokens(1).open(&token).unwrap().0;
        assert_eq!(
            (opened.connection_key, opened.display_name, opened.same_browser),
            (connection_key(), intent.display_name, true)
        );
        let plaintext = URL_SAFE_NO_PAD.decode(&token[3..]).unwrap();
        assert!(!String::from_utf8_lossy(&plaintext).contains("example"));
    }

    #[test]
    fn nothing_else_is_a_token() {
        let token = tokens(1).issue(&connection_key().into(), Duration::from_secs(60)).unwrap().value;
        assert_eq!(refusal(tokens(2).open(&token)), 401, "another deployment's");
        let mut other = token.clone();
        other.replace_range(60..61, if other.as_bytes()[60] == b'A' { "B" } else { "A" });
        for forged in ["", "ct_", "x", &other, &token[1..], &format!("{token}A")] {
            assert_eq!(refusal(tokens(1).open(forged)), 401, "{forged}");
        }
        // Sealed by another part of Juncture with the same setting; rejected even with this content.
        let sealer = Sealer::from_keys(&STANDARD.encode([1; 32])).unwrap();
        let content =
            r#"{"id":"x","provider":"jira","external_id":"y","return_url":null,"expires_at":9999999999}"#;
        let sealed = sealer.seal(content, &sealing()).unwrap();
        let foreign = format!("ct_{}", URL_SAFE_NO_PAD.encode(sealed.as_str()));
        assert_eq!(refusal(tokens(1).open(&foreign)), 401);
    }

    #[test]
    fn a_token_of_an_older_version_is_accepted() {
        let of_version = |more: &str| {
            let expires_at = OffsetDateTime::now_utc().unix_timestamp() + 60;
            let content = format!(
                r#"{{"id":"x","provider":"jira","external_id":"user@example.com","return_url":null,"expires_at":{expires_at}{more}}}"#
            );
            let sealed = tokens(1).sealer.seal(&content, &sealing()).unwrap();
            format!("ct_{}", URL_SAFE_NO_PAD.encode(sealed.as_str()))
        };
        let (older, _) = tokens(1).open(&of_version("")).unwrap();
        assert_eq!(
            (&older.connection_key, &older.display_name, older.same_browser),
            (&connection_key(), &None, false)
        );
        assert!(older.begun_at.unwrap() < OffsetDateTime::now_utc());
        assert!(tokens(1).open(&of_version(r#","a_field_of_later":{"a":1}"#)).is_ok());
    }

    #[test]
    fn a_token_ends() {
        let token = tokens(1).issue(&connection_key().into(), Duration::ZERO).unwrap().value;
        assert_eq!(refusal(tokens(1).open(&token)), 410);
        let longest = tokens(1).issue(&connection_key().into(), Duration::from_secs(86_400)).unwrap();
        assert!(longest.expires_at <= OffsetDateTime::now_utc() + MAX_LIFETIME);
    }
}
