//! The composition root: builds everything a function needs from its settings.
//!
//! Postgres, Redis and the sealer are built on first use and then shared. So a function requires only the settings of
//! what it uses, and a sandbox holds one connection to Postgres. (The process already shares one HTTP client:
//! [`base::tls::http_client`].)

use std::cell::OnceCell;
use std::sync::Arc;

use base::config::{FromSettings, Settings, SettingsError};
use base::crypto::Sealer;
use stores::postgres::Postgres;
use stores::upstash::Upstash;

use crate::callers::SecretKeys;
use crate::connections::{ConnectionRows, Connections, Tokens};
use crate::idempotency::IdempotencyStore;
use crate::jira::{Jira, SharedQuotas};
use crate::oauth::{ConnectTokens, Finalizer, OAuthStates, PendingConsents};
use crate::operations::{IdleConnections, Reseal};
use crate::page::Product;
use crate::provider::{Providers, TokenEndpoint};
use crate::rate_limit::PublicRateLimits;

type Built<T> = Result<T, SettingsError>;

/// Builds the parts of one function. Every method fails if a setting is missing or malformed, and the error names it.
pub struct Parts<'s> {
    settings: &'s Settings,
    redis: OnceCell<Arc<Upstash>>,
    postgres: OnceCell<Postgres>,
    sealer: OnceCell<Sealer>,
}

impl<'s> Parts<'s> {
    /// Takes the settings. Each part is built when it is requested.
    pub fn of(settings: &'s Settings) -> Self {
        Self { settings, redis: OnceCell::new(), postgres: OnceCell::new(), sealer: OnceCell::new() }
    }

    /// Builds a part that shares nothing with others. Its type documents the settings it reads.
    pub fn read<T: FromSettings>(&self) -> Built<T> {
        T::from_settings(self.settings)
    }

    /// Redis. Settings: those of [`Upstash`].
    pub fn redis(&self) -> Built<Arc<Upstash>> {
        get_or_build(&self.redis, || self.read().map(Arc::new))
    }

    /// Redis, if it is configured.
    fn optional_redis(&self) -> Built<Option<Arc<Upstash>>> {
        self.settings.optional("UPSTASH_REDIS_REST_URL").map(|_| self.redis()).transpose()
    }

    /// The database. Settings: those of [`Postgres`].
    pub fn postgres(&self) -> Built<Postgres> {
        get_or_build(&self.postgres, || self.read())
    }

    /// The sealer of tokens. Settings: `TOKEN_ENCRYPTION_KEY`, `TOKEN_SEAL_FORMAT`, `ACCEPT_CLEAR_TEXT_TOKENS`.
    pub fn sealer(&self) -> Built<Sealer> {
        get_or_build(&self.sealer, || self.read())
    }

    /// The secret keys of the backend API. Settings: `JUNCTURE_SECRET_KEY`, `RATE_LIMIT_WRONG_KEYS`, and those of Redis
    /// if it is configured.
    pub fn secret_keys(&self) -> Built<SecretKeys> {
        SecretKeys::new(self.settings, self.optional_redis()?)
    }

    /// The rate limits of the public endpoints.
    pub fn rate_limits(&self) -> Built<PublicRateLimits> {
        PublicRateLimits::new(self.settings, self.redis()?)
    }

    /// Read access to the rows of connections. Setting: `DATABASE_URL`.
    pub fn connection_rows(&self) -> Built<ConnectionRows> {
        Ok(ConnectionRows::new(self.postgres()?))
    }

    /// Access to connections. Settings: `DATABASE_URL`, those of Redis and of the sealer.
    pub fn connections(&self) -> Built<Connections> {
        Ok(Connections::new(self.connection_rows()?, self.redis()?, self.sealer()?))
    }

    /// The tokens of connections. Settings: those of the connections and the providers' [`TokenEndpoint`]s.
    pub fn tokens(&self) -> Built<Tokens> {
        let endpoints: Providers<Box<dyn TokenEndpoint>> = self.read()?;
        Ok(Tokens::new(self.connections()?, endpoints))
    }

    /// Jira, through the connections.
    pub fn jira(&self) -> Built<Jira> {
        let quotas = SharedQuotas::new(self.settings, self.redis()?)?;
        Ok(Jira::new(self.read()?, self.tokens()?, quotas))
    }

