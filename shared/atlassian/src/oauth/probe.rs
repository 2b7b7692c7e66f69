//! Whether Atlassian's hosts answer at all.

use std::time::Duration;

use base::chain;
use base::config::{FromSettings, Settings, SettingsError};
use base::deadline;
use url::Url;

use crate::{DEFAULT_API_URL, DEFAULT_AUTH_URL, http_client};

const TIMEOUT: Duration = Duration::from_secs(3);

/// Atlassian's hosts. Settings: `ATLASSIAN_AUTH_URL`, `ATLASSIAN_API_URL`.
pub struct AtlassianProbe {
    http: reqwest::Client,
    auth: Url,
    api: Url,
}

impl FromSettings for AtlassianProbe {
    fn from_settings(settings: &Settings) -> Result<Self, SettingsError> {
        let mut auth = settings.service_url("ATLASSIAN_AUTH_URL", Some(DEFAULT_AUTH_URL))?;
        auth.set_path("/authorize");
        let mut api = settings.service_url("ATLASSIAN_API_URL", Some(DEFAULT_API_URL))?;
        api.set_path("/oauth/token/accessible-resources");
        Ok(Self { http: http_client()?, auth, api })
    }
}

/// Why a host is of no use at the moment.
#[derive(Debug, thiserror::Error)]
pub enum ProbeError {
    /// It answers that it is failing.
    #[error("status {0}")]
    Failing(u16),
    /// It did not answer in time.
    #[error("{0}")]
    TimedOut(String),
    /// There is no connection to it.
    #[error("{0}")]
    Unreachable(String),
}

impl AtlassianProbe {
    /// Asks the host of consent and tokens.
    ///
    /// # Errors
    /// When it does not answer, or that it is failing.
    pub async fn auth(&self) -> Result<(), ProbeError> {
        self.ask(&self.auth).await
    }

    /// Asks the host of the API.
    ///
    /// # Errors
    /// As [`Self::auth`].
    pub async fn api(&self) -> Result<(), ProbeError> {
        self.ask(&self.api).await
    }

    /// Nothing is sent along, so a refusal is the answer to expect.
    async fn ask(&self, url: &Url) -> Result<(), ProbeError> {
        let request = self.http.get(url.clone()).timeout(deadline::at_most(TIMEOUT));
        match request.send().await {
            Ok(response) if response.status().is_server_error() => {
                Err(ProbeError::Failing(response.status().as_u16()))
            }
            Ok(_) => Ok(()),
            Err(error) if error.is_timeout() => Err(ProbeError::TimedOut(chain(&error.without_url()))),
            Err(error) => Err(ProbeError::Unreachable(chain(&error.without_url()))),
        }
    }
}
