//! Hands out valid access tokens and never loses a refresh token.
//!
//! The order of the steps makes this safe:
//!
//! 1. A cached access token is handed out until it is about to expire: one Redis request, no Postgres.
//! 2. A caller that finds none takes a lock, so that of many callers one refreshes and the others wait for its result.
//! 3. The new tokens are committed to Postgres, in place of exactly the refresh token that was exchanged, before the
//!    access token is used, cached or returned.
//! 4. If the process dies in between, nothing is lost as long as the provider accepts the old refresh token again for a
//!    while.
//! 5. If Postgres is unavailable at that point, Redis keeps the new tokens, sealed, for the next caller to commit.
//! 6. If Redis is unavailable, a lock on the row in Postgres replaces the Redis lock.

mod refresh;
mod session;
mod site_lookup;
mod stash;

pub use session::Session;
pub(crate) use stash::{reseal_stash, stash_key};

use std::time::Duration;

use base::counters::{Counter, count};
use base::crypto::Sealer;
use base::retry::Pauses;
use futures_util::future::BoxFuture;
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use stores::upstash::{Command, Upstash, UpstashError};
use time::OffsetDateTime;
use uuid::Uuid;

use super::access_token::AccessToken;
use super::cache::{self, Snapshot, TOKEN_MARGIN};
use super::key::{ConnectionKey, TokenColumn};
use super::lock::Lock;
use super::recent_issues;
use super::rotation::SealedTokens;
use super::row::Connection;
use super::store::Connections;
use crate::error::{Error, Result};
use crate::provider::{Grant, Providers, TokenEndpoint};

/// Initial and maximum interval at which a caller polls for the result of another caller's refresh.
const POLL_MIN: Duration = Duration::from_millis(80);
const POLL_MAX: Duration = Duration::from_millis(400);

/// Obtains sessions, and refreshes access tokens as needed.
pub struct Tokens {
    connections: Connections,
    endpoints: Providers<Box<dyn TokenEndpoint>>,
}

/// What one caller can do with a connection.
enum SessionState {
    /// Use it as is.
    Session(Session),
    /// Refresh its access token.
    Stale,
    /// Nothing: only a new consent helps.
    Ended,
}

impl Tokens {
    pub(crate) fn new(connections: Connections, endpoints: Providers<Box<dyn TokenEndpoint>>) -> Self {
        Self { connections, endpoints }
    }

    /// Returns a session for a connection, after refreshing its access token if necessary.
    ///
    /// # Errors
    /// 404 if there is no connection, 403 with `needs_reauthorization` if only a new consent helps, 5xx if the provider
    /// or a store fails, which does not affect the connection.
    pub async fn session(&self, key: &ConnectionKey) -> Result<Session> {
        self.obtain(key, None).await
    }

    /// Like [`Self::session`], with the value of another Redis key, which the same command reads; `None` if there is
    /// none, or Redis is unavailable.
    pub(crate) async fn session_and(
        &self,
        key: &ConnectionKey,
        other: &str,
    ) -> Result<(Session, Option<String>)> {
        let (entry, other) = entry_and_other(self.redis().run(cache::read_with(key, other)).await);
        Ok((self.session_from_entry(key, None, entry).await?, other))
    }

    /// Like [`Self::session_and`], with the ids of the issues recently created through the connection, which a search
    /// has to name. This costs one more command in the same Redis request.
    pub(crate) async fn session_for_search(
        &self,
        key: &ConnectionKey,
        other: &str,
    ) -> Result<(Session, Option<String>, Vec<String>)> {
        let commands = [cache::read_with(key, other), recent_issues::read(key)];
        let (values, recent_issues) = match self.redis().pipeline(commands).await {
            Ok([values, recent_issues]) => (Ok(values), recent_issues::decode(&recent_issues)),
            Err(error) => (Err(error), Vec::new()),
        };
        let (entry, other) = entry_and_other(values);
        Ok((self.session_from_entry(key, None, entry).await?, other, recent_issues))
    }

