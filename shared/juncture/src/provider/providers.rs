//! One value per provider.

use base::config::{FromSettings, Settings, SettingsError};
use base::oauth::{Consent, RequestedScopes, TokenEndpoint};

use super::discovery::Discovery;
use super::id::ProviderId;
use super::jira::{JiraConsent, JiraDiscovery, JiraTokenEndpoint, requested_scopes};

/// One value per provider, such as its [`Consent`], [`TokenEndpoint`] or [`Discovery`].
pub struct Providers<T> {
    jira: T,
}

impl<T> Providers<T> {
    /// The value of a provider.
    pub fn of(&self, provider: ProviderId) -> &T {
        match provider {
            ProviderId::Jira => &self.jira,
        }
    }

    /// Builds the value of each provider.
    pub(crate) fn build<E>(make: impl Fn(ProviderId) -> Result<T, E>) -> Result<Self, E> {
        Ok(Self { jira: make(ProviderId::Jira)? })
    }
}

/// Settings: those of [`JiraConsent`].
impl FromSettings for Providers<Box<dyn Consent>> {
    fn from_settings(settings: &Settings) -> Result<Self, SettingsError> {
        Ok(Self { jira: Box::new(JiraConsent::from_settings(settings)?) })
    }
}

/// Settings: those of [`requested_scopes`].
impl FromSettings for Providers<RequestedScopes> {
    fn from_settings(settings: &Settings) -> Result<Self, SettingsError> {
        Ok(Self { jira: requested_scopes(settings)? })
    }
}

/// Settings: those of [`JiraTokenEndpoint`].
impl FromSettings for Providers<Box<dyn TokenEndpoint>> {
    fn from_settings(settings: &Settings) -> Result<Self, SettingsError> {
        Ok(Self { jira: Box::new(JiraTokenEndpoint::from_settings(settings)?) })
    }
}

/// Settings: those of [`JiraDiscovery`].
impl FromSettings for Providers<Box<dyn Discovery>> {
    fn from_settings(settings: &Settings) -> Result<Self, SettingsError> {
        Ok(Self { jira: Box::new(JiraDiscovery::from_settings(settings)?) })
    }
}
