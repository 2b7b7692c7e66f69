//! Whose consent it is.

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

/// It is asked for beside the sites and must not make anybody wait for longer than those do.
const TIMEOUT: Duration = Duration::from_secs(3);

/// An Atlassian account, as its owner knows it. Nothing of it is stored or logged.
#[derive(Clone, Deserialize)]
pub struct Account {
    /// Atlassian's id of it.
    #[serde(rename = "account_id")]
    pub id: String,
    /// What its owner is called.
    #[serde(default, deserialize_with = "lenient::text")]
    pub name: Option<String>,
    /// Its address, which tells two accounts of one person apart.
    #[serde(default, deserialize_with = "lenient::text")]
    pub email: Option<String>,
}

/// Learns whose consent it is. Settings: `ATLASSIAN_API_URL`, `DEFAULT_JIRA_SCOPES`.
pub struct Accounts {
    http: reqwest::Client,
    me: Url,
    /// Whether consents are asked to tell.
    is_asked_for: bool,
}

/// Why an account is not known.
#[derive(Debug, thiserror::Error)]
pub enum AccountError {
    /// The consent does not allow to ask.
    #[error("the consent does not allow to ask")]
    NotAllowed,
    /// Anything else, which may pass.
    #[error("{0}")]
    Failed(String),
}

impl FromSettings for Accounts {
    fn from_settings(settings: &Settings) -> Result<Self, SettingsError> {
        let mut me = settings.service_url("ATLASSIAN_API_URL", Some(DEFAULT_API_URL))?;
        me.set_path("/me");
        Ok(Self { http: http_client()?, me, is_asked_for: asks_for_the_account(settings) })
    }
}

impl Accounts {
    /// The account behind an access token. Without the scope `read:me` Atlassian does not tell: `None`, if it is not
    /// asked for. If it is, whoever consents could otherwise take it out of the address of the consent page, and with
    /// it the question whether another account is replaced.
    ///
    /// A lost answer or a failing server is asked once more.
    ///
    /// <https://developer.atlassian.com/cloud/jira/platform/oauth-2-3lo-apps/#how-do-i-retrieve-the-public-profile-of-the-authenticated-user->
    ///
    /// # Errors
    /// Where it is asked for: when the consent does not allow to ask, or Atlassian fails.
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
            // The token itself is good: the sites were listed with it, or say that it is not.
            StatusCode::UNAUTHORIZED => return Err(AccountError::NotAllowed),
            status => return Err(AccountError::Failed(format!("status {}", status.as_u16()))),
        }
        let body = read_body(response, SHORT_BODY).await.map_err(failed)?;
        // What is wrong with it could quote it.
        let account: Option<Account> = lenient::from_slice(&body).ok();
        let account = account.filter(|account| !account.id.is_empty());
        account.ok_or_else(|| AccountError::Failed("no account with an id".to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_odd_value_costs_no_account() {
        let account: Account = serde_json::from_str(r#"{"account_id":"1:a","name":7,"email":[]}"#).unwrap();
        assert_eq!((account.id.as_str(), account.name, account.email), ("1:a", None, None));
    }
}
