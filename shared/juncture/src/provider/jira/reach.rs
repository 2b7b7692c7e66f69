//! Whether Atlassian's hosts answer at all.

use std::time::Duration;

use base::chain;
use base::config::{FromSettings, Settings, SettingsError};
use base::deadline;
use base::tls::http_client;
use url::Url;

use super::{DEFAULT_API_URL, DEFAULT_AUTH_URL};
use crate::error::{Error, Result};

const TIMEOUT: Duration = Duration::from_secs(3);

/// Atlassian's hosts. Settings: `ATLASSIAN_AUTH_URL`, `ATLASSIAN_API_URL`.
pub struct Reach {
    http: reqwest::Client,
    auth: Url,
    api: Url,
}

impl FromSettings for Reach {
    fn from_settings(settings: &Settings) -> Result<Self, SettingsError> {
        let name = "ATLASSIAN_AUTH_URL";
        let mut auth = settings.service_url(name, Some(DEFAULT_AUTH_URL))?;
        auth.set_path("/authorize");
        let mut api = settings.service_url("ATLASSIAN_API_URL", Some(DEFAULT_API_URL))?;
        api.set_path("/oauth/token/accessible-resources");
        let http =
            http_client().map_err(|error| SettingsError::Invalid { name, reason: error.to_string() })?;
        Ok(Self { http, auth, api })
    }
}

impl Reach {
    /// Asks the host of consent and tokens.
    ///
    /// # Errors
    /// 502 or 504 when it does not answer, or that it is failing.
    pub async fn auth(&self) -> Result<()> {
        self.ask(&self.auth).await
    }

    /// Asks the host of the API.
    ///
    /// # Errors
    /// As [`Self::auth`].
    pub async fn api(&self) -> Result<()> {
        self.ask(&self.api).await
    }

    /// Nothing is sent along, so a refusal is the answer to expect.
    async fn ask(&self, url: &Url) -> Result<()> {
        let request = self.http.get(url.clone()).timeout(deadline::at_most(TIMEOUT));
        match request.send().await {
            Ok(response) if response.status().is_server_error() => Err(Error::provider_failed(
                "Atlassian is failing at the moment",
                format!("status {}", response.status().as_u16()),
            )),
            Ok(_) => Ok(()),
            Err(error) if error.is_timeout() => {
                Err(Error::timed_out("Atlassian did not answer in time").because(chain(&error.without_url())))
            }
            Err(error) => Err(Error::provider_failed(
                "Atlassian cannot be reached at the moment",
                chain(&error.without_url()),
            )),
        }
    }
}
