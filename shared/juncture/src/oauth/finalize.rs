//! The end of the flow: the chosen site becomes a connection.

use std::time::{Duration, Instant};

use base::deadline;

use super::browser::Browser;
use super::pending_consents::{ConnectionCode, PendingConsent, PendingConsents};
use super::return_url::ReturnUrl;
use crate::connections::{Connections, ConsentedBy};
use crate::display::DisplayName;
use crate::error::{Error, ErrorCode, Result};
use crate::provider::{Account, ProviderId, Providers, Reach, Reached, Site, SiteId};

/// How long the choice waits to learn whether another account is connected; saving asks again.
const LOOK_LIMIT: Duration = Duration::from_secs(2);

/// Finalizes connections.
pub struct Finalizer {
    consents: PendingConsents,
    reach: Providers<Box<dyn Reach>>,
    connections: Connections,
}

/// What a person chooses from.
pub struct Choice {
    /// The sites that the consent reaches.
    pub sites: Vec<Site>,
    /// The account that consented, if the provider tells.
    pub account: Option<Account>,
    /// Why no connection is made of this consent, whatever is chosen: its account cannot be told, and must be.
    pub refusal: Option<Error>,
    /// Whether that is known to be another account than the one that is connected until now.
    pub replaces_account: bool,
    /// Where the person lands at last, if the flow has an address of its own.
    pub return_url: Option<ReturnUrl>,
    /// For whom the connection is made, as the product's backend says.
    pub display_name: Option<DisplayName>,
}

impl Finalizer {
    pub(crate) fn new(
        consents: PendingConsents,
        reach: Providers<Box<dyn Reach>>,
        connections: Connections,
    ) -> Self {
        Self { consents, reach, connections }
    }

    /// What the consent behind a code lets a person choose from.
    ///
    /// # Errors
    /// 403 in another browser than the one that may finish the flow, 410 when the code is used or has expired, 5xx
    /// when Redis or the provider fails.
    pub async fn choice(
        &self,
        provider: ProviderId,
        code: &ConnectionCode,
        visitor: Option<&Browser>,
    ) -> Result<Choice> {
        let pending = self.consents.peek(provider, code, visitor).await?;
        let key = pending.connection_key(provider);
        let look =
            deadline::scope(Instant::now() + deadline::at_most(LOOK_LIMIT), self.connections.find(&key));
        let (reached, known) = tokio::join!(self.reach(provider, &pending), look);
        let Reached { sites, account } = reached?;
        let (account, refusal) = match account {
            Ok(account) => (account, None),
            Err(refusal) => (None, Some(refusal.for_caller(provider.facts()))),
        };
        let known = known.unwrap_or_else(|error| {
            tracing::warn!(cause = %error, "connected account unknown");
            None
        });
        let replaces_account = known.is_some_and(|known| known.is_of_another(account.as_ref()));
        Ok(Choice {
            sites,
            account,
            refusal,
            replaces_account,
            return_url: pending.return_url().cloned(),
            display_name: pending.display_name().cloned(),
        })
    }

    /// What a consent reaches, and whose it is.
    async fn reach(&self, provider: ProviderId, pending: &PendingConsent) -> Result<Reached> {
        let reached = self.reach.of(provider).reach(pending.access_token()).await;
        reached.map_err(|error| error.for_caller(provider.facts()))
    }

    /// Makes the connection to a site, and tells where the person lands if the flow has an address of its own: the
    /// code is used up, the rows are written in one transaction together with the provider's own, and every instance sees
    /// the new connection from then on. When the rows cannot be written, the code is good again, unless the connection
    /// was removed after the flow had begun.
    ///
    /// Unless `may_replace`, a connection of another account stays: its owner has not been told.
    ///
    /// # Errors
    /// 400 when the consent does not reach the site, 403 or 502 when its account cannot be told and must be, 409 when
    /// another account is connected, otherwise as [`Self::choice`].
    pub async fn connect(
        &self,
        provider: ProviderId,
        code: &ConnectionCode,
        visitor: Option<&Browser>,
        site: SiteId,
        may_replace: bool,
    ) -> Result<Option<ReturnUrl>> {
        let pending = self.consents.peek(provider, code, visitor).await?;
        let Reached { sites, account } = self.reach(provider, &pending).await?;
        let site = sites.into_iter().find(|available| available.id == site).ok_or_else(|| {
            Error::bad_request(
                "site_id is not a site that this consent covers: send one that fetch-available-sites lists",
            )
        })?;
        let account = account.map_err(|error| error.for_caller(provider.facts()))?;
        let pending = self.consents.take(provider, code).await?;
        let key = pending.connection_key(provider);
        let consent = ConsentedBy {
            account,
            may_replace,
            begun_at: pending.begun_at(),
            expires_at: pending.consented_at() + provider.facts().consent_lifetime,
        };
        let seal = |id: &uuid::Uuid| self.consents.seal_for(id, &pending);
        match self.connections.save(&key, &consent, seal, &site).await {
            Ok(()) => Ok(pending.return_url().cloned()),
            Err(error) => {
                if error.code() != ErrorCode::ConnectionCodeExpired {
                    self.consents.restore(code, &pending).await;
                }
                Err(error)
            }
        }
    }
}
