//! Authorization codes, token families, and the rules of rotation.

use std::collections::{BTreeSet, HashMap};

use serde::{Deserialize, Serialize};
use time::{Duration, OffsetDateTime};

use super::opaque;
use super::settings::Settings;
use super::world::World;

const CODE_LIFETIME: Duration = Duration::minutes(5);
/// A refresh token that is not used for this long expires.
const INACTIVITY: Duration = Duration::days(90);
/// Nothing that descends from one consent is refreshed after this long.
const FAMILY_LIFETIME: Duration = Duration::days(365);

/// Every code and token that was issued, also the dead ones.
#[derive(Clone, Default, Serialize, Deserialize)]
pub(super) struct Tokens {
    codes: HashMap<String, Code>,
    /// The codes that were exchanged, and what became of them.
    #[serde(default)]
    exchanged: HashMap<String, usize>,
    families: Vec<Family>,
    /// By value; `order` tells which came last.
    refresh: HashMap<String, RefreshToken>,
    access: HashMap<String, AccessToken>,
    /// How many refresh tokens were ever issued.
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
    /// Position in the order of issue, from 0.
    pub id: usize,
    /// Key of the account.
    pub account: String,
    /// Whether nothing of this family is accepted any more.
    pub revoked: bool,
    /// How many refreshes were answered with tokens.
    pub refreshes: u64,
    /// How many refreshes were refused.
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

/// Tokens as the token endpoint hands them out.
pub(super) struct Issued {
    pub(super) access_token: String,
    pub(super) expires_in: u64,
    pub(super) refresh_token: Option<String>,
    pub(super) scopes: BTreeSet<String>,
}

/// Who a valid access token speaks for.
pub(super) struct Session {
    pub(super) account: String,
    pub(super) scopes: BTreeSet<String>,
}

impl Tokens {
    pub(super) fn families(&self) -> &[Family] {
        &self.families
    }

    /// The account behind a code or a token, dead or alive.
    pub(super) fn account_of(&self, secret: &str) -> Option<&str> {
        match self.family_of(secret) {
            Some(family) => Some(&family.account),
            None => self.codes.get(secret).map(|code| code.account.as_str()),
        }
    }

    /// The family of a code that was exchanged, or of a token, dead or alive.
    pub(super) fn family_of(&self, secret: &str) -> Option<&Family> {
        let family = self.refresh.get(secret).map(|token| token.family);
        let family = family.or_else(|| self.access.get(secret).map(|token| token.family));
        self.families.get(family.or_else(|| self.exchanged.get(secret).copied())?)
    }

    /// The refresh token that was issued last in a family.
    pub(super) fn newest_of(&self, family: usize) -> Option<&str> {
        let tokens = self.refresh.iter().filter(|(_, token)| token.family == family);
        tokens.max_by_key(|(_, token)| token.order).map(|(value, _)| value.as_str())
    }

    /// The refresh token that was issued last to an account.
    pub(super) fn newest_refresh_token(&self, account: &str) -> Option<&str> {
        let of_account = |token: &RefreshToken| self.families[token.family].account == account;
        let tokens = self.refresh.iter().filter(|(_, token)| of_account(token));
        tokens.max_by_key(|(_, token)| token.order).map(|(value, _)| value.as_str())
    }

    /// Forgets codes and access tokens whose time is over. A dead refresh token is worth remembering.
    pub(super) fn forget_expired(&mut self, now: OffsetDateTime) {
        self.codes.retain(|_, code| now < code.expires_at);
        self.access.retain(|_, token| now < token.expires_at);
    }

    /// Forgets the codes of an account that were not exchanged yet.
    pub(super) fn forget_codes(&mut self, account: &str) {
        self.codes.retain(|_, code| code.account != account);
    }

    /// Ends every family of an account.
    pub(super) fn end_families(&mut self, account: &str) {
        self.families.iter_mut().filter(|family| family.account == account).for_each(|f| f.revoked = true);
    }

    /// Expires the access tokens of an account, or all; tells how many were alive.
    pub(super) fn expire_access_tokens(&mut self, account: Option<&str>, now: OffsetDateTime) -> usize {
        let families = &self.families;
        let concerned = |token: &&mut AccessToken| {
            token.expires_at > now && account.is_none_or(|name| families[token.family].account == name)
        };
        self.access.values_mut().filter(concerned).map(|token| token.expires_at = now).count()
    }

