//! Authorization codes, token families, and the rules of refresh token rotation.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use super::opaque;
use super::settings::Settings;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
const CODE_LIFETIME: Duration = Duration::from_secs(5 * 60);
/// An unused refresh token expires after this long.
const INACTIVITY: Duration = DAY.saturating_mul(90);
/// No token of a family can be refreshed after this long.
const FAMILY_LIFETIME: Duration = DAY.saturating_mul(365);

/// Every code and token that was issued, including invalid ones.
#[derive(Clone, Default, Serialize, Deserialize)]
pub(crate) struct Tokens {
    codes: HashMap<String, Code>,
    /// The family that each exchanged code created.
    #[serde(default)]
    exchanged: HashMap<String, usize>,
    families: Vec<Family>,
    /// By token.
    refresh: HashMap<String, RefreshToken>,
    access: HashMap<String, AccessToken>,
    /// The total number of refresh tokens issued.
    issued: u64,
}

#[derive(Clone, Serialize, Deserialize)]
struct Code {
    account: String,
    redirect_uri: String,
    #[serde(with = "time::serde::rfc3339")]
    expires_at: OffsetDateTime,
}

/// All tokens that descend from one authorization code.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Family {
    /// Position in the order of issue, starting at 0.
    pub id: usize,
    /// Key of the account.
    pub account: String,
    /// Whether all tokens of this family are revoked.
    pub revoked: bool,
    /// The number of successful refreshes.
    pub refreshes: u64,
    /// The number of refused refreshes.
    pub refused: u64,
    /// When the code was exchanged.
    #[serde(with = "time::serde::rfc3339")]
    pub created_at: OffsetDateTime,
}

#[derive(Clone, Serialize, Deserialize)]
struct RefreshToken {
    family: usize,
    order: u64,
    #[serde(with = "time::serde::rfc3339")]
    issued_at: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339::option")]
    rotated_at: Option<OffsetDateTime>,
}

#[derive(Clone, Serialize, Deserialize)]
struct AccessToken {
    family: usize,
    scopes: BTreeSet<String>,
    #[serde(with = "time::serde::rfc3339")]
    expires_at: OffsetDateTime,
}

/// The tokens of a token response.
pub(crate) struct Issued {
    pub(crate) access_token: String,
    pub(crate) expires_in: u64,
    pub(crate) refresh_token: Option<String>,
    pub(crate) scopes: BTreeSet<String>,
}

/// The account and scopes of a valid access token.
pub(crate) struct Session {
    pub(crate) account: String,
    pub(crate) scopes: BTreeSet<String>,
}

impl Tokens {
    /// Issues a single-use code.
    pub(crate) fn issue_code(&mut self, account: &str, redirect_uri: &str, now: OffsetDateTime) -> String {
        let code = opaque::code();
        let expires_at = now + CODE_LIFETIME;
        let record = Code { account: account.to_owned(), redirect_uri: redirect_uri.to_owned(), expires_at };
        self.codes.insert(code.clone(), record);
        code
    }

