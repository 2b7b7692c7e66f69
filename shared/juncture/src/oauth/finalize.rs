//! The last step of the flow: connecting the chosen site.

use std::time::{Duration, Instant};

use base::deadline;

use super::browser::Browser;
use super::pending_consents::{ConnectionCode, PendingConsent, PendingConsents};
use super::return_url::ReturnUrl;
use crate::connections::{Connections, ConsentedBy};
use crate::display::DisplayName;
use crate::error::{Error, ErrorCode, Result};
use crate::provider::{Account, Discovered, Discovery, ProviderId, Providers, Site, SiteId};

/// Time limit for reading the existing connection before the choice is shown. Saving checks the account again.
const LOOKUP_TIMEOUT: Duration = Duration::from_secs(2);

/// Turns pending consents into connections.
pub struct Finalizer {
    consents: PendingConsents,
    discovery: Providers<Box<dyn Discovery>>,
    connections: Connections,
}

/// What is needed to show the choice of a site.
pub struct Choice {
    /// The sites that the consent gives access to.
    pub sites: Vec<Site>,
    /// The account that consented, if known.
    pub account: Option<Account>,
    /// Why this consent cannot be connected at all: its account has to be known and could not be read.
    pub refusal: Option<Error>,
    /// Whether the account is known to differ from the one that is connected now.
    pub replaces_account: bool,
    /// Where the person is sent at the end, if the flow has its own return URL.
    pub return_url: Option<ReturnUrl>,
    /// Whom the connection is for, in the words of the product's backend.
    pub display_name: Option<DisplayName>,
}

impl Finalizer {
    pub(crate) fn new(
        consents: PendingConsents,
        discovery: Providers<Box<dyn Discovery>>,
        connections: Connections,
    ) -> Self {
        Self { consents, discovery, connections }
    }

    /// Returns the choice for the pending consent of a connection code. The code stays valid.
    ///
    /// # Errors
    /// 403 in a browser that may not finish the flow, 410 if the code was used or has expired or the consent was
    /// withdrawn, 5xx if Redis or the provider fails.
    pub async fn choice(
        &self,
        provider: ProviderId,
        code: &ConnectionCode,
        visitor: Option<&Browser>,
    ) -> Result<Choice> {
        let pending = self.consents.peek(provider, code, visitor).await?;
        let key = pending.connection_key(provider);
        let existing =
            deadline::scope(Instant::now() + deadline::at_most(LOOKUP_TIMEOUT), self.connections.find(&key));
        let (discovered, known) = tokio::join!(self.discover(provider, &pending), existing);
        let Discovered { sites, account } = discovered?;
        let (account, refusal) = match account {
            Ok(account) => (account, None),
            Err(refusal) => (None, Some(refusal.for_caller(provider.info()))),
        };
        let known = known.unwrap_or_else(|error| {
            tracing::warn!(cause = %error, "connected account unknown");
            None
        });
        let replaces_account = known.is_some_and(|known| known.belongs_to_another(account.as_ref()));
        Ok(Choice {
            sites,
            account,
            refusal,
            replaces_account,
            return_url: pending.return_url().cloned(),
            display_name: pending.display_name().cloned(),
        })
    }

    /// Lists the sites of a consent and reads its account.
    async fn discover(&self, provider: ProviderId, pending: &PendingConsent) -> Result<Discovered> {
        let discovered = self.discovery.of(provider).discover(pending.access_token()).await;
        discovered.map_err(|error| error.for_caller(provider.info()))
    }

    /// Connects a site, and returns where to send the person if the flow has its own return URL.
    ///
    /// Uses the code up, then writes the generic rows and the provider's own in one transaction; every instance sees
    /// the new connection from then on. If the rows cannot be written, the code becomes valid again, unless the
    /// connection was removed after the flow began.
    ///
    /// Unless `may_replace`, a connection of another account is kept, because the person has not confirmed replacing
    /// it.
    ///
    /// # Errors
    /// 400 if the consent does not give access to the site, 403 or 502 if its account has to be known and could not be
    /// read, 409 if another account is connected. Otherwise those of [`Self::choice`].
    pub async fn connect(
        &self,
        provider: ProviderId,
        code: &ConnectionCode,
        visitor: Option<&Browser>,
        site: SiteId,
        may_replace: bool,
    ) -> Result<Option<ReturnUrl>> {
        let pending = self.consents.peek(provider, code, visitor).await?;
        let Discovered { sites, account } = self.discover(provider, &pending).await?;
        let site = sites.into_iter().find(|available| available.id == site).ok_or_else(|| {
            Error::bad_request(
                "site_id is not a site that this consent covers: send one that fetch-available-sites lists",
            )
        })?;
        let account = account.map_err(|error| error.for_caller(provider.info()))?;
        let pending = self.consents.take(provider, code).await?;
        let key = pending.connection_key(provider);
        let consent = ConsentedBy {
            account,
            may_replace,
            begun_at: pending.begun_at(),
            expires_at: pending.consented_at() + provider.info().consent_lifetime,
        };
        let seal = |id: &uuid::Uuid| self.consents.seal_for(&key, id, &pending);
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