    fn accepts(&self, value: &str, settings: &Settings, now: OffsetDateTime) -> bool {
        self.refresh.get(value).is_some_and(|token| {
            let family = &self.families[token.family];
            !family.revoked
                && now < family.created_at + FAMILY_LIFETIME
                && now < token.issued_at + INACTIVITY
                && token.rotated_at.is_none_or(|rotated_at| now < rotated_at + settings.leeway)
        })
    }
}

impl World {
    /// Issues a single-use code for the grant of an account.
    pub(super) fn issue_code(&mut self, account: &str, redirect_uri: &str) -> String {
        let code = opaque::code();
        let expires_at = self.now() + CODE_LIFETIME;
        let record = Code { account: account.to_owned(), redirect_uri: redirect_uri.to_owned(), expires_at };
        self.tokens.codes.insert(code.clone(), record);
        code
    }

    /// Exchanges a code; it is spent by the attempt, whatever comes of it.
    pub(super) fn redeem_code(&mut self, code: &str, redirect_uri: &str) -> Result<Issued, &'static str> {
        let record = self.tokens.codes.remove(code).ok_or("Invalid authorization code")?;
        if record.expires_at <= self.now() {
            return Err("Invalid authorization code");
        }
        if record.redirect_uri != redirect_uri {
            return Err("The redirect URI is wrong.");
        }
        let family = Family {
            id: self.tokens.families.len(),
            account: record.account,
            revoked: false,
            refreshes: 0,
            refused: 0,
            created_at: self.now(),
        };
        let id = family.id;
        self.tokens.families.push(family);
        self.tokens.exchanged.insert(code.to_owned(), id);
        Ok(self.issue(id, true))
    }

    /// Exchanges a refresh token. `None` means that it is not accepted.
    pub(super) fn refresh(&mut self, value: &str) -> Option<Issued> {
        let id = self.tokens.refresh.get(value)?.family;
        let settings = self.settings(Some(&self.tokens.families[id].account)).clone();
        let now = self.now();
        let accepted = self.tokens.accepts(value, &settings, now);
        let token = self.tokens.refresh.get_mut(value)?;
        let family = &mut self.tokens.families[id];
        if !accepted {
            family.refused += 1;
            // A token used twice is taken for a stolen one.
            family.revoked |= token.rotated_at.is_some();
            return None;
        }
        family.refreshes += 1;
        if settings.rotation {
            token.rotated_at.get_or_insert(now);
        }
        Some(self.issue(id, settings.rotation))
    }

    /// Whether a refresh with this token would succeed now; changes nothing.
    pub(super) fn accepts_refresh_token(&self, value: &str) -> bool {
        let settings = self.settings(self.tokens.account_of(value));
        self.tokens.accepts(value, settings, self.now())
    }

    /// Who an access token speaks for, if it is still good.
    pub(super) fn session(&self, access_token: &str) -> Option<Session> {
        let token = self.tokens.access.get(access_token)?;
        let family = &self.tokens.families[token.family];
        (!family.revoked && self.now() < token.expires_at)
            .then(|| Session { account: family.account.clone(), scopes: token.scopes.clone() })
    }

    fn issue(&mut self, family: usize, with_refresh_token: bool) -> Issued {
        let account = &self.tokens.families[family].account;
        let scopes = self.grants.get(account).map(|grant| grant.scopes.clone()).unwrap_or_default();
        let lifetime = self.settings(Some(account)).access_token_lifetime;
        let now = self.now();

        let access_token = opaque::access_token();
        let record = AccessToken { family, scopes: scopes.clone(), expires_at: now + lifetime };
        self.tokens.access.insert(access_token.clone(), record);

        let refresh_token = (with_refresh_token && scopes.contains("offline_access")).then(|| {
            let value = opaque::refresh_token();
            let order = self.tokens.issued;
            self.tokens.issued += 1;
            let record = RefreshToken { family, order, issued_at: now, rotated_at: None };
            self.tokens.refresh.insert(value.clone(), record);
            value
        });
        Issued { access_token, expires_in: lifetime.as_secs(), refresh_token, scopes }
    }
}