    /// Exchanges a code for a new family. The attempt uses the code up, whatever its outcome.
    pub(crate) fn redeem_code(
        &mut self,
        code: &str,
        redirect_uri: &str,
        now: OffsetDateTime,
    ) -> Result<Family, &'static str> {
        let record = self.codes.remove(code).ok_or("Invalid authorization code")?;
        if record.expires_at <= now {
            return Err("Invalid authorization code");
        }
        if record.redirect_uri != redirect_uri {
            return Err("The redirect URI is wrong.");
        }
        let family = Family {
            id: self.families.len(),
            account: record.account,
            revoked: false,
            refreshes: 0,
            refused: 0,
            created_at: now,
        };
        self.families.push(family.clone());
        self.exchanged.insert(code.to_owned(), family.id);
        Ok(family)
    }

    /// Counts an attempt to refresh, and disables the token if tokens rotate. `None` if the token is not accepted.
    pub(crate) fn use_refresh_token(
        &mut self,
        value: &str,
        settings: &Settings,
        now: OffsetDateTime,
    ) -> Option<Family> {
        let accepted = self.accepts(value, settings, now);
        let token = self.refresh.get_mut(value)?;
        let family = &mut self.families[token.family];
        if !accepted {
            family.refused += 1;
            // Reuse of a rotated token is treated as theft.
            family.revoked |= token.rotated_at.is_some();
            return None;
        }
        family.refreshes += 1;
        if settings.rotation {
            token.rotated_at.get_or_insert(now);
        }
        Some(family.clone())
    }

    /// Issues an access token, and a refresh token if requested and granted.
    pub(crate) fn issue(
        &mut self,
        family: usize,
        scopes: BTreeSet<String>,
        lifetime: Duration,
        now: OffsetDateTime,
        with_refresh_token: bool,
    ) -> Issued {
        let access_token = opaque::access_token();
        let record = AccessToken { family, scopes: scopes.clone(), expires_at: now + lifetime };
        self.access.insert(access_token.clone(), record);
        let refresh_token = (with_refresh_token && scopes.contains("offline_access")).then(|| {
            let value = opaque::refresh_token();
            let record = RefreshToken { family, order: self.issued, issued_at: now, rotated_at: None };
            self.issued += 1;
            self.refresh.insert(value.clone(), record);
            value
        });
        Issued { access_token, expires_in: lifetime.as_secs(), refresh_token, scopes }
    }

    /// Whether a refresh with this token would succeed. Has no side effects.
    pub(crate) fn accepts(&self, value: &str, settings: &Settings, now: OffsetDateTime) -> bool {
        self.refresh.get(value).is_some_and(|token| {
            let family = &self.families[token.family];
            !family.revoked
                && now < family.created_at + FAMILY_LIFETIME
                && now < token.issued_at + INACTIVITY
                && token.rotated_at.is_none_or(|rotated_at| now < rotated_at + settings.leeway)
        })
    }

    /// The session of an access token, if the token is valid.
    pub(crate) fn session(&self, access_token: &str, now: OffsetDateTime) -> Option<Session> {
        let token = self.access.get(access_token)?;
        let family = &self.families[token.family];
        let is_valid = !family.revoked && now < token.expires_at;
        is_valid.then(|| Session { account: family.account.clone(), scopes: token.scopes.clone() })
    }

    pub(crate) fn families(&self) -> &[Family] {
        &self.families
    }

    /// The account behind a code or token, even if it is no longer valid.
    pub(crate) fn account_of(&self, secret: &str) -> Option<&str> {
        match self.family_of(secret) {
            Some(family) => Some(&family.account),
            None => self.codes.get(secret).map(|code| code.account.as_str()),
        }
    }

    /// The family of an exchanged code or of a token, even if it is no longer valid.
    pub(crate) fn family_of(&self, secret: &str) -> Option<&Family> {
        let family = self.refresh.get(secret).map(|token| token.family);
        let family = family.or_else(|| self.access.get(secret).map(|token| token.family));
        self.families.get(family.or_else(|| self.exchanged.get(secret).copied())?)
    }

    /// The refresh token most recently issued in a family.
    pub(crate) fn newest_of(&self, family: usize) -> Option<&str> {
        let tokens = self.refresh.iter().filter(|(_, token)| token.family == family);
        tokens.max_by_key(|(_, token)| token.order).map(|(value, _)| value.as_str())
    }

    /// The refresh token most recently issued to an account.
    pub(crate) fn newest_refresh_token(&self, account: &str) -> Option<&str> {
        let of_account = |token: &RefreshToken| self.families[token.family].account == account;
        let tokens = self.refresh.iter().filter(|(_, token)| of_account(token));
        tokens.max_by_key(|(_, token)| token.order).map(|(value, _)| value.as_str())
    }

    /// Deletes expired codes and access tokens. Invalid refresh tokens stay, because their reuse revokes the family.
    pub(crate) fn forget_expired(&mut self, now: OffsetDateTime) {
        self.codes.retain(|_, code| now < code.expires_at);
        self.access.retain(|_, token| now < token.expires_at);
    }

    /// Deletes the codes of an account that have not been exchanged yet.
    pub(crate) fn forget_codes(&mut self, account: &str) {
        self.codes.retain(|_, code| code.account != account);
    }

    /// Revokes all families of an account.
    pub(crate) fn end_families(&mut self, account: &str) {
        self.families.iter_mut().filter(|family| family.account == account).for_each(|f| f.revoked = true);
    }

    /// Expires the access tokens of one account, or of all. Returns how many were valid.
    pub(crate) fn expire_access_tokens(&mut self, account: Option<&str>, now: OffsetDateTime) -> usize {
        let families = &self.families;
        let is_valid = |token: &&mut AccessToken| {
            token.expires_at > now && account.is_none_or(|name| families[token.family].account == name)
        };
        self.access.values_mut().filter(is_valid).map(|token| token.expires_at = now).count()
    }
}
