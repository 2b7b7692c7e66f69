//! Access tokens that are always good, and refresh tokens that never get lost.
//!
//! The order of things is what keeps them safe:
//!
//! 1. A cached access token is handed out as long as it lasts: one Redis request, no Postgres.
//! 2. Whoever finds none takes a lock, so that of many callers one refreshes and the others wait for its result.
//! 3. The new tokens are committed to Postgres, in place of exactly the refresh token that was exchanged, before
//!    the access token is used, cached or returned.
//! 4. A process that dies in between has cost nothing where the provider accepts the old refresh token again for a
//!    while.
//! 5. If Postgres is away just then, the new tokens wait in Redis, sealed, for the next caller to commit them.
//! 6. If Redis is away, the row itself is the lock.

mod learn;
mod refresh;
mod stash;

pub(crate) use stash::{reseal_stash, stash_key};

use std::time::Duration;

use base::counters::{Counter, count};
use base::crypto::{CryptoError, Sealer};
use base::retry::Pauses;
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use stores::upstash::{Command, Upstash, UpstashError};
use time::OffsetDateTime;
use uuid::Uuid;

use super::cache::{self, Snapshot, TOKEN_MARGIN};
use super::key::ConnectionKey;
use super::lock::Lock;
use super::recent_issues;
use super::rotation::SealedTokens;
use super::row::Connection;
use super::store::Connections;
use crate::error::{Error, Result};
use crate::provider::{Grant, NamedSite, Providers, TokenEndpoint};

/// How long a caller that waits for another's refresh rests between two looks; it grows to the second figure.
const FIRST_LOOK: Duration = Duration::from_millis(80);
const SLOWEST_LOOK: Duration = Duration::from_millis(400);

/// What opens the provider's API right now.
pub struct AccessToken {
    /// The token.
    pub value: SecretString,
    /// When it ends.
    pub expires_at: OffsetDateTime,
}

/// A connection that is ready for calls to the provider.
pub struct Session {
    /// The connection's own id.
    pub connection_id: Uuid,
    /// A token that is good for at least another minute.
    pub access_token: AccessToken,
    /// The chosen site.
    pub site_id: Option<String>,
    /// What that site is called and where it is; `None` where that has to be learned, without an address where nobody
    /// tells.
    pub site: Option<NamedSite>,
    /// The selected project of that site.
    pub project_id: Option<String>,
}

/// Gives out sessions.
pub struct Tokens {
    connections: Connections,
    sealer: Sealer,
    endpoints: Providers<Box<dyn TokenEndpoint>>,
}

/// What is known of a connection for one caller.
enum Known {
    /// It can be used as it is.
    Session(Session),
    /// It needs a refresh.
    Stale,
    /// Only a new consent helps.
    Ended,
}

impl Tokens {
    pub(crate) fn new(
        connections: Connections,
        sealer: Sealer,
        endpoints: Providers<Box<dyn TokenEndpoint>>,
    ) -> Self {
        Self { connections, sealer, endpoints }
    }

    /// A session for a connection, refreshed when needed.
    ///
    /// # Errors
    /// 404 for an unknown connection, 403 with `needs_reauthorization` when only a new consent helps, 5xx when
    /// the provider or a store fails; the connection is not affected by those.
    pub async fn session(&self, key: &ConnectionKey) -> Result<Session> {
        self.obtain(key, None).await
    }

    /// As [`Self::session`], with the ids of the issues that were made through the connection lately, which a search has
    /// to be told of: one command more in the same request.
    ///
    /// # Errors
    /// As [`Self::session`].
    pub async fn session_for_search(&self, key: &ConnectionKey) -> Result<(Session, Vec<String>)> {
        let look = [cache::read(key), recent_issues::read(key)];
        let (entry, recent_issues) = match self.redis().pipeline(look).await {
            Ok([entry, recent_issues]) => (Ok(entry), recent_issues::decode(&recent_issues)),
            Err(error) => (Err(error), Vec::new()),
        };
        Ok((self.decide(key, None, entry).await?, recent_issues))
    }

    /// A session with another access token than the one that the provider has just rejected (a 401 that is not
    /// about scopes). Of many callers with the same rejected token, one refreshes.
    ///
    /// # Errors
    /// As [`Self::session`].
    pub async fn session_after_rejection(
        &self,
        key: &ConnectionKey,
        rejected: &AccessToken,
    ) -> Result<Session> {
        self.obtain(key, Some(&rejected.value)).await
    }

    /// Remembers an issue that was just made through a connection, for [`Self::session_for_search`]. If that
    /// fails, a search may find the issue a little later.
    pub async fn remember_issue(&self, key: &ConnectionKey, issue_id: &str) {
        if let Err(error) = self.redis().run(recent_issues::remember(key, issue_id)).await {
            tracing::warn!(cause = %error, "new issue not recorded for searches");
        }
    }

    async fn obtain(&self, key: &ConnectionKey, rejected: Option<&SecretString>) -> Result<Session> {
        let entry = self.redis().run(cache::read(key)).await;
        self.decide(key, rejected, entry).await
    }

    /// Gives the session of a cache entry, or goes on without one.
    async fn decide(
        &self,
        key: &ConnectionKey,
        rejected: Option<&SecretString>,
        entry: Result<Value, UpstashError>,
    ) -> Result<Session> {
        // The rare ways are in boxes: the usual one is then a small future.
        let entry = match entry {
            Ok(entry) => entry,
            Err(error) => return Box::pin(self.obtain_without_redis(key, rejected, error)).await,
        };
        match self.usable(cache::decode(&entry), rejected)? {
            Some(session) => Ok(session),
            None => Box::pin(self.obtain_under_lock(key, rejected)).await,
        }
    }

