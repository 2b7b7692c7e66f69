//! A refresh: the exchange with the provider, and storing its outcome.

use std::time::Duration;

use base::counters::{Counter, count};
use base::crypto::sha256_hex;
use secrecy::{ExposeSecret, SecretString};
use stores::postgres::{bounded, within_budget};
use stores::upstash::UpstashError;
use uuid::Uuid;

use super::super::access_token::StoredAccessToken;
use super::super::cache;
use super::super::key::{ConnectionKey, TokenColumn};
use super::super::rotation::{self, SealedTokens};
use super::super::row::{Connection, find_for_update};
use super::stash::{Stash, stash_key};
use super::{Session, SessionState, Tokens, evaluate, seal, session_of};
use crate::error::{Error, Result};
use crate::provider::TokenError;

/// How long new tokens that could not be committed are kept in Redis.
const STASH_LIFETIME: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// Maximum number of attempts if the row keeps changing concurrently.
const ROUNDS: usize = 3;

/// Whether the outcome of an exchange was written to the row, which may have changed in the meantime.
enum Refreshed {
    /// It was written; this is the row now.
    Written(Box<Connection>),
    /// Another writer was first, and the row has to be read again.
    Superseded,
}

impl Tokens {
    /// Returns the row after refreshing it if necessary. It may also be a row that is invalid or expired.
    pub(super) async fn refresh(
        &self,
        key: &ConnectionKey,
        rejected: Option<&SecretString>,
        stash: Option<&str>,
    ) -> Result<Connection> {
        let mut row = self.find(key).await?;
        for _ in 0..ROUNDS {
            // Another caller may have refreshed or invalidated the row without this one seeing it in the cache.
            match evaluate(&self.connections.snapshot(key, &row), rejected) {
                SessionState::Stale => {}
                SessionState::Session(_) | SessionState::Ended => return Ok(row),
            }
            let refresh_token = row.refresh_token(self.connections.sealer(), key)?;
            let tokens = match self.stashed(key, stash, &row, &refresh_token) {
                Some(tokens) => Ok(tokens),
                None => self.exchange(key, &row.id, &refresh_token).await?,
            };
            let refreshed = match tokens {
                Ok(tokens) => self.commit(key, &row, &refresh_token, tokens).await?,
                Err(rejection) => self.reject(key, &row, rejection).await?,
            };
            match refreshed {
                Refreshed::Written(row) => return Ok(*row),
                Refreshed::Superseded => row = self.find(key).await?,
            }
        }
        Err(Error::internal("the connection kept changing while its token was refreshed"))
    }

    /// Exchanges a refresh token. The inner error is the provider's refusal of this token, whether final or in doubt;
    /// any other failure says nothing about the connection.
    async fn exchange(
        &self,
        key: &ConnectionKey,
        id: &Uuid,
        refresh_token: &SecretString,
    ) -> Result<Result<SealedTokens, TokenError>> {
        match self.endpoints.of(key.provider()).refresh(refresh_token).await {
            Ok(grant) => Ok(Ok(seal(self.connections.sealer(), key, id, &grant, refresh_token)?)),
            Err(rejection @ TokenError::Rejected(_)) => {
                count(Counter::RefreshesRejected);
                Ok(Err(rejection))
            }
            Err(doubt @ TokenError::Doubted(_)) => {
                count(Counter::RefreshesFailed);
                Ok(Err(doubt))
            }
            Err(error) => {
                count(Counter::RefreshesFailed);
                Err(error.into())
            }
        }
    }

