//! Health probes of Atlassian's hosts.

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

/// Why a host is unavailable.
#[derive(Debug, thiserror::Error)]
pub enum ProbeError {
    /// The host responded with a server error.
    #[error("status {0}")]
    Failing(u16),
    /// The request timed out.
    #[error("{0}")]
    TimedOut(String),
    /// The connection failed.
    #[error("{0}")]
    Unreachable(String),
}

impl AtlassianProbe {
    /// Probes the host of the consent page and the token endpoint.
    pub async fn auth(&self) -> Result<(), ProbeError> {
        self.ask(&self.auth).await
    }

    /// Probes the host of the API.
    pub async fn api(&self) -> Result<(), ProbeError> {
        self.ask(&self.api).await
    }

    /// Sends no credentials, so a 4xx is expected and counts as healthy.
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