    /// Like [`Self::session`], but with a different access token than the one the provider just rejected (a 401 that is
    /// not about scopes). Of many callers with the same rejected token, one refreshes.
    pub async fn session_after_rejection(
        &self,
        key: &ConnectionKey,
        rejected: &AccessToken,
    ) -> Result<Session> {
        self.obtain(key, Some(&rejected.value)).await
    }

    /// Records an issue that was just created through a connection, for [`Self::session_for_search`]. Best effort: if
    /// it fails, searches find the issue a little later.
    pub async fn remember_issue(&self, key: &ConnectionKey, issue_id: &str) {
        if let Err(error) = self.redis().run(recent_issues::remember(key, issue_id)).await {
            tracing::warn!(cause = %error, "new issue not recorded for searches");
        }
    }

    async fn obtain(&self, key: &ConnectionKey, rejected: Option<&SecretString>) -> Result<Session> {
        let entry = self.redis().run(cache::read(key)).await;
        self.session_from_entry(key, rejected, entry).await
    }

    /// Returns the session of a cache entry, or obtains one if the entry is not usable. Boxed, so that the futures
    /// of its many callers are small, and so that it is compiled here and not again in every function.
    fn session_from_entry<'a>(
        &'a self,
        key: &'a ConnectionKey,
        rejected: Option<&'a SecretString>,
        entry: Result<Value, UpstashError>,
    ) -> BoxFuture<'a, Result<Session>> {
        Box::pin(async move {
            let entry = match entry {
                Ok(entry) => entry,
                Err(error) => return self.obtain_without_redis(key, rejected, error).await,
            };
            match cached_session(self.decode(key, &entry), rejected)? {
                Some(session) => Ok(session),
                None => self.obtain_under_lock(key, rejected).await,
            }
        })
    }

    fn decode(&self, key: &ConnectionKey, entry: &Value) -> Option<Snapshot> {
        cache::decode(entry, key, self.connections.sealer())
    }

    fn redis(&self) -> &Upstash {
        &self.connections.redis
    }

    async fn find(&self, key: &ConnectionKey) -> Result<Connection> {
        self.connections.find(key).await?.ok_or_else(Error::connection_not_found)
    }

    /// Waits for the lock, or for the result of its holder. Only the holder uses Postgres, so fifty concurrent callers
    /// cost one database connection.
    async fn obtain_under_lock(
        &self,
        key: &ConnectionKey,
        rejected: Option<&SecretString>,
    ) -> Result<Session> {
        let lock = Lock::for_refresh(key).map_err(Error::internal)?;
        let mut pauses = Pauses::new(POLL_MIN, POLL_MAX);
        let mut has_waited = false;
        loop {
            let commands = [lock.take(), cache::read(key), Command::get(&stash_key(key))];
            let [taken, entry, stash] = match self.redis().pipeline(commands).await {
                Ok(results) => results,
                Err(error) => return self.obtain_without_redis(key, rejected, error).await,
            };
            let is_mine = !taken.is_null();
            let entry = self.decode(key, &entry);
            let version = entry.as_ref().map(|entry| entry.version);
            if let Some(cached) = cached_session(entry, rejected).transpose() {
                if is_mine {
                    self.release_lock(&lock).await;
                }
                return cached;
            }
            if is_mine {
                // Invalidate the rejected token, so it is not handed out again even if this refresh fails.
                if let (Some(version), Some(_)) = (version, rejected)
                    && let Err(error) = self.redis().run(cache::barrier(key, version)).await
                {
                    tracing::warn!(cause = %error, "rejected token still cached");
                }
                let work = self.refresh(key, rejected, stash.as_str());
                let outcome = lock.hold(self.redis(), work).await;
                return self.finish(key, rejected, &lock, outcome).await;
            }
            if !has_waited {
                has_waited = true;
                count(Counter::RefreshesWaitedFor);
            }
            if !pauses.sleep_in_time().await {
                return Err(Error::timed_out(
                    "Another request is refreshing this connection's token and has not finished. Try again.",
                ));
            }
        }
    }

    /// Caches the row and releases the lock, in this order and in one request, so that the next holder sees the result.
    async fn finish(
        &self,
        key: &ConnectionKey,
        rejected: Option<&SecretString>,
        lock: &Lock,
        outcome: Result<Connection>,
    ) -> Result<Session> {
        let row = match outcome {
            Ok(row) => row,
            Err(error) => {
                self.release_lock(lock).await;
                return Err(error);
            }
        };
        let snapshot = self.connections.snapshot(key, &row);
        match cache::write(key, &snapshot, self.connections.sealer()) {
            Ok(write) => {
                if let Err(error) = self.redis().pipeline([write, lock.release()]).await {
                    tracing::warn!(cause = %error, "refreshed token not cached");
                }
            }
            Err(error) => {
                tracing::warn!(cause = %error, "refreshed token not cached");
                self.release_lock(lock).await;
            }
        }
        session_of(&snapshot, rejected)?.ok_or_else(|| {
            Error::provider_failed(
                "The provider returned an access token that cannot be used. Try again shortly.",
                "the refreshed token is stale already",
            )
        })
    }

    async fn release_lock(&self, lock: &Lock) {
        if let Err(error) = self.redis().run(lock.release()).await {
            tracing::warn!(cause = %error, "refresh lock not released, it expires by itself");
        }
    }
}