    /// Commits new tokens in place of the exchanged one. If that fails, retries once, and then stashes them in Redis
    /// for the next caller.
    async fn commit(
        &self,
        key: &ConnectionKey,
        row: &Connection,
        exchanged: &SecretString,
        tokens: SealedTokens,
    ) -> Result<Refreshed> {
        let mut outcome = self.replace(key, row, exchanged, &tokens).await;
        if outcome.is_err() {
            outcome = self.replace(key, row, exchanged, &tokens).await;
        }
        match outcome {
            Ok(Some(_)) => {
                count(Counter::Refreshes);
                self.reload(key).await
            }
            Ok(None) => Ok(Refreshed::Superseded),
            Err(error) => {
                count(Counter::RefreshesFailed);
                let stash = Stash {
                    replaces: sha256_hex(exchanged.expose_secret().as_bytes()),
                    refresh_token: tokens.refresh_token,
                    access_token: tokens.access_token,
                    access_token_expires_at: tokens.access_token_expires_at,
                    granted_scopes: tokens.granted_scopes,
                };
                let value = serde_json::to_string(&stash).map_err(Error::internal)?;
                let stash = stash_key(key);
                let keep = cache::set_unless_removed(key, row.version, &stash, &value, STASH_LIFETIME);
                let kept = self.redis().run(keep).await;
                tracing::error!(kept = kept.is_ok(), "refreshed tokens not committed");
                Err(error)
            }
        }
    }

    /// Stores new tokens in place of the exchanged one and returns the new version; `None` if the row holds another
    /// token or is gone. If the same token was only re-sealed in the meantime, it is replaced anyway, because only the
    /// new tokens are valid.
    async fn replace(
        &self,
        key: &ConnectionKey,
        row: &Connection,
        exchanged: &SecretString,
        tokens: &SealedTokens,
    ) -> Result<Option<i64>> {
        let mut stored = row.refresh_token.clone();
        for _ in 0..ROUNDS {
            if let Some(version) = self.connections.rotate(&row.id, &stored, tokens).await? {
                return Ok(Some(version));
            }
            let Some(now) = self.connections.find(key).await?.filter(|now| now.id == row.id) else { break };
            let holds_it = now
                .refresh_token(self.connections.sealer(), key)
                .is_ok_and(|held| held.expose_secret() == exchanged.expose_secret());
            if !holds_it || now.refresh_token == stored {
                break;
            }
            stored = now.refresh_token;
        }
        Ok(None)
    }

    /// Marks the connection invalid. A refusal in doubt is only recorded and returned as the error, until it has lasted
    /// long enough.
    async fn reject(
        &self,
        key: &ConnectionKey,
        row: &Connection,
        rejection: TokenError,
    ) -> Result<Refreshed> {
        if matches!(rejection, TokenError::Doubted(_)) {
            match self.connections.record_refusal(&row.id, &row.refresh_token).await? {
                None => return Ok(Refreshed::Superseded),
                Some(false) => return Err(rejection.into()),
                Some(true) => {}
            }
        }
        if self.connections.invalidate(&row.id, &row.refresh_token).await?.is_none() {
            return Ok(Refreshed::Superseded);
        }
        count(Counter::ConnectionsInvalidated);
        tracing::warn!(connection_id = %row.id, cause = %rejection, "connection needs reauthorization");
        self.reload(key).await
    }

    /// Reads the row again after a write: another project may have been selected during the exchange.
    async fn reload(&self, key: &ConnectionKey) -> Result<Refreshed> {
        Ok(Refreshed::Written(Box::new(self.find(key).await?)))
    }

    /// Returns the stashed tokens if they replace the row's current refresh token and can be decrypted.
    fn stashed(
        &self,
        key: &ConnectionKey,
        stash: Option<&str>,
        row: &Connection,
        current: &SecretString,
    ) -> Option<SealedTokens> {
        let stash: Stash = serde_json::from_str(stash?).ok()?;
        let follows = stash.replaces == sha256_hex(current.expose_secret().as_bytes());
        let binding = key.token_binding(&row.id, TokenColumn::Refresh);
        let opens = self.connections.sealer().open(stash.refresh_token.as_str(), &binding).is_ok();
        (follows && opens).then_some(SealedTokens {
            refresh_token: stash.refresh_token,
            access_token: stash.access_token,
            access_token_expires_at: stash.access_token_expires_at,
            granted_scopes: stash.granted_scopes,
        })
    }

