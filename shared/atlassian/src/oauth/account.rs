//! The account behind a consent.

use std::time::Duration;

use base::chain;
use base::config::{FromSettings, Settings, SettingsError};
use base::counters::{Counter, count};
use base::tls::{SHORT_BODY, read_body};
use base::{deadline, retry};
use http::StatusCode;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use url::Url;

use super::consent::asks_for_the_account;
use crate::{DEFAULT_API_URL, http_client, lenient};

/// Request timeout. The account is read in parallel with the sites and must not take longer than they do.
const TIMEOUT: Duration = Duration::from_secs(3);

/// An Atlassian account's profile, for its owner only. Never stored or logged.
#[derive(Clone, Deserialize)]
pub struct Account {
    /// The Atlassian account id.
    #[serde(rename = "account_id")]
    pub id: String,
    /// The owner's name.
    #[serde(default, deserialize_with = "lenient::text")]
    pub name: Option<String>,
    /// The email address, which distinguishes several accounts of one person.
    #[serde(default, deserialize_with = "lenient::text")]
    pub email: Option<String>,
}

/// Identifies the account behind a consent. Settings: `ATLASSIAN_API_URL`, `DEFAULT_JIRA_SCOPES`.
pub struct Accounts {
    http: reqwest::Client,
    me: Url,
    /// Whether the scope for reading the account is requested.
    is_asked_for: bool,
}

/// Why an account is unknown.
#[derive(Debug, thiserror::Error)]
pub enum AccountError {
    /// The consent does not include the scope.
    #[error("the consent does not allow to ask")]
    NotAllowed,
    /// Anything else, possibly transient.
    #[error("{0}")]
    Failed(String),
}

impl FromSettings for Accounts {
    fn from_settings(settings: &Settings) -> Result<Self, SettingsError> {
        let mut me = settings.service_url("ATLASSIAN_API_URL", Some(DEFAULT_API_URL))?;
        me.set_path("/me");
        Ok(Self { http: http_client()?, me, is_asked_for: asks_for_the_account(settings)? })
    }
}

impl Accounts {
    /// Reads the account behind an access token. Atlassian returns it only with the scope `read:me`. If that scope is
    /// not requested, a failure gives `None`. If it is, a failure is an error: otherwise a person could remove the
    /// scope from the consent page's URL and so avoid the check whether their consent replaces another account.
    ///
    /// Retried once after a lost response or a server error.
    ///
    /// <https://developer.atlassian.com/cloud/jira/platform/oauth-2-3lo-apps/#how-do-i-retrieve-the-public-profile-of-the-authenticated-user->
    pub async fn of(&self, access_token: &SecretString) -> Result<Option<Account>, AccountError> {
        let may_pass = |error: &AccountError| self.is_asked_for && matches!(error, AccountError::Failed(_));
        match retry::twice(|| self.ask(access_token), may_pass).await {
            Ok(account) => Ok(Some(account)),
            Err(error) if self.is_asked_for => Err(error),
            Err(AccountError::NotAllowed) => Ok(None),
            Err(AccountError::Failed(cause)) => {
                tracing::warn!(%cause, "consenting account unknown");
                Ok(None)
            }
        }
    }

    async fn ask(&self, access_token: &SecretString) -> Result<Account, AccountError> {
        count(Counter::JiraRequests);
        let failed = |error: reqwest::Error| AccountError::Failed(chain(&error.without_url()));
        let request = self.http.get(self.me.clone()).timeout(deadline::at_most(TIMEOUT));
        let response = request.bearer_auth(access_token.expose_secret()).send().await.map_err(failed)?;
        match response.status() {
            StatusCode::OK => {}
            // The token itself is valid, or the list of sites, read with the same token, reports that it is not.
            StatusCode::UNAUTHORIZED => return Err(AccountError::NotAllowed),
            status => return Err(AccountError::Failed(format!("status {}", status.as_u16()))),
        }
        let body = read_body(response, SHORT_BODY).await.map_err(failed)?;
        // The decoder's error could quote the profile.
        let account: Option<Account> = lenient::from_slice(&body).ok();
        let account = account.filter(|account| !account.id.is_empty());
        account.ok_or_else(|| AccountError::Failed("no account with an id".to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_malformed_value_loses_no_account() {
        let account: Account = serde_json::from_str(r#"{"account_id":"1:a","name":7,"email":[]}"#).unwrap();
        assert_eq!((account.id.as_str(), account.name, account.email), ("1:a", None, None));
    }
}