    fn redis(&self) -> &Upstash {
        &self.connections.redis
    }

    async fn find(&self, key: &ConnectionKey) -> Result<Connection> {
        self.connections.find(key).await?.ok_or_else(Error::connection_not_found)
    }

    /// A cached snapshot's session, if it decides the matter. A value that does not open (sealed with a key that
    /// was rotated out, say) counts as no entry.
    fn usable(&self, entry: Option<Snapshot>, rejected: Option<&SecretString>) -> Result<Option<Session>> {
        let Some(snapshot) = entry else { return Ok(None) };
        match self.consider(&snapshot, rejected) {
            Ok(Known::Session(session)) => Ok(Some(session)),
            Ok(Known::Ended) => Err(Error::needs_reauthorization()),
            Ok(Known::Stale) | Err(_) => Ok(None),
        }
    }

    /// The session of a snapshot; none when it needs a refresh.
    ///
    /// # Errors
    /// 403 when only a new consent helps, 500 when its access token does not open.
    fn session_of(&self, snapshot: &Snapshot, rejected: Option<&SecretString>) -> Result<Option<Session>> {
        match self.consider(snapshot, rejected).map_err(Error::internal)? {
            Known::Session(session) => Ok(Some(session)),
            Known::Stale => Ok(None),
            Known::Ended => Err(Error::needs_reauthorization()),
        }
    }

    /// What a snapshot comes down to.
    ///
    /// # Errors
    /// When its access token does not open.
    fn consider(&self, snapshot: &Snapshot, rejected: Option<&SecretString>) -> Result<Known, CryptoError> {
        let now = OffsetDateTime::now_utc();
        if snapshot.is_invalid || snapshot.expires_at <= now {
            return Ok(Known::Ended);
        }
        let Some(token) = &snapshot.access_token else { return Ok(Known::Stale) };
        if token.expires_at <= now + TOKEN_MARGIN {
            return Ok(Known::Stale);
        }
        let value = self.sealer.open(&token.sealed, &snapshot.id.to_string())?;
        if rejected.is_some_and(|rejected| rejected.expose_secret() == value.expose_secret()) {
            return Ok(Known::Stale);
        }
        Ok(Known::Session(Session {
            connection_id: snapshot.id,
            access_token: AccessToken { value, expires_at: token.expires_at },
            site_id: snapshot.site_id.clone(),
            site: snapshot.site.clone(),
            project_id: snapshot.project_id.clone(),
        }))
    }

    /// Waits for the lock, or for the result of whoever holds it. Only the holder goes to Postgres: fifty callers
    /// at once cost it one connection.
    async fn obtain_under_lock(
        &self,
        key: &ConnectionKey,
        rejected: Option<&SecretString>,
    ) -> Result<Session> {
        let lock = Lock::of(key).map_err(Error::internal)?;
        let mut pauses = Pauses::new(FIRST_LOOK, SLOWEST_LOOK);
        let mut has_waited = false;
        loop {
            let look = [lock.take(), cache::read(key), Command::get(&stash_key(key))];
            let [taken, entry, stash] = match self.redis().pipeline(look).await {
                Ok(results) => results,
                Err(error) => return self.obtain_without_redis(key, rejected, error).await,
            };
            let is_mine = !taken.is_null();
            let entry = cache::decode(&entry);
            let version = entry.as_ref().map(|entry| entry.version);
            let cached = self.usable(entry, rejected);
            if !matches!(cached, Ok(None)) {
                if is_mine {
                    self.let_go(&lock).await;
                }
                return cached.and_then(|session| session.ok_or_else(Error::connection_not_found));
            }
            if is_mine {
                // A token that the provider has rejected is not handed out again, whatever becomes of this refresh.
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

    /// Publishes what the row holds now and lets go of the lock, in this order and in one request, so that the
    /// next holder sees the result.
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
                self.let_go(lock).await;
                return Err(error);
            }
        };
        let snapshot = Snapshot::from(&row);
        let published = self.redis().pipeline([cache::write(key, &snapshot), lock.release()]).await;
        if let Err(error) = published {
            tracing::warn!(cause = %error, "refreshed token not cached");
        }
        self.session_of(&snapshot, rejected)?.ok_or_else(|| {
            Error::provider_failed(
                "The provider returned an access token that cannot be used. Try again shortly.",
                "the refreshed token is stale already",
            )
        })
    }

    async fn let_go(&self, lock: &Lock) {
        if let Err(error) = self.redis().run(lock.release()).await {
            tracing::warn!(cause = %error, "refresh lock not released, it expires by itself");
        }
    }
}

/// Seals a grant for a connection. A provider that names no new refresh token keeps the previous one valid.
pub(crate) fn seal(
    sealer: &Sealer,
    id: &Uuid,
    grant: &Grant,
    previous: &SecretString,
) -> Result<SealedTokens> {
    let aad = id.to_string();
    let refresh_token = grant.refresh_token.as_ref().unwrap_or(previous);
    let seal = |token: &SecretString| sealer.seal(token.expose_secret(), &aad).map_err(Error::internal);
    Ok(SealedTokens {
        refresh_token: seal(refresh_token)?,
        access_token: seal(&grant.access_token)?,
        access_token_expires_at: grant.expires_at,
        granted_scopes: grant.scopes.clone(),
    })
}