    /// Obtains a session without Redis: a lock on the row in Postgres replaces the Redis lock. It is held during the
    /// refresh, so a caller that waited for it finds the new access token in the row.
    pub(super) async fn obtain_without_redis(
        &self,
        key: &ConnectionKey,
        rejected: Option<&SecretString>,
        reason: UpstashError,
    ) -> Result<Session> {
        tracing::warn!(cause = %reason, "Redis unavailable, using Postgres");
        let row = self.find(key).await?;
        if let Some(session) = session_of(&self.connections.snapshot(key, &row), rejected)? {
            return Ok(session);
        }
        let mut client = self.connections.rows().postgres().connection().await?;
        let transaction = within_budget(client.transaction()).await?;
        let row = bounded(&transaction, find_for_update(&transaction, key))
            .await?
            .ok_or_else(Error::connection_not_found)?;
        if let Some(session) = session_of(&self.connections.snapshot(key, &row), rejected)? {
            count(Counter::RefreshesWaitedFor);
            drop(transaction);
            client.release();
            return Ok(session);
        }
        let refresh_token = row.refresh_token(self.connections.sealer(), key)?;
        let row = match self.exchange(key, &row.id, &refresh_token).await? {
            Ok(tokens) => {
                let written = async {
                    let version =
                        rotation::rotate(&transaction, &row.id, &row.refresh_token, &tokens).await?;
                    within_budget(transaction.commit()).await?;
                    Ok::<_, Error>(version)
                };
                match written.await {
                    Ok(version) => {
                        client.release();
                        match version {
                            Some(version) => {
                                count(Counter::Refreshes);
                                rotated(&row, tokens, version)
                            }
                            None => self.find(key).await?,
                        }
                    }
                    // The provider has issued new tokens, so they must be stored, over another connection if necessary.
                    Err(error) => {
                        tracing::warn!(
                            cause = error.cause_chain(),
                            "refreshed tokens not committed at first, trying another connection"
                        );
                        drop(client);
                        match self.commit(key, &row, &refresh_token, tokens).await? {
                            Refreshed::Written(row) => *row,
                            Refreshed::Superseded => self.find(key).await?,
                        }
                    }
                }
            }
            Err(rejection) => {
                let is_doubt = matches!(rejection, TokenError::Doubted(_));
                if is_doubt
                    && rotation::record_refusal(&transaction, &row.id, &row.refresh_token).await?
                        != Some(true)
                {
                    within_budget(transaction.commit()).await?;
                    client.release();
                    return Err(rejection.into());
                }
                let version = rotation::invalidate(&transaction, &row.id, &row.refresh_token).await?;
                within_budget(transaction.commit()).await?;
                client.release();
                count(Counter::ConnectionsInvalidated);
                tracing::warn!(connection_id = %row.id, cause = %rejection, "connection needs reauthorization");
                version.map_or_else(|| row.clone(), |version| invalidated(&row, version))
            }
        };
        // Redis may be available again, and must not keep serving a stale entry.
        self.connections.publish(key, &self.connections.snapshot(key, &row)).await;
        session_of(&self.connections.snapshot(key, &row), rejected)?
            .ok_or_else(|| Error::internal("the refreshed token is stale already"))
    }
}

fn rotated(row: &Connection, tokens: SealedTokens, version: i64) -> Connection {
    Connection {
        version,
        granted_scopes: tokens.granted_scopes.or_else(|| row.granted_scopes.clone()),
        refresh_token: tokens.refresh_token,
        access_token: Some(StoredAccessToken {
            sealed: tokens.access_token,
            expires_at: tokens.access_token_expires_at,
        }),
        is_invalid: false,
        ..row.clone()
    }
}

fn invalidated(row: &Connection, version: i64) -> Connection {
    Connection { version, access_token: None, is_invalid: true, ..row.clone() }
}
