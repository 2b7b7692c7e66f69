//! Whose consent it is.

use std::time::Duration;

use base::chain;
use base::config::{FromSettings, Settings, SettingsError};
use base::counters::{Count, count};
use base::crypto::sha256_hex;
use base::deadline;
use base::tls::{SHORT_BODY, http_client, read_body};
use http::StatusCode;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use url::Url;
use uuid::Uuid;

use super::DEFAULT_API_URL;
use super::consent::asks_for_the_account;
use crate::error::{Error, Result};
use crate::lenient;

/// It is asked for beside the sites and must not make anybody wait for longer than those do.
const TIMEOUT: Duration = Duration::from_secs(3);

/// An Atlassian account, as its owner knows it. Nothing of it is stored or logged.
#[derive(Clone, Deserialize, Serialize)]
pub struct Account {
    /// Atlassian's id of it.
    #[serde(rename(deserialize = "account_id"), skip_serializing)]
    id: String,
    /// What its owner is called.
    #[serde(default, deserialize_with = "lenient::text")]
    pub name: Option<String>,
    /// Its address, which tells two accounts of one person apart.
    #[serde(default, deserialize_with = "lenient::text")]
    pub email: Option<String>,
}

impl Account {
    /// What is stored of the account: it tells whether another one comes, for this connection alone.
    pub(crate) fn digest(&self, connection: &Uuid) -> String {
        sha256_hex(format!("{connection}:{}", self.id).as_bytes())
    }
}

/// Learns whose consent it is. Settings: `ATLASSIAN_API_URL`, `DEFAULT_JIRA_SCOPES`.
pub struct Accounts {
    http: reqwest::Client,
    me: Url,
    /// Whether consents are asked to tell.
    is_asked_for: bool,
}

/// Why it is not known.
enum Untold {
    /// The consent does not allow to ask.
    NotAllowed,
    /// Anything else, which may pass.
    Failed(String),
}

impl FromSettings for Accounts {
    fn from_settings(settings: &Settings) -> Result<Self, SettingsError> {
        let name = "ATLASSIAN_API_URL";
        let mut me = settings.service_url(name, Some(DEFAULT_API_URL))?;
        me.set_path("/me");
        let http =
            http_client().map_err(|error| SettingsError::Invalid { name, reason: error.to_string() })?;
        Ok(Self { http, me, is_asked_for: asks_for_the_account(settings) })
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
    /// Where it is asked for: 403 when the consent does not allow to ask, 502 when Atlassian fails.
    pub async fn of(&self, access_token: &SecretString) -> Result<Option<Account>> {
        let answer = match self.ask(access_token).await {
            Err(Untold::Failed(_)) if self.is_asked_for && !deadline::at_most(TIMEOUT).is_zero() => {
                self.ask(access_token).await
            }
            answer => answer,
        };
        match answer {
            Ok(account) => Ok(Some(account)),
            Err(Untold::NotAllowed) if self.is_asked_for => Err(Error::account_unknown()),
            Err(Untold::Failed(cause)) if self.is_asked_for => Err(Error::account_unavailable(cause)),
            Err(Untold::NotAllowed) => Ok(None),
            Err(Untold::Failed(cause)) => {
                tracing::warn!(%cause, "it is not known whose consent this is");
                Ok(None)
            }
        }
    }

    async fn ask(&self, access_token: &SecretString) -> Result<Account, Untold> {
        count(Count::JiraRequests);
        let failed = |error: reqwest::Error| Untold::Failed(chain(&error.without_url()));
        let request = self.http.get(self.me.clone()).timeout(deadline::at_most(TIMEOUT));
        let response = request.bearer_auth(access_token.expose_secret()).send().await.map_err(failed)?;
        match response.status() {
            StatusCode::OK => {}
            // The token itself is good: the sites were listed with it, or say that it is not.
            StatusCode::UNAUTHORIZED => return Err(Untold::NotAllowed),
            status => return Err(Untold::Failed(format!("status {}", status.as_u16()))),
        }
        let body = read_body(response, SHORT_BODY).await.map_err(failed)?;
        // What is wrong with it could quote it.
        let account: Option<Account> = lenient::from_slice(&body).ok();
        let account = account.filter(|account| !account.id.is_empty());
        account.ok_or_else(|| Untold::Failed("no account with an id".to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_is_told_from_others_by_its_id_alone_and_per_connection() {
        let account = |text: &str| serde_json::from_str::<Account>(text).unwrap();
        let ada = account(r#"{"account_id":"1:a","name":"Ada","email":"ada@example.com","picture":"x"}"#);
        let renamed = account(r#"{"account_id":"1:a","email":null}"#);
        let odd = account(r#"{"account_id":"1:a","name":7,"email":[]}"#);
        assert_eq!(ada.digest(&Uuid::nil()), odd.digest(&Uuid::nil()));
        assert_eq!((odd.name, odd.email), (None, None));
        let other = account(r#"{"account_id":"1:b","name":"Ada","email":"ada@example.com"}"#);
        let (one, two) = (Uuid::from_u128(1), Uuid::from_u128(2));
        assert_eq!(ada.digest(&one), renamed.digest(&one));
        assert_ne!(ada.digest(&one), other.digest(&one));
        assert_ne!(ada.digest(&one), ada.digest(&two));
        let told = serde_json::to_string(&ada).unwrap();
        assert_eq!(told, r#"{"name":"Ada","email":"ada@example.com"}"#);
    }
}
