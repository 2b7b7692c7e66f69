//! The Jira sites that a consent gives access to, and the Atlassian account that consented.

use atlassian::oauth::{self, Accounts, READ_ME, Sites, SitesError};
use base::config::{FromSettings, Settings, SettingsError};
use futures_util::future::BoxFuture;
use secrecy::SecretString;

use crate::provider::discovery::{
    Account, AccountError, Discovered, Discovery, DiscoveryError, Site, SiteId,
};

/// Lists Jira sites and reads Atlassian accounts. Settings: those of [`Sites`] and [`Accounts`].
pub struct JiraDiscovery {
    sites: Sites,
    accounts: Accounts,
}

impl FromSettings for JiraDiscovery {
    fn from_settings(settings: &Settings) -> Result<Self, SettingsError> {
        Ok(Self { sites: Sites::from_settings(settings)?, accounts: Accounts::from_settings(settings)? })
    }
}

impl Discovery for JiraDiscovery {
    fn discover<'a>(
        &'a self,
        access_token: &'a SecretString,
    ) -> BoxFuture<'a, Result<Discovered, DiscoveryError>> {
        Box::pin(async move {
            let (sites, account) =
                tokio::join!(self.sites.list(access_token), self.accounts.of(access_token));
            let mut sites = sites?;
            // A consent withdrawn between the two requests looks like one without the scope. Listing the sites again
            // distinguishes them.
            if matches!(account, Err(oauth::AccountError::NotAllowed)) {
                sites = self.sites.list(access_token).await?;
            }
            let sites = sites.into_iter().map(Site::from).collect();
            let account = account.map(|account| account.map(Account::from)).map_err(AccountError::from);
            Ok(Discovered { sites, account })
        })
    }
}

impl From<atlassian::SiteId> for SiteId {
    fn from(id: atlassian::SiteId) -> Self {
        Self::checked(id)
    }
}

impl From<oauth::Site> for Site {
    fn from(site: oauth::Site) -> Self {
        Self { id: site.id.into(), name: site.name, url: site.url, avatar_url: site.avatar_url }
    }
}

impl From<oauth::Account> for Account {
    fn from(account: oauth::Account) -> Self {
        Self { id: account.id, name: account.name, email: account.email }
    }
}

impl From<SitesError> for DiscoveryError {
    fn from(error: SitesError) -> Self {
        match error {
            SitesError::ConsentWithdrawn => Self::ConsentWithdrawn,
            SitesError::TimedOut => Self::TimedOut,
            SitesError::Failed(cause) => Self::Failed(cause),
        }
    }
}

impl From<oauth::AccountError> for AccountError {
    fn from(error: oauth::AccountError) -> Self {
        match error {
            oauth::AccountError::NotAllowed => Self::NotAllowed(READ_ME),
            oauth::AccountError::Failed(cause) => Self::Failed(cause),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provider::jira::INFO;

    #[test]
    fn errors_name_atlassian_and_jira() {
        let sites = |error: SitesError| DiscoveryError::from(error).for_caller(&INFO).message().to_owned();
        assert_eq!(
            [SitesError::ConsentWithdrawn, SitesError::TimedOut, SitesError::Failed(String::new())]
                .map(sites),
            [
                "Atlassian no longer accepts this consent. Start connecting again.",
                "Atlassian took too long to list the Jira sites. Try again.",
                "Atlassian cannot list the Jira sites at the moment. Try again shortly.",
            ]
        );
        let account = |error| AccountError::from(error).for_caller(&INFO).message().to_owned();
        assert_eq!(
            [oauth::AccountError::NotAllowed, oauth::AccountError::Failed(String::new())].map(account),
            [
                "This consent lacks the scope read:me, so it is not known whose it is and nothing was connected. Start \
                 connecting again, and leave the address of the consent page as it is.",
                "Atlassian cannot say right now whose consent this is, so nothing was connected. Try again shortly.",
            ]
        );
    }
}