    /// The records of requests with an `Idempotency-Key`.
    pub fn idempotency(&self) -> Built<IdempotencyStore> {
        Ok(IdempotencyStore::new(self.redis()?, self.sealer()?))
    }

    /// Issues and opens connect tokens.
    pub fn connect_tokens(&self) -> Built<ConnectTokens> {
        Ok(ConnectTokens::new(&self.sealer()?))
    }

    /// The states of started flows.
    pub fn oauth_states(&self) -> Built<OAuthStates> {
        Ok(OAuthStates::new(self.redis()?, self.sealer()?))
    }

    /// The consents awaiting the choice of a site.
    pub fn pending_consents(&self) -> Built<PendingConsents> {
        Ok(PendingConsents::new(self.redis()?, self.sealer()?))
    }

    /// Turns pending consents into connections.
    pub fn finalizer(&self) -> Built<Finalizer> {
        Ok(Finalizer::new(self.pending_consents()?, self.read()?, self.connections()?))
    }

    /// The customer's product, if configured.
    pub fn product(&self) -> Built<Option<Product>> {
        Product::from_settings(self.settings)
    }

    /// Refreshes idle connections before their tokens expire.
    pub fn idle_connections(&self) -> Built<IdleConnections> {
        IdleConnections::new(self.settings, self.connection_rows()?, self.tokens()?)
    }

    /// Re-seals every stored token with the first key.
    pub fn reseal(&self) -> Built<Reseal> {
        Ok(Reseal::new(self.connections()?))
    }
}

/// Returns the value in the cell, building it first if the cell is empty.
fn get_or_build<T: Clone>(cell: &OnceCell<T>, make: impl FnOnce() -> Built<T>) -> Built<T> {
    if let Some(made) = cell.get() {
        return Ok(made.clone());
    }
    let made = make()?;
    Ok(cell.get_or_init(|| made).clone())
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    const SETTINGS: [(&str, &str); 7] = [
        ("JUNCTURE_SECRET_KEY", "key"),
        ("DATABASE_URL", "postgresql://nobody:nothing@127.0.0.1:1/none"),
        ("UPSTASH_REDIS_REST_URL", "http://localhost:1"),
        ("UPSTASH_REDIS_REST_TOKEN", "token"),
        ("TOKEN_ENCRYPTION_KEY", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="),
        ("DEFAULT_JIRA_CLIENT_ID", "id"),
        ("DEFAULT_JIRA_CLIENT_SECRET", "secret"),
    ];

    fn settings(names: impl Fn(&str) -> bool) -> Settings {
        let chosen = SETTINGS.into_iter().filter(|(name, _)| names(name));
        Settings::from_pairs(chosen.map(|(name, value)| (name.to_owned(), value.to_owned())))
    }

    #[test]
    fn all_parts_share_one_redis_client() {
        let settings = settings(|_| true);
        let parts = Parts::of(&settings);
        let redis = parts.redis().unwrap();
        let held = Cell::new(Arc::strong_count(&redis));
        let shares = |name: &str| {
            let now = Arc::strong_count(&redis);
            assert!(now > held.replace(now), "{name} has a client of its own");
        };
        let _keys = (parts.secret_keys().unwrap(), shares("secret_keys"));
        let _limits = (parts.rate_limits().unwrap(), shares("rate_limits"));
        let _connections = (parts.connections().unwrap(), shares("connections"));
        let _tokens = (parts.tokens().unwrap(), shares("tokens"));
        let _jira = (parts.jira().unwrap(), shares("jira"));
        let _idempotency = (parts.idempotency().unwrap(), shares("idempotency"));
        let _states = (parts.oauth_states().unwrap(), shares("oauth_states"));
        let _consents = (parts.pending_consents().unwrap(), shares("pending_consents"));
        let _finalizer = (parts.finalizer().unwrap(), shares("finalizer"));
        let _idle = (parts.idle_connections().unwrap(), shares("idle_connections"));
        let _reseal = (parts.reseal().unwrap(), shares("reseal"));
    }

    #[test]
    fn a_part_needs_only_its_own_settings() {
        let settings = settings(|name| name == "DATABASE_URL");
        let parts = Parts::of(&settings);
        assert!(parts.connection_rows().is_ok());
        for missing in [parts.connections().map(drop), parts.tokens().map(drop), parts.sealer().map(drop)] {
            assert!(matches!(missing, Err(SettingsError::Missing { .. })), "{missing:?}");
        }
    }
}