/// Returns the session of a cached snapshot; `None` if there is no entry or it needs a refresh. Errors as of
/// [`session_of`].
fn cached_session(entry: Option<Snapshot>, rejected: Option<&SecretString>) -> Result<Option<Session>> {
    entry.map_or(Ok(None), |snapshot| session_of(&snapshot, rejected))
}

/// Returns the session of a snapshot; `None` if it needs a refresh.
///
/// # Errors
/// 403 if only a new consent helps.
fn session_of(snapshot: &Snapshot, rejected: Option<&SecretString>) -> Result<Option<Session>> {
    match evaluate(snapshot, rejected) {
        SessionState::Session(session) => Ok(Some(session)),
        SessionState::Stale => Ok(None),
        SessionState::Ended => Err(Error::needs_reauthorization()),
    }
}

/// Evaluates a snapshot for a caller.
fn evaluate(snapshot: &Snapshot, rejected: Option<&SecretString>) -> SessionState {
    let now = OffsetDateTime::now_utc();
    if snapshot.is_invalid || snapshot.expires_at <= now {
        return SessionState::Ended;
    }
    let Some(token) = &snapshot.access_token else { return SessionState::Stale };
    let is_rejected =
        rejected.is_some_and(|rejected| rejected.expose_secret() == token.value.expose_secret());
    if token.expires_at <= now + TOKEN_MARGIN || is_rejected {
        return SessionState::Stale;
    }
    SessionState::Session(Session {
        connection_id: snapshot.id,
        access_token: token.clone(),
        site_id: snapshot.site_id.clone(),
        site: snapshot.site.clone(),
        project_id: snapshot.project_id.clone(),
        granted_scopes: snapshot.granted_scopes.clone(),
        allowed_projects: snapshot.allowed_projects.clone(),
    })
}

/// Splits the reply to [`cache::read_with`].
fn entry_and_other(values: Result<Value, UpstashError>) -> (Result<Value, UpstashError>, Option<String>) {
    match values {
        Ok(mut values) => {
            let other = values.get(1).and_then(Value::as_str).map(str::to_owned);
            (Ok(values.get_mut(0).map(Value::take).unwrap_or_default()), other)
        }
        Err(error) => (Err(error), None),
    }
}

/// Seals a grant for a connection. If the provider issued no new refresh token, the previous one remains valid.
pub(crate) fn seal(
    sealer: &Sealer,
    key: &ConnectionKey,
    id: &Uuid,
    grant: &Grant,
    previous: &SecretString,
) -> Result<SealedTokens> {
    let refresh_token = grant.refresh_token.as_ref().unwrap_or(previous);
    let seal = |token: &SecretString, column| {
        sealer.seal(token.expose_secret(), &key.token_binding(id, column)).map_err(Error::internal)
    };
    Ok(SealedTokens {
        refresh_token: seal(refresh_token, TokenColumn::Refresh)?,
        access_token: seal(&grant.access_token, TokenColumn::Access)?,
        access_token_expires_at: grant.expires_at,
        granted_scopes: grant.scopes.clone(),
    })
}
