//! The end of the flow: the chosen site becomes a connection.

use super::browser::Browser;
use super::flow::{ConnectionCode, Flow};
use super::return_url::ReturnUrl;
use super::store::Store;
use crate::config::{FromSettings, Settings, SettingsError};
use crate::error::{Error, Result};
use crate::provider::ProviderId;
use crate::provider::jira::{CONSENT_LIFETIME, ChosenSite, Site, SiteId, Sites};

/// Finalizes connections to Jira. Settings: those of [`Flow`], [`Sites`] and [`Store`].
pub struct Finalizer {
    flow: Flow,
    sites: Sites,
    store: Store,
}

/// What a person chooses from.
pub struct Choice {
    /// The Jira sites that the consent reaches.
    pub sites: Vec<Site>,
    /// Where the person lands at last, if the flow has an address of its own.
    pub return_url: Option<ReturnUrl>,
}

impl FromSettings for Finalizer {
    fn from_settings(settings: &Settings) -> Result<Self, SettingsError> {
        Ok(Self {
            flow: Flow::from_settings(settings)?,
            sites: Sites::from_settings(settings)?,
            store: Store::from_settings(settings)?,
        })
    }
}

impl Finalizer {
    /// What the consent behind a code lets a person choose from.
    ///
    /// # Errors
    /// 403 in another browser than the one that may finish the flow, 410 when the code is used or has expired, 5xx
    /// when Redis or Atlassian fails.
    pub async fn choice(&self, code: &ConnectionCode, visitor: Option<&Browser>) -> Result<Choice> {
        let pending = self.flow.peek(ProviderId::Jira, code, visitor).await?;
        let sites = self.sites.list(&pending.access_token()).await?;
        Ok(Choice { sites, return_url: pending.return_url().cloned() })
    }

    /// Makes the connection to a site, and tells where the person lands if the flow has an address of its own: the
    /// code is used up, the rows are written in one transaction together with Jira's own, and every instance sees
    /// the new connection from then on. When the rows cannot be written, the code is good again.
    ///
    /// # Errors
    /// 400 when the consent does not reach the site, otherwise as [`Self::choice`].
    pub async fn connect(
        &self,
        code: &ConnectionCode,
        visitor: Option<&Browser>,
        site: SiteId,
    ) -> Result<Option<ReturnUrl>> {
        if !self.choice(code, visitor).await?.sites.iter().any(|available| available.id == site) {
            return Err(Error::bad_request(
                "site_id is not a site that this consent reaches: send one that fetch-available-sites lists",
            ));
        }
        let pending = self.flow.take(ProviderId::Jira, code).await?;
        let address = pending.address(ProviderId::Jira);
        let lifetime = (pending.consented_at(), CONSENT_LIFETIME);
        let seal = |id: &uuid::Uuid| self.flow.seal_for(id, &pending);
        let redis = self.flow.redis();
        match self.store.save(redis, &address, lifetime, seal, &ChosenSite(site)).await {
            Ok(connection) => {
                self.flow.publish(&address, &connection).await;
                Ok(pending.return_url().cloned())
            }
            Err(error) => {
                self.flow.restore(code, &pending).await;
                Err(error)
            }
        }
    }
}
