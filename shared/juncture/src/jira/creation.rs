//! Creating something in Jira, once.

use serde_json::Value;

use super::site::ConnectedSite;
use crate::error::{Error, ErrorCode, Result};
use crate::idempotency::{Attempt, Begun, Once, UnconfirmedSend};

/// Something that a request creates.
pub(super) trait Creation: Send {
    /// Where it is created, which [`Self::find`] gets back as [`UnconfirmedSend::place`].
    fn place(&self) -> String;

    /// Does what is needed before it can be sent. Any error means that nothing was created.
    fn prepare(&mut self) -> impl Future<Output = Result<()>> + Send {
        async { Ok(()) }
    }

    /// Looks for what an earlier request with the same key has created, and returns the response for it. `None` means
    /// that it is certain that there is nothing.
    ///
    /// # Errors
    /// 409 with `Retry-After` while that is not certain.
    fn find(
        &self,
        attempt: &Attempt<'_>,
        unconfirmed: &UnconfirmedSend,
    ) -> impl Future<Output = Result<Option<Value>>> + Send;

    /// Creates it, marked with a digest of the key if there is one, and returns the response.
    ///
    /// # Errors
    /// `outcome_unknown` if it may have been created; any other error means that it was not.
    fn send(self, mark: Option<&str>) -> impl Future<Output = Result<Value>> + Send;
}

impl ConnectedSite<'_> {
    /// Creates something, once for all requests with the same `Idempotency-Key` and content. All of them get the
    /// response to the first one.
    ///
    /// # Errors
    /// Those of the creation and of [`crate::idempotency::IdempotencyStore::begin`].
    pub(super) async fn once(&self, once: &Once<'_>, mut creation: impl Creation) -> Result<Value> {
        let Some(sent) = once.key else {
            creation.prepare().await?;
            return creation.send(None).await;
        };
        let attempt = match once.store.begin(&self.idempotency_key(sent), once.request).await? {
            Begun::Replay(answer) => return Ok(answer),
            Begun::Attempt(attempt) => attempt,
        };
        // Boxed, because its type is that of everything the creation does.
        let outcome = attempt.hold(Box::pin(create(&attempt, once, creation))).await;
        attempt.finish(outcome).await
    }
}

async fn create(attempt: &Attempt<'_>, once: &Once<'_>, mut creation: impl Creation) -> Result<Value> {
    if let Some(unconfirmed) = attempt.unconfirmed_send() {
        if !once.can_look_up() {
            let cause = "nothing in Jira tells what became of the first request";
            return Err(Error::provider_failed("Jira did not confirm the first request", cause).unconfirmed());
        }
        if let Some(found) = creation.find(attempt, unconfirmed).await.map_err(still_unconfirmed)? {
            return Ok(found);
        }
    }
    creation.prepare().await?;
    attempt.about_to_send(&creation.place()).await?;
    creation.send(Some(attempt.key().digest())).await
}

/// If Jira could not be searched for it, it may still exist.
fn still_unconfirmed(error: Error) -> Error {
    let is_jiras = error.status().is_server_error() && error.code() != ErrorCode::StorageUnavailable;
    if is_jiras { error.unconfirmed() } else { error }
}
